"""Variational autoencoders with a diagonal Gaussian posterior: ELBO, training, export, manifest.

Everything is in nats and per datapoint: sums run over latents and observations, never over the batch.
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import onnx_io


def kl_divergence(loc, log_var):
    """KL(N(loc, exp log_var) || N(0, I)) in nats: [B, Z] -> [B]."""
    return 0.5 * (loc**2 + torch.expm1(log_var) - log_var).sum(-1)


def entropy(log_var):
    """H(N(loc, exp log_var)) in nats: [B, Z] -> [B]."""
    return 0.5 * (1 + math.log(2 * math.pi) + log_var).sum(-1)


def rsample(loc, log_var):
    """A reparameterized draw from N(loc, exp log_var): [B, Z] -> [B, Z]."""
    return loc + torch.exp(0.5 * log_var) * torch.randn_like(loc)


class GaussianLikelihood(nn.Module):
    """p(x | z) = N(x_mean(z), exp(log_sigma)^2), with one learned log_sigma per channel, up to `ceiling`."""

    FLOOR = -3.0

    def __init__(self, channels, ceiling=math.inf):
        super().__init__()
        self.raw = nn.Parameter(torch.full([channels], min(0.0, ceiling)))
        self.ceiling = ceiling

    @property
    def log_sigma(self):
        """[C], from FLOOR to the ceiling; a value held there keeps its gradient, so that it can leave."""
        return self.raw.detach().clamp(self.FLOOR, self.ceiling) + (self.raw - self.raw.detach())

    def log_prob(self, x, x_mean):
        """log p(x | z) in nats: [B, C, ...], [B, C, ...] -> [B]."""
        log_sigma = self.log_sigma.view(-1, *[1] * (x.dim() - 2))
        squares = ((x - x_mean) * torch.exp(-log_sigma)) ** 2
        return -(0.5 * (squares + math.log(2 * math.pi)) + log_sigma).flatten(1).sum(-1)


class BernoulliLikelihood(nn.Module):
    """p(x | z) = Bernoulli(sigmoid(x_logit(z))) for each pixel."""

    def log_prob(self, x, x_logit):
        """log p(x | z) in nats: [B, D], [B, D] -> [B]."""
        return -nn.functional.softplus((1 - 2 * x) * x_logit).sum(-1)


class VAE(nn.Module):
    """An encoder x -> (loc, log_var), a decoder z -> parameter, and a likelihood of x given it."""

    def __init__(self, encoder, decoder, likelihood):
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood

    def terms(self, x):
        """One-sample reconstruction log_prob, exact KL and entropy of q, in nats: [B, ...] -> three [B]."""
        loc, log_var = self.encoder(x)
        recon = self.likelihood.log_prob(x, self.decoder(rsample(loc, log_var)))
        return recon, kl_divergence(loc, log_var), entropy(log_var)

    def elbo_at_mean(self, x):
        """log p(x | z = mean) - KL, in nats: the deterministic score. [B, ...] -> [B]."""
        loc, log_var = self.encoder(x)
        return self.likelihood.log_prob(x, self.decoder(loc)) - kl_divergence(loc, log_var)


def seed_everything(seed):
    """Make training repeat bit for bit on the same machine and versions."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print(f"seed {seed}, torch {torch.__version__}")


def arguments(description, epochs):
    """What every training of a VAE takes on its command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL")
    parser.add_argument("--entropy-weight", type=float, default=0.0, help="weight of the posterior's entropy")
    return parser.parse_args()


@dataclass
class Objective:
    """What training maximizes: E_q[ln p(x | z)] - beta KL(q || p) + entropy_weight H(q).

    The ELBO has 1 and 0. With beta = 1 it is E_q[ln p(x, z)] + (1 + entropy_weight) H(q). All in all the
    entropy has the weight beta + entropy_weight; were that not positive, a point would be the best q.
    """

    beta: float = 1.0
    entropy_weight: float = 0.0

    def __post_init__(self):
        if not (self.beta >= 0 and self.beta + self.entropy_weight > 0):
            raise ValueError(f"{self}: expected beta >= 0 and beta + entropy_weight > 0")

    def loss(self, recon, kl, spread, ramp):
        """Minus the objective, with `ramp` of the weights, in nats: three [B] -> [B]."""
        return ramp * self.beta * kl - recon - ramp * self.entropy_weight * spread


@dataclass
class Schedule:
    """How to train: `warmup` epochs raise the weights of the KL and the entropy from 0."""

    epochs: int
    batch: int
    rate: float
    late_rate: float
    late_epoch: int
    warmup: int
    weight_decay: float


def fit(vae, x, schedule, objective, augment=lambda x: x):
    """Maximize `objective` on `x`, [N, ...], with each batch passed through `augment`."""
    optimizer = torch.optim.Adam(vae.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay)
    for epoch in range(schedule.epochs):
        optimizer.param_groups[0]["lr"] = schedule.rate if epoch < schedule.late_epoch else schedule.late_rate
        ramp = min(1.0, (epoch + 1) / schedule.warmup)
        train_epoch(vae, x, optimizer, schedule.batch, objective, ramp, augment)
    return vae.eval()


def train_epoch(vae, x, optimizer, batch, objective, ramp, augment):
    """One pass over `x` in random order; the incomplete last batch is left out."""
    vae.train()
    order = torch.randperm(len(x))
    for rows in order[: len(x) // batch * batch].split(batch):
        loss = objective.loss(*vae.terms(augment(x[rows])), ramp).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def metrics(vae, x, samples=400, active_above=0.01):
    """Mean ELBO, KL and reconstruction log_prob in nats per row of `x`, [N, ...], as one line of text.

    A latent is active where the variance of its posterior mean over the rows exceeds `active_above`
    (Burda et al. 2016).
    """
    vae.eval()
    recon = torch.stack([vae.terms(x)[0] for _ in range(samples)]).double().mean()
    loc, log_var = vae.encoder(x)
    kl = kl_divergence(loc, log_var).double().mean()
    score = vae.elbo_at_mean(x).double().mean()
    active = int((loc.var(0) > active_above).sum())
    return (f"ELBO {recon - kl:.3f}, KL {kl:.3f}, reconstruction {recon:.3f}, ELBO at the mean {score:.3f} nats, "
            f"{active} of {loc.shape[1]} latents active, log_var in [{log_var.min():.2f}, {log_var.max():.2f}]")


@torch.no_grad()
def export(vae, x, folder, decoder_output, exporters=onnx_io.EXPORTERS):
    """Write encoder and decoder with these exporters, and print the largest difference from PyTorch."""
    z = vae.encoder(x)[0]
    graphs = [
        ("encoder", vae.encoder, "x", x, ["mu", "logvar"]),
        ("decoder", vae.decoder, "z", z, [decoder_output]),
    ]
    for name, module, argument, rows, outputs in graphs:
        for exporter in exporters:
            path = folder / (f"{name}.onnx" if exporter == "dynamo" else f"{name}.{exporter}.onnx")
            onnx_io.export(module, [rows[:2]], path, exporter, [argument], outputs)
            expected = module(rows)
            expected = expected if isinstance(expected, tuple) else (expected,)
            got = onnx_io.run_rows(path, {argument: rows.numpy()})
            gap = max(np.abs(got[o] - e.numpy()).max() for o, e in zip(outputs, expected))
            nodes, opset = onnx_io.ops(path)
            print(f"{path.name}: opset {opset}, max difference {gap:.1e}, {' '.join(nodes)}")


def decimal(value):
    """The shortest decimal that reads back as the same float32, through a float64 too."""
    text = np.format_float_positional(np.float32(value), unique=True, trim="0")
    assert np.float32(float(text)) == np.float32(value)
    return text


def toml_value(value):
    """A TOML literal: text, number, list, or inline table."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return str(value) if isinstance(value, int) else decimal(value)


def write_manifest(path, name, tables):
    """Write `elbow.toml`: `tables` maps a table's name to its keys and values."""
    lines = [f"name = {toml_value(name)}"]
    for table, entries in tables.items():
        lines += ["", f"[{table}]", *(f"{key} = {toml_value(value)}" for key, value in entries.items())]
    path.write_text("\n".join(lines) + "\n")
