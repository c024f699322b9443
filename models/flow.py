"""Normalizing flows `x -> (z, log_det)`: layers, training by maximum likelihood, what a folder holds.

ln p(x) = ln N(z; 0, I) + ln |det dz/dx| is exact: no bound, no gap. Everything is in nats per datapoint.
"""

import copy
import math

import numpy as np
import torch
from torch import nn

import onnx_io
import vae


class Flow(nn.Module):
    """Layers one after another, each x [B, D] -> z [B, D], log_det [B]."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        total = 0.0
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total

    def log_prob(self, x):
        """ln p(x) in nats: [B, D] -> [B]."""
        z, log_det = self(x)
        return log_det - 0.5 * (z**2).sum(-1) - 0.5 * x.shape[-1] * math.log(2 * math.pi)


class AffineCoupling(nn.Module):
    """RealNVP (Dinh et al. 2017): one part of x stays and says how the other is scaled and shifted.

    `log_scale` is bounded by `cap`, so that no observation overflows.
    """

    def __init__(self, dim, hidden, flipped, cap=2.0):
        super().__init__()
        self.at, self.flipped, self.cap = dim // 2, flipped, cap
        kept, moved = (dim - self.at, self.at) if flipped else (self.at, dim - self.at)
        self.body = nn.Sequential(nn.Linear(kept, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.log_scale, self.shift = (zeroed(nn.Linear(hidden, moved)) for _ in range(2))

    def forward(self, x):
        a, b = x[:, : self.at], x[:, self.at :]
        kept, moved = (b, a) if self.flipped else (a, b)
        h = self.body(kept)
        log_scale = self.cap * torch.tanh(self.log_scale(h))
        moved = moved * torch.exp(log_scale) + self.shift(h)
        parts = (moved, kept) if self.flipped else (kept, moved)
        return torch.cat(parts, -1), log_scale.sum(-1)


class Autoregressive(nn.Module):
    """A layer of MAF (Papamakarios et al. 2017) by MADE (Germain et al. 2015).

    Value i is scaled and shifted by what the values before it say; `flipped` reverses the order.
    """

    def __init__(self, dim, hidden, flipped, cap=2.0):
        super().__init__()
        order = torch.arange(dim).flip(0) if flipped else torch.arange(dim)
        first, second = (torch.arange(hidden) % (dim - 1) for _ in range(2))
        self.cap = cap
        self.body = nn.Sequential(
            masked(nn.Linear(dim, hidden), first[:, None] >= order), nn.Tanh(),
            masked(nn.Linear(hidden, hidden), second[:, None] >= first), nn.Tanh(),
        )
        heads = (zeroed(nn.Linear(hidden, dim)) for _ in range(2))
        self.log_scale, self.shift = (masked(head, order[:, None] > second) for head in heads)

    def forward(self, x):
        h = self.body(x)
        log_scale = self.cap * torch.tanh(self.log_scale(h))
        return x * torch.exp(log_scale) + self.shift(h), log_scale.sum(-1)


class SplineCoupling(nn.Module):
    """Coupling by rational-quadratic splines (Durkan et al. 2019), the identity outside [-bound, bound].

    Operators that a search would need are left out: a value's bin is where `left <= x < right`, and a sum
    over the bins, of which one counts, picks its numbers.
    """

    MIN_SIZE, MIN_SLOPE = 2e-2, 5e-2

    def __init__(self, dim, hidden, flipped, bins=6, bound=4.0):
        super().__init__()
        self.at, self.flipped, self.bins, self.bound = dim // 2, flipped, bins, bound
        self.kept, self.moved = (dim - self.at, self.at) if flipped else (self.at, dim - self.at)
        self.body = nn.Sequential(nn.Linear(self.kept, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.sizes = zeroed(nn.Linear(hidden, self.moved * 2 * bins))
        self.slopes = zeroed(nn.Linear(hidden, self.moved * (bins - 1)))
        nn.init.constant_(self.slopes.bias, math.log(math.expm1(1 - self.MIN_SLOPE)))
        self.register_buffer("before", torch.triu(torch.ones(bins, bins), 1))

    def forward(self, x):
        a, b = x[:, : self.at], x[:, self.at :]
        kept, moved = (b, a) if self.flipped else (a, b)
        moved, log_slope = self.spline(moved, self.body(kept))
        parts = (moved, kept) if self.flipped else (kept, moved)
        return torch.cat(parts, -1), log_slope.sum(-1)

    def spline(self, x, h):
        """x [B, M] and the hidden values -> the spline's value and the log of its slope, each [B, M]."""
        sizes = self.sizes(h).view(-1, self.moved, 2, self.bins)
        sizes = self.MIN_SIZE + (1 - self.MIN_SIZE * self.bins) * torch.softmax(sizes, -1)
        sizes = 2 * self.bound * sizes
        starts = sizes @ self.before - self.bound
        slopes = self.MIN_SLOPE + nn.functional.softplus(self.slopes(h).view(-1, self.moved, self.bins - 1))
        ends = torch.ones_like(slopes[:, :, :1])
        left, right = torch.cat([ends, slopes], -1), torch.cat([slopes, ends], -1)

        within = x.clamp(-self.bound, self.bound).unsqueeze(-1)
        reached = (within >= starts[:, :, 0]).to(x.dtype)
        passed = torch.cat([reached[:, :, 1:], torch.zeros_like(reached[:, :, :1])], -1)
        bin = reached - passed
        pick = lambda values: (bin * values).sum(-1)

        width, height = pick(sizes[:, :, 0]), pick(sizes[:, :, 1])
        t = (within.squeeze(-1) - pick(starts[:, :, 0])) / width
        mean, d0, d1 = height / width, pick(left), pick(right)
        both = t * (1 - t)
        below = mean + (d0 + d1 - 2 * mean) * both
        y = pick(starts[:, :, 1]) + height * (mean * t * t + d0 * both) / below
        slope = mean * mean * (d1 * t * t + 2 * mean * both + d0 * (1 - t) * (1 - t)) / (below * below)
        inside = x.abs() <= self.bound
        return torch.where(inside, y, x), torch.where(inside, torch.log(slope), torch.zeros_like(x))


class Affine(nn.Module):
    """z = A (x - mean), with a triangular A of positive diagonal: the flow of a Gaussian."""

    def __init__(self, mean, matrix):
        super().__init__()
        self.linear = nn.Linear(*reversed(matrix.shape))
        self.linear.weight.data = matrix
        self.linear.bias.data = -matrix @ mean
        self.register_buffer("log_det", torch.log(torch.diagonal(matrix)).sum())

    def forward(self, x):
        return self.linear(x), self.log_det.expand(x.shape[0])


def zeroed(layer):
    """A layer that starts as zero: the flow starts as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def masked(layer, mask):
    """A layer whose weights are and stay zero where `mask` is false, so that the export needs no mask."""
    mask = mask.to(layer.weight.dtype)
    layer.weight.data *= mask
    layer.weight.register_hook(lambda gradient: gradient * mask)
    return layer


def fit(flow, x, epochs, batch, rate, weight_decay, noise):
    """Maximize ln p of `x`, [N, D], each value with `noise` added; keep the best epoch of a fifth of the rows.

    That fifth, the last of `x`, is not trained on. Gradients are clipped to length 5.
    """
    rows = len(x) * 4 // 5
    train, held_out = x[:rows], x[rows:]
    optimizer = torch.optim.AdamW(flow.parameters(), lr=rate, weight_decay=weight_decay)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    best, best_epoch, weights = -math.inf, 0, None
    for epoch in range(epochs):
        order = torch.randperm(rows)
        for part in order[: rows // batch * batch].split(batch):
            loss = -flow.log_prob(train[part] + noise * torch.randn_like(train[part])).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            optimizer.step()
        decay.step()
        with torch.no_grad():
            score = flow.log_prob(held_out).mean().item()
        if score > best:
            best, best_epoch, weights = score, epoch, copy.deepcopy(flow.state_dict())
    flow.load_state_dict(weights)
    print(f"best epoch {best_epoch + 1} of {epochs}: {best:.3f} nats on {len(held_out)} held-out rows")
    return flow.eval()


@torch.no_grad()
def log_prob64(flow, x):
    """ln p(x) in nats by `flow` in float64: [B, D] -> [B], numpy."""
    return copy.deepcopy(flow).double().log_prob(x.double()).numpy()


def gaussian_log_prob(train, x):
    """Mean ln p of `x` in nats by one Gaussian of full covariance, fitted to `train`."""
    rows = train.double()
    normal = torch.distributions.MultivariateNormal(rows.mean(0), torch.cov(rows.T, correction=0))
    return normal.log_prob(x.double()).mean().item()


def report(flow, train, test):
    """Print the mean ln p of both parts beside a Gaussian's."""
    for name, x in [("train", train), ("test", test)]:
        print(f"{name}: ln p(x) {log_prob64(flow, x).mean():.3f} nats by the flow, "
              f"{gaussian_log_prob(train, x):.3f} by one Gaussian")


@torch.no_grad()
def write(flow, test, folder, log_prob=None):
    """Write graph, manifest, test rows and goldens; print how far float32 is from float64.

    `golden/log_prob.npy` is `log_prob`, else ln p(x) by PyTorch, in float64.
    """
    path = folder / "flow.onnx"
    onnx_io.save_npy(folder / "test.npy", test.numpy())
    onnx_io.export(flow, [test[:2]], path, "dynamo", ["x"], ["z", "log_det"])
    vae.write_manifest(folder / "elbow.toml", folder.name, {
        "flow": {"onnx": "flow.onnx", "input": "x", "z": "z", "log_det": "log_det", "base": "standard_normal"},
    })
    truth = log_prob64(flow, test) if log_prob is None else log_prob
    got = onnx_io.run_rows(path, {"x": test.numpy()})
    for name, values in got.items():
        onnx_io.save_npy(folder / "golden" / f"flow.{name}.npy", values)
    onnx_io.save_npy(folder / "golden" / "log_prob.npy", truth, "<f8")
    z, log_det = (values.astype(np.float64) for values in got.values())
    sums = log_det - 0.5 * (z**2).sum(-1) - 0.5 * z.shape[1] * math.log(2 * math.pi)
    nodes, opset = onnx_io.ops(path)
    weights = sum(parameter.numel() for parameter in flow.parameters())
    print(f"{path.name}: opset {opset}, {weights} weights, {len(nodes)} nodes, {sorted(set(nodes))}, "
          f"max difference from float64 {np.abs(sums - truth).max():.1e} nats")
