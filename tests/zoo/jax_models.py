"""Encoders and a flow in JAX, through jax2onnx."""

import jax
import jax.numpy as jnp
from jax2onnx import to_onnx

X, C, L, Z = 8, 3, 16, 4


def weights(*shapes):
    keys = jax.random.split(jax.random.key(20261124), len(shapes))
    return [0.4 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes)]


def mlp():
    w1, w2 = weights((X, 12), (12, 2 * Z))

    def encode(x):
        return jnp.split(jnp.tanh(x @ w1) @ w2, 2, axis=-1)

    return encode, (1, X)


def layer_norm():
    w1, w2, w3 = weights((X, 12), (12, Z), (12, Z))

    def encode(x):
        h = jax.nn.gelu(x @ w1)
        h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5)
        return h @ w2, jax.nn.softplus(h @ w3) + 1e-4

    return encode, (1, X)


def conv1d():
    w1, w2 = weights((6, C, 3), (6, 2 * Z))

    def encode(x):
        h = jax.nn.silu(jax.lax.conv_general_dilated(x, w1, (2,), "SAME", dimension_numbers=("NCH", "OIH", "NCH")))
        h = h.mean(-1) @ w2
        return h[:, :Z], jnp.exp(0.5 * h[:, Z:])

    return encode, (1, C, L)


def attention():
    q, k, v, out = weights((C, 8), (C, 8), (C, 8), (8, 2 * Z))

    def encode(x):
        score = jnp.einsum("bld,bmd->blm", x @ q, x @ k) / jnp.sqrt(8.0)
        h = jnp.einsum("blm,bmd->bld", jax.nn.softmax(score, -1), x @ v)
        return jnp.split(h.max(1) @ out, 2, axis=-1)

    return encode, (1, L, C)


def coupling():
    w1, w2 = weights((X // 2, 10), (10, X))

    def flow(x):
        a, b = x[:, : X // 2], x[:, X // 2:]
        shift, log_scale = jnp.split(jnp.tanh(a @ w1) @ w2, 2, axis=-1)
        log_scale = jnp.clip(log_scale, -2.0, 2.0)
        return jnp.concatenate([b * jnp.exp(log_scale) + shift, a], -1), log_scale.sum(-1)

    return flow, (1, X)


MODELS = {"mlp": mlp, "layer_norm": layer_norm, "conv1d": conv1d, "attention": attention, "coupling": coupling}


def export(name, folder):
    function, shape = MODELS[name]()
    to_onnx(function, [shape], return_mode="file", output_path=str(folder / f"{name}.jax.onnx"))
