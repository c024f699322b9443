"""Decoders of one operator each, with vector-Jacobian products by PyTorch in float64.

    python tests/gradients/golden.py [NAME ...]

needs torch, onnx and numpy as in tests/zoo/requirements.txt. Per case it writes NAME.onnx and NAME.npy:
rows of latent, cotangent of the output and gradient of the latent, one behind the other.
"""

import pathlib
import sys
import warnings
import zlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = pathlib.Path(__file__).parent
Z, ROWS = 4, 4
SCALES = [0.3, 1.0, 1.0, 3.0]


class Decoder(nn.Module):
    """A linear layer to `shape`, then the operator."""

    def __init__(self, shape, function, *parts):
        super().__init__()
        self.shape, self.function = shape, function
        self.first = nn.Linear(Z, int(np.prod(shape)))
        self.parts = nn.ModuleList(parts)

    def forward(self, z):
        return self.function(self.first(z).reshape(1, *self.shape), *self.parts)


def flat(function, *parts, n=12):
    return lambda: Decoder([n], function, *[part() for part in parts])


def image(function, *parts, shape=(4, 5, 6)):
    return lambda: Decoder(list(shape), function, *[part() for part in parts])


def halves(function):
    return flat(lambda x: function(*x.chunk(2, -1)))


def batch_norm(make):
    def of():
        norm = make()
        norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5), nn.init.uniform_(norm.bias)
        return norm.eval()
    return of


def conv(*a, **k):
    return lambda: nn.Conv2d(*a, **k)


def conv_t(*a, **k):
    return lambda: nn.ConvTranspose2d(*a, **k)


def attention(x):
    q, k, v = x.chunk(3, -1)
    q, k, v = [t.reshape(1, 5, 2, 4).transpose(1, 2) for t in (q, k, v)]
    return torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v


def rms(x):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)



C = torch.tensor([0.5, -1.0, 2.0, 1.5, -0.25, 0.75])
UNARY = {
    "relu": F.relu, "leaky_relu": lambda x: F.leaky_relu(x, 0.1), "elu": lambda x: F.elu(x, 0.7),
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu, "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "softplus": F.softplus,
    "exp": torch.exp, "erf": torch.erf, "clip": lambda x: torch.clamp(x, -0.5, 0.8),
    "neg": torch.neg, "abs": torch.abs, "sqrt": lambda x: torch.sqrt(x * x + 0.1),
    "square": torch.square, "reciprocal": lambda x: torch.reciprocal(x * x + 0.3),
    "log": lambda x: torch.log(x * x + 0.1), "sin": torch.sin, "cos": torch.cos,
    "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish, "selu": F.selu,
    "celu": lambda x: F.celu(x, 1.3),
    "softsign": F.softsign, "mish": F.mish, "relu6": F.relu6, "log_sigmoid": F.logsigmoid,
    "rounding": lambda x: x + torch.floor(x) + torch.ceil(x) + torch.round(x) + torch.sign(x),
}
CASES = {name: flat(function) for name, function in UNARY.items()}
CASES |= {
    "linear": flat(lambda x: x),
    "matmul": flat(lambda x, w: x @ w.weight, lambda: nn.Linear(7, 12)),
    "matmul_left": flat(lambda x, w: w.weight @ x.reshape(1, 3, 4), lambda: nn.Linear(3, 5)),
    "matmul_rows": flat(lambda x, w: w(x.reshape(1, 3, 4)), lambda: nn.Linear(4, 5)),
    "matmul_two": flat(lambda x: x[:, :6].reshape(1, 2, 3) @ x[:, 6:].reshape(1, 3, 2)),
    "matmul_stacks": flat(
        lambda x: x[:, :6].reshape(1, 2, 1, 3) @ x[:, 6:].reshape(1, 1, 3, 2)),
    "matmul_vector": flat(lambda x: (x[0, :8].reshape(2, 4) @ x[0, 8:]).reshape(1, 2)),
    "matmul_constant_stack": flat(
        lambda x, w: x.reshape(1, 1, 3, 4) @ w.weight.reshape(2, 4, 5), lambda: nn.Linear(4, 10)),
    "gemm_two": flat(lambda x: x[0, :6].reshape(3, 2).t() @ x[0, 6:].reshape(2, 3).t()),
    "einsum": flat(lambda x: torch.einsum("bij,bkj->bik", x.reshape(1, 3, 4), x.reshape(1, 3, 4))),
    "add": halves(lambda a, b: a + b), "sub": halves(lambda a, b: a - b * C),
    "mul": halves(lambda a, b: a * b), "div": halves(lambda a, b: a / (b * b + 0.5)),
    "reuse": flat(lambda x: x * x.tanh() + x),
    "broadcast": flat(lambda x: x[:, :3, None] * x[:, None, 3:] - x[:, :1, None]),
    "constant_divided": flat(lambda x: 2.0 / (1.0 + x * x)),
    "pow_2": flat(lambda x: x ** 2), "pow_3": flat(lambda x: x ** 3.0),
    "pow_half": flat(lambda x: (x * x + 0.2) ** 0.7),
    "pow_computed": halves(lambda a, b: (a * a + 0.2) ** b),
    "pow_base": flat(lambda x: torch.pow(1.7, x)),
    "min": halves(torch.minimum), "max": halves(torch.maximum),
    "max_number": flat(lambda x: torch.maximum(x, torch.tensor(0.3))),
    "prelu": image(lambda x, p: p(x), lambda: nn.PReLU(4)),
    "fmod": halves(lambda a, b: torch.fmod(a, b * b + 0.5)),
    "remainder": halves(lambda a, b: torch.remainder(a, b * b + 0.5)),
    "where": halves(lambda a, b: torch.where(a > b, a * 2, b.tanh())),
    "where_number": flat(lambda x: torch.where(x < 0.1, x * x, 0.5)),
    "comparison": halves(lambda a, b: a * (b > 0).float() + (a >= b).float()),
    "conv": image(lambda x, w: w(x), conv(4, 6, 3, padding=1)),
    "conv_valid": image(lambda x, w: w(x), conv(4, 3, (2, 3))),
    "conv_stride": image(lambda x, w: w(x), conv(4, 3, 3, stride=2, padding=1)),
    "conv_stride_rest": image(lambda x, w: w(x), conv(4, 3, 2, stride=(2, 4))),
    "conv_dilated": image(lambda x, w: w(x), conv(4, 3, 2, dilation=(2, 3), padding=(1, 2))),
    "conv_groups": image(lambda x, w: w(x), conv(4, 6, 3, groups=2, padding=1)),
    "conv_groups_stride": image(lambda x, w: w(x), conv(4, 6, 3, groups=2, stride=2)),
    "conv_depthwise": image(lambda x, w: w(x), conv(4, 4, 3, groups=4, padding=1)),
    "conv_multiplier": image(lambda x, w: w(x), conv(4, 8, 3, groups=4, padding=1)),
    "conv_wide_pads": image(lambda x, w: w(x), conv(4, 3, 2, padding=3)),
    "conv_1d": image(lambda x, w: w(x), lambda: nn.Conv1d(4, 3, 5, padding=2), shape=(4, 9)),
    "conv_transpose": image(lambda x, w: w(x), conv_t(4, 3, 3)),
    "conv_transpose_stride": image(
        lambda x, w: w(x), conv_t(4, 3, 4, stride=2, padding=1)),
    "conv_transpose_rest": image(
        lambda x, w: w(x), conv_t(4, 3, 3, stride=2, padding=1, output_padding=1)),
    "conv_transpose_dilated": image(
        lambda x, w: w(x), conv_t(4, 3, 2, stride=2, dilation=(2, 1), padding=1)),
    "conv_transpose_groups": image(
        lambda x, w: w(x), conv_t(4, 6, 3, groups=2, stride=2, padding=1, output_padding=1)),
    "conv_transpose_depthwise": image(
        lambda x, w: w(x), conv_t(4, 4, 3, groups=4, stride=2, padding=1)),
    "conv_transpose_1d": image(
        lambda x, w: w(x), lambda: nn.ConvTranspose1d(4, 3, 5, stride=3, padding=1), shape=(4, 5)),
    "batch_norm": image(lambda x, n: n(x), batch_norm(lambda: nn.BatchNorm2d(4))),
    "batch_norm_behind_relu": flat(lambda x, n: n(F.relu(x)), batch_norm(lambda: nn.BatchNorm1d(12))),
    "layer_norm": flat(lambda x, n: n(x.reshape(1, 3, 4)), lambda: nn.LayerNorm(4)),
    "layer_norm_2": flat(lambda x: F.layer_norm(x.reshape(1, 3, 4), [3, 4])),
    "rms_norm": flat(lambda x: rms(x.reshape(1, 3, 4))),
    "group_norm": image(lambda x, n: n(x), lambda: nn.GroupNorm(2, 4)),
    "instance_norm": image(lambda x, n: n(x), lambda: nn.InstanceNorm2d(4, affine=True)),
    "softmax": flat(lambda x: torch.softmax(x.reshape(1, 3, 4), 1)),
    "log_softmax": flat(lambda x: F.log_softmax(x.reshape(1, 3, 4), -1)),
    "attention": image(attention, shape=(5, 24)),
    "reshape": flat(lambda x: x.reshape(1, 3, 4) * torch.arange(12.0).reshape(1, 3, 4)),
    "transpose": image(lambda x: x.permute(0, 2, 3, 1).tanh()),
    "expand": flat(lambda x: x.reshape(1, 12, 1, 1).expand(1, 12, 2, 3)
                   * torch.arange(72.0).reshape(1, 12, 2, 3) / 36),
    "tile": flat(lambda x: x.repeat(1, 3)),
    "concat": flat(lambda x: torch.cat([x, x.tanh(), x[:, :2]], 1)),
    "slice": flat(lambda x: x[:, 2:9]), "slice_steps": flat(lambda x: x[:, 1::3]),
    "split": flat(lambda x: x[:, :5].sum(1, keepdim=True) * x[:, 5:]),
    "flip": image(lambda x: torch.flip(x, [1, 3])),
    "pad": image(lambda x: F.pad(x, (1, 2, 0, 3), value=0.7)),
    "pad_reflect": image(lambda x: F.pad(x, (2, 1, 1, 2), mode="reflect")),
    "pad_edge": image(lambda x: F.pad(x, (2, 1, 1, 2), mode="replicate")),
    "take": flat(lambda x: x.index_select(1, torch.tensor([3, 0, 3, 3, 7]))),
    "pixel_shuffle": image(lambda x: F.pixel_shuffle(x, 2)),
    "sum": image(lambda x: x.sum(2)), "mean": image(lambda x: x.mean((1, 3), keepdim=True)),
    "amax": image(lambda x: x.amax((2, 3))), "amin": image(lambda x: x.amin(1)),
    "prod": image(lambda x: x.prod(2)), "norm": image(lambda x: torch.linalg.vector_norm(x, dim=1)),
    "norm_1": image(lambda x: x.abs().sum(3)),
    "logsumexp": image(lambda x: torch.logsumexp(x, 1)),
    "cumsum": image(lambda x: torch.cumsum(x, 2)),
    "nearest": image(lambda x: F.interpolate(x, scale_factor=2)),
    "bilinear": image(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "bilinear_down": image(lambda x: F.interpolate(x, size=(3, 4), mode="bilinear")),
    "average_pool": image(lambda x: F.avg_pool2d(x, 2)),
    "average_pool_pads": image(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "average_pool_counted": image(lambda x: F.avg_pool2d(x, 3, 2, 1)),
    "average_pool_ceil": image(lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True)),
    "global_average_pool": image(lambda x: F.adaptive_avg_pool2d(x, 1)),
    "max_pool": image(lambda x: F.max_pool2d(x, 2)),
    "max_pool_overlapping": image(lambda x: F.max_pool2d(x, 3, 2, 1)),
    "max_pool_equal": image(lambda x: F.max_pool2d(F.interpolate(x, scale_factor=2), 2, 2)),
    "max_pool_equal_overlapping": image(lambda x: F.max_pool2d(F.interpolate(x, scale_factor=2), 3, 2, 1)),
}


def built(nodes, constants, output):
    """A graph of our own: z `[1, 4]` to `y`."""
    graph = helper.make_graph(
        nodes, "decoder", [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, Z])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def random(*shape):
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


W, W34, AXIS = random(3, 4), random(1, 3), np.array(1)
BUILT = {
    "gemm_attributes": (
        lambda: built([helper.make_node("Gemm", ["z", "w", "c"], ["y"], transB=1, alpha=0.7, beta=1.3)],
                      {"w": W, "c": W34}, [1, 3]),
        lambda z: 0.7 * z @ torch.tensor(W).double().T + 1.3 * torch.tensor(W34).double()),
    "gemm_transposed_left": (
        lambda: built([helper.make_node("Gemm", ["z", "w"], ["y"], transA=1, alpha=0.7)],
                      {"w": W34}, [4, 3]),
        lambda z: 0.7 * z.T @ torch.tensor(W34).double()),
    "gemm_constant_left": (
        lambda: built([helper.make_node("Gemm", ["w", "z"], ["y"], transB=1)], {"w": W}, [3, 1]),
        lambda z: torch.tensor(W).double() @ z.T),
    "gemm_both_transposed": (
        lambda: built([helper.make_node("Gemm", ["z", "z"], ["y"], transA=1, alpha=0.5)], {}, [4, 4]),
        lambda z: 0.5 * z.T @ z),
    "gemm_computed_c": (
        lambda: built([helper.make_node("Gemm", ["z", "w", "z"], ["y"], transB=1, beta=0.4)],
                      {"w": random(4, 4)}, [1, 4]),
        lambda z: z @ torch.tensor(random(4, 4)).double().T + 0.4 * z),
    "cumsum_exclusive_reverse": (
        lambda: built([helper.make_node("CumSum", ["z", "axis"], ["y"], exclusive=1, reverse=1)],
                      {"axis": AXIS}, [1, 4]),
        lambda z: z.flip(1).cumsum(1).flip(1) - z),
    "slice_backwards": (
        lambda: built([helper.make_node("Slice", ["z", "s", "e", "a", "t"], ["y"])],
                      {"s": np.array([3]), "e": np.array([-5]), "a": AXIS[None], "t": np.array([-2])},
                      [1, 2]),
        lambda z: z[:, [3, 1]]),
    "thresholded_relu": (
        lambda: built([helper.make_node("ThresholdedRelu", ["z"], ["y"], alpha=0.2)], {}, [1, 4]),
        lambda z: torch.where(z > 0.2, z, 0.0)),
    "zero_exponent": (
        lambda: built([helper.make_node("Pow", ["z", "e"], ["y"])],
                      {"e": np.array([0, 1, 2, 3], np.float32)}, [1, 4]),
        lambda z: z ** torch.tensor([0.0, 1, 2, 3]).double()),
}


def rows(function, name):
    """Latents, cotangents and gradients; all but the last are float32 numbers."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    found = []
    for scale in SCALES:
        z = (scale * torch.randn(1, Z, generator=generator)).double().requires_grad_()
        y = function(z)
        cotangent = torch.randn(y.shape, generator=generator).double()
        (gradient,) = torch.autograd.grad(y, z, cotangent)
        found.append(torch.cat([z.detach().flatten(), cotangent.flatten(), gradient.flatten()]))
    return torch.stack(found).numpy()


def exported(name, path):
    torch.manual_seed(zlib.crc32(name.encode()))
    decoder = CASES[name]().eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    opset = 20 if name.startswith(("gelu", "mish")) else 17
    torch.onnx.export(decoder, (torch.zeros(1, Z),), path, dynamo=False, opset_version=opset,
                      input_names=["z"], output_names=["y"])
    torch.set_default_dtype(torch.float64)  # numbers that functions make are float64 as well
    values = rows(decoder.double(), name)
    torch.set_default_dtype(torch.float32)
    return values


def main(wanted):
    warnings.filterwarnings("ignore")
    for name in [*CASES, *BUILT]:
        if wanted and name not in wanted:
            continue
        path = HERE / f"{name}.onnx"
        if name in CASES:
            values = exported(name, path)
        else:
            build, function = BUILT[name]
            onnx.save(build(), path)
            values = rows(function, name)
        model = onnx.load(path)
        for node in model.graph.node:
            node.ClearField("doc_string")
        onnx.checker.check_model(model)
        onnx.save(model, path)
        assert np.isfinite(values).all(), name
        np.save(HERE / f"{name}.npy", values)


main(sys.argv[1:])
