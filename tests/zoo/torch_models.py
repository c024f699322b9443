"""Encoders, decoders and flows in PyTorch, as people write them."""

import torch
import torch.nn.functional as F
from torch import nn

X, C, L, Z = 8, 3, 16, 4


class Heads(nn.Module):
    """A body, and mean and log-variance from one layer."""

    def __init__(self, body, width, latent=Z):
        super().__init__()
        self.body, self.heads = body, nn.Linear(width, 2 * latent)

    def forward(self, x):
        mu, logvar = self.heads(self.body(x)).chunk(2, -1)
        return mu, logvar


class Mlp(nn.Module):
    def __init__(self, activation, norm=None):
        super().__init__()
        self.first, self.norm = nn.Linear(X, 12), norm(12) if norm else nn.Identity()
        self.activation = activation
        self.mu, self.spread = nn.Linear(12, Z), nn.Linear(12, Z)

    def hidden(self, x):
        return self.activation(self.norm(self.first(x)))

    def forward(self, x):
        h = self.hidden(x)
        return self.mu(h), self.spread(h)


class SoftplusHeads(Mlp):
    def forward(self, x):
        h = self.hidden(x)
        return self.mu(h), F.softplus(self.spread(h)) + 1e-4


class BetaSoftplus(Mlp):
    def forward(self, x):
        h = self.hidden(x)
        return self.mu(h), F.softplus(self.spread(h), beta=2.0) + 1e-3


class ClampedHeads(Mlp):
    def forward(self, x):
        h = self.hidden(x)
        return self.mu(h), torch.clamp(self.spread(h), -6.0, 4.0)


class ScviEncoder(Mlp):
    """scvi-tools: variance exp(h) + eps, sampled by Normal.rsample."""

    def forward(self, x):
        h = self.hidden(torch.log1p(F.relu(x)))
        q_m, q_v = self.mu(h), torch.exp(self.spread(h)) + 1e-4
        z = torch.distributions.Normal(q_m, q_v.sqrt(), validate_args=False).rsample()
        return q_m, q_v, z


class Vae(Mlp):
    """Sampling inside the graph, by randn_like."""

    def forward(self, x):
        h = self.hidden(x)
        mu, logvar = self.mu(h), self.spread(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return z, mu, logvar


class VaeRandn(Mlp):
    """Sampling inside the graph, by randn of a fixed shape."""

    def forward(self, x):
        h = self.hidden(x)
        mu, logvar = self.mu(h), self.spread(h)
        return mu + torch.randn(1, Z) * torch.exp(0.5 * logvar), mu, logvar


class VaeUniform(Mlp):
    """Dequantized input (Uria et al., 2013), by rand_like and by rand of a fixed shape."""

    def forward(self, x):
        h = self.hidden(x + 0.01 * torch.rand_like(x) + 0.01 * torch.rand(1, X))
        return self.mu(h), self.spread(h)


class VaeEps(Mlp):
    def forward(self, x, eps):
        h = self.hidden(x)
        mu, logvar = self.mu(h), self.spread(h)
        return mu + eps * torch.exp(logvar / 2), mu, logvar


class Frozen(Mlp):
    """The sample's noise is a buffer: the same for every call."""

    def __init__(self):
        super().__init__(torch.tanh)
        self.register_buffer("noise", torch.randn(1, Z))

    def forward(self, x):
        h = self.hidden(x)
        mu, logvar = self.mu(h), self.spread(h)
        return mu + self.noise * torch.exp(0.5 * logvar), mu, logvar


class FrozenScale(Frozen):
    """The same, by other standard deviations; the sample goes on to a decoder."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.out = scale, nn.Linear(Z, X)

    def forward(self, x):
        h = self.hidden(x)
        mu, sigma = self.mu(h), self.scale(self.spread(h))
        return torch.tanh(self.out(mu + sigma * self.noise)), mu, sigma


class TrainedCells(nn.Module):
    """Cells in a Python loop, their initial states trained from standard normal values, and a gated layer
    with a trained factor: nothing here is noise."""

    def __init__(self):
        super().__init__()
        self.gru, self.lstm = nn.GRUCell(C, 6), nn.LSTMCell(C, 6)
        self.h, self.c = nn.Parameter(torch.randn(1, 6)), nn.Parameter(torch.randn(1, 6))
        self.gate, self.gamma = nn.Linear(12, 12), nn.Parameter(torch.randn(12) * 0.05)
        self.mu, self.logvar = nn.Linear(12, Z), nn.Linear(12, Z)

    def forward(self, x):
        a = h = self.h
        c = self.c
        for step in range(3):
            a = self.gru(x[:, step], a)
            h, c = self.lstm(x[:, step], (h, c))
        joined = torch.cat([a, h], dim=1)
        joined = joined + self.gamma * torch.sigmoid(self.gate(joined))
        return self.mu(joined), self.logvar(joined)


class Hierarchical(nn.Module):
    """Two latents, the second given a sample of the first."""

    def __init__(self):
        super().__init__()
        self.bottom, self.top = Mlp(torch.tanh), nn.Linear(Z, 6)
        self.mu2, self.logvar2 = nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, x):
        mu1, logvar1 = self.bottom(x)
        z1 = mu1 + torch.randn_like(mu1) * torch.exp(0.5 * logvar1)
        h = torch.tanh(self.top(z1))
        mu2, logvar2 = self.mu2(h), self.logvar2(h)
        z2 = mu2 + torch.randn_like(mu2) * torch.exp(0.5 * logvar2)
        return mu1, logvar1, mu2, logvar2, z1, z2


class ConditionalEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Heads(nn.Sequential(nn.Linear(X + C, 12), nn.ReLU()), 12)

    def forward(self, x, condition):
        return self.net(torch.cat([x, condition], -1))


class ConditionalDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(Z + C, 12), nn.ELU(), nn.Linear(12, X))

    def forward(self, z, condition):
        return torch.sigmoid(self.net(torch.cat([z, condition], -1)))


class Conv1d(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(C, 6, 3, padding=1), norm(6), nn.ReLU(), nn.Conv1d(6, 8, 3, stride=2),
            nn.LeakyReLU(0.2), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.heads = nn.Linear(8, 2 * Z)

    def forward(self, x):
        h = self.heads(self.net(x))
        return h[:, :Z], h[:, Z:]


class Separable(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(C, C * 2, 3, groups=C, padding=1), nn.Conv1d(C * 2, 8, 1), nn.Hardswish(),
            nn.AvgPool1d(2, ceil_mode=True), nn.Conv1d(8, 8, 3, dilation=2, groups=8), nn.Hardsigmoid(),
            nn.Flatten())
        self.heads = nn.Linear(8 * 4, 2 * Z)

    def forward(self, x):
        return torch.split(self.heads(self.net(x)), Z, dim=-1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(C, 6, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Sequential(
            nn.BatchNorm1d(6), nn.SiLU(), nn.Conv1d(6, 6, 3, padding=1)) for _ in range(2))
        self.heads = nn.Linear(6, 2 * Z)

    def forward(self, x):
        h = self.first(x)
        for block in self.blocks:
            h = h + block(h)
        return self.heads(h.mean(-1)).chunk(2, -1)


class Tcn(nn.Module):
    """Causal: padded in front only."""

    def __init__(self):
        super().__init__()
        widths = [C, 6, 6, 8]
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 3, dilation=2 ** i)
                                   for i, (a, b) in enumerate(zip(widths, widths[1:])))
        self.heads = nn.Linear(8, 2 * Z)

    def forward(self, x):
        for i, conv in enumerate(self.convs):
            x = F.relu(conv(F.pad(x, (2 * 2 ** i, 0))))
        return self.heads(x[:, :, -1]).chunk(2, -1)


class Conv2d(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Mish(), nn.MaxPool2d(2),
            nn.ReflectionPad2d(1), nn.Conv2d(4, 6, 3, stride=2), nn.PReLU(6), nn.Flatten())
        self.heads = nn.Linear(6 * 2 * 2, 2 * Z)

    def forward(self, x):
        return self.heads(self.net(x)).chunk(2, 1)


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.down, self.up = nn.Conv1d(C, 8, 3, padding=1), nn.Linear(8, 3), nn.Linear(3, 8)
        self.heads = nn.Linear(8, 2 * Z)

    def forward(self, x):
        h = F.gelu(self.conv(x))
        scale = torch.sigmoid(self.up(F.relu(self.down(h.mean(-1)))))
        h = (h * scale.unsqueeze(-1)).amax(-1)
        return self.heads(h).chunk(2, -1)


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional=False, layers=1, last=True, steps=None):
        super().__init__()
        self.rnn = kind(C, 6, layers, batch_first=True, bidirectional=bidirectional)
        self.heads, self.last = nn.Linear(6 * (1 + bidirectional), 2 * Z), last

    def forward(self, x):
        out, state = self.rnn(x)
        h = out[:, -1] if self.last else out.mean(1)
        return self.heads(h).chunk(2, -1)


class LastState(nn.Module):
    """Only the final state is read: memory need not grow with the sequence."""

    def __init__(self, kind):
        super().__init__()
        self.rnn, self.heads = kind(C, 8, batch_first=True), nn.Linear(8, 2 * Z)

    def forward(self, x):
        _, state = self.rnn(x)
        h = state[0] if isinstance(state, tuple) else state
        return self.heads(h[-1]).chunk(2, -1)


class StreamingGru(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.heads = nn.GRUCell(C, 6), nn.Linear(6, 2 * Z)

    def forward(self, x, h):
        h = self.cell(x, h)
        mu, logvar = self.heads(h).chunk(2, -1)
        return mu, logvar, h


class StreamingLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.heads = nn.LSTM(C, 6, batch_first=True), nn.Linear(6, 2 * Z)

    def forward(self, x, h, c):
        out, (h, c) = self.rnn(x, (h, c))
        mu, logvar = self.heads(out[:, -1]).chunk(2, -1)
        return mu, logvar, h, c


class Attention(nn.Module):
    """A transformer's block over the readings, with a learned position."""

    def __init__(self):
        super().__init__()
        self.embed, self.position = nn.Linear(C, 8), nn.Parameter(torch.randn(1, L, 8) * 0.1)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation="gelu", batch_first=True,
                                                norm_first=True)
        self.heads = nn.Linear(8, 2 * Z)

    def forward(self, x):
        h = self.block(self.embed(x.transpose(1, 2)) + self.position)
        return self.heads(h.mean(1)).chunk(2, -1)


class ManualAttention(nn.Module):
    """Scaled dot products spelled out, with a causal mask."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(C, 24), nn.Linear(8, 8), nn.LayerNorm(8)
        self.register_buffer("mask", torch.triu(torch.ones(L, L, dtype=torch.bool), 1))
        self.heads = nn.Linear(8, 2 * Z)

    def forward(self, x):
        q, k, v = self.qkv(x.transpose(1, 2)).chunk(3, -1)
        q, k, v = (t.view(-1, L, 2, 4).transpose(1, 2) for t in (q, k, v))
        score = (q @ k.transpose(-2, -1)) / 2.0
        weight = score.masked_fill(self.mask, float("-inf")).softmax(-1)
        h = (weight @ v).transpose(1, 2).reshape(-1, L, 8)
        return self.heads(self.norm(self.out(h))[:, -1]).chunk(2, -1)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class SwiGlu(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.gate, self.up, self.down = (
            RmsNorm(X), nn.Linear(X, 12), nn.Linear(X, 12), nn.Linear(12, X))
        self.heads = nn.Linear(X, 2 * Z)

    def forward(self, x):
        h = self.norm(x)
        h = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return self.heads(h).chunk(2, -1)


class Activations(nn.Module):
    """One of each."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(X, X) for _ in range(10))
        self.heads = nn.Linear(X // 2, 2 * Z)

    def forward(self, x):
        functions = [F.selu, F.celu, F.elu, F.softsign, F.mish, F.hardswish, F.hardsigmoid, F.logsigmoid,
                     lambda h: F.threshold(h, 0.1, 0.0), lambda h: F.gelu(h, approximate="tanh")]
        for layer, f in zip(self.layers, functions):
            x = f(layer(x))
        return self.heads(F.glu(x, -1)).chunk(2, -1)


class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(X, 6))
        self.heads = nn.Linear(12, 2 * Z)

    def forward(self, x):
        angle = x @ self.frequencies
        return self.heads(torch.cat([angle.sin(), angle.cos()], -1)).chunk(2, -1)


class Hyperspherical(nn.Module):
    """Direction on a sphere, and a concentration (Davidson et al., 2018)."""

    def __init__(self):
        super().__init__()
        self.body, self.direction, self.kappa = nn.Linear(X, 10), nn.Linear(10, 5), nn.Linear(10, 1)

    def forward(self, x):
        h = torch.relu(self.body(x))
        return F.normalize(self.direction(h), dim=-1), F.softplus(self.kappa(h)) + 1.0


class Evidential(nn.Module):
    """Parameters of a normal-inverse-gamma (Amini et al., 2020)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(X, 10), nn.ReLU(), nn.Linear(10, 4))

    def forward(self, x):
        gamma, nu, alpha, beta = self.net(x).split(1, -1)
        return gamma, F.softplus(nu), F.softplus(alpha) + 1.0, F.softplus(beta)


class FullCovariance(nn.Module):
    """A mean, and a lower triangle with a positive diagonal."""

    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Linear(X, 10), nn.Linear(10, Z + Z * Z)

    def forward(self, x):
        h = self.out(torch.tanh(self.body(x)))
        factor = h[:, Z:].view(-1, Z, Z)
        return h[:, :Z], torch.tril(factor, -1) + torch.eye(Z) * F.softplus(factor)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Linear(X, 10), nn.Linear(10, 3 * (1 + 2 * Z))

    def forward(self, x):
        h = self.out(torch.tanh(self.body(x)))
        weight, loc, log_scale = h.split([3, 3 * Z, 3 * Z], -1)
        loc, log_scale = loc.view(-1, 3, Z), log_scale.view(-1, 3, Z).clamp(-5.0, 5.0)
        best = F.log_softmax(weight, -1)
        return best, torch.logsumexp(weight, -1), loc, log_scale, (weight.softmax(-1).unsqueeze(-1) * loc).sum(1)


class VectorQuantizer(nn.Module):
    """The nearest vector of a codebook."""

    def __init__(self):
        super().__init__()
        self.encoder, self.codebook = nn.Linear(X, Z), nn.Parameter(torch.randn(7, Z))

    def forward(self, x):
        z = self.encoder(x)
        distance = (z.unsqueeze(1) - self.codebook).pow(2).sum(-1)
        return self.codebook[distance.argmin(-1)], z


class Quantiles(nn.Module):
    """Monotone outputs by running sums."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(X, 10), nn.ReLU(), nn.Linear(10, 6))

    def forward(self, x):
        h = self.net(x)
        return torch.cumsum(F.softplus(h), -1), torch.minimum(h, h.abs().flip(-1)), torch.where(h > 0, h, -h)


class Decoder1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(Z, 8 * 4)
        self.net = nn.Sequential(
            nn.ConvTranspose1d(8, 6, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose1d(6, C, 3, stride=2, padding=1, output_padding=1))

    def forward(self, z):
        return self.net(self.first(z).view(-1, 8, 4))


class DecoderResize(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.first, self.mode = nn.Linear(Z, 4 * 3 * 3), mode
        self.conv = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, z):
        h = F.elu(self.first(z).view(-1, 4, 3, 3))
        align = {} if self.mode == "nearest" else {"align_corners": False}
        return torch.sigmoid(self.conv(F.interpolate(h, scale_factor=2, mode=self.mode, **align)))


class DecoderShuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.conv = nn.Linear(Z, 4 * 3 * 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="replicate")

    def forward(self, z):
        return F.pixel_shuffle(self.conv(F.relu(self.first(z).view(-1, 4, 3, 3))), 2)


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.middle = nn.Conv1d(C, 6, 3, stride=2, padding=1), nn.Conv1d(6, 6, 3, padding=1)
        self.up, self.out = nn.ConvTranspose1d(6, 6, 2, stride=2), nn.Conv1d(6 + C, C, 1)

    def forward(self, x):
        h = F.relu(self.down(x))
        h = F.relu(self.up(F.relu(self.middle(h))))
        return self.out(torch.cat([x, h], 1))


class RealNvp(nn.Module):
    """Affine coupling with permutations (Dinh et al., 2017): x -> (z, log |det|)."""

    def __init__(self, layers=3):
        super().__init__()
        half = X // 2
        self.nets = nn.ModuleList(nn.Sequential(nn.Linear(half, 10), nn.Tanh(), nn.Linear(10, 2 * half))
                                  for _ in range(layers))
        self.permutations = [torch.randperm(X).tolist() for _ in range(layers)]

    def forward(self, x):
        log_det = torch.zeros(x.shape[0])
        for net, permutation in zip(self.nets, self.permutations):
            x = x[:, permutation]
            a, b = x.chunk(2, -1)
            shift, log_scale = net(a).chunk(2, -1)
            log_scale = torch.tanh(log_scale)
            x = torch.cat([a, b * log_scale.exp() + shift], -1)
            log_det = log_det + log_scale.sum(-1)
        return x, log_det


class ActNormFlow(RealNvp):
    """Additive coupling, scales per value, reversed order in between (Dinh et al., 2015)."""

    def __init__(self):
        super().__init__(2)
        self.log_scale = nn.Parameter(0.1 * torch.randn(2, X))

    def forward(self, x):
        for net, log_scale in zip(self.nets, self.log_scale):
            x = x.flip(-1) * log_scale.exp()
            a, b = x.chunk(2, -1)
            x = torch.cat([a, b + net(a)[:, : X // 2]], -1)
        return x, self.log_scale.sum().expand(x.shape[0])


class Made(nn.Module):
    """Masked autoregressive network (Germain et al., 2015)."""

    def __init__(self, dim):
        super().__init__()
        degrees, hidden = torch.arange(dim), torch.arange(12) % (dim - 1)
        self.first, self.second = nn.Linear(dim, 12), nn.Linear(12, 2 * dim)
        self.register_buffer("mask1", (hidden[:, None] >= degrees[None]).float())
        self.register_buffer("mask2", (degrees.repeat(2)[:, None] > hidden[None]).float())

    def forward(self, x):
        h = torch.relu(F.linear(x, self.first.weight * self.mask1, self.first.bias))
        return F.linear(h, self.second.weight * self.mask2, self.second.bias).chunk(2, -1)


class Maf(nn.Module):
    """Density direction of a masked autoregressive flow (Papamakarios et al., 2017)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Made(X) for _ in range(2))

    def forward(self, x):
        log_det = 0.0
        for made in self.layers:
            shift, log_scale = made(x)
            log_scale = log_scale.clamp(-3.0, 3.0)
            x = ((x - shift) * torch.exp(-log_scale)).flip(-1)
            log_det = log_det - log_scale.sum(-1)
        return x, log_det


class Iaf(nn.Module):
    """Posterior by an inverse autoregressive flow (Kingma et al., 2016): (x, eps) -> (z, log q)."""

    def __init__(self):
        super().__init__()
        self.encoder, self.layers = Mlp(torch.tanh), nn.ModuleList(Made(Z) for _ in range(2))

    def forward(self, x, eps):
        mu, logvar = self.encoder(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        log_q = -0.5 * (eps.pow(2) + logvar + 1.8378770664093453).sum(-1)
        for made in self.layers:
            shift, gate = made(z)
            gate = torch.sigmoid(gate + 1.5)
            z = (gate * z + (1 - gate) * shift).flip(-1)
            log_q = log_q - torch.log(gate).sum(-1)
        return z, log_q


class Planar(nn.Module):
    """Planar flow (Rezende and Mohamed, 2015)."""

    def __init__(self):
        super().__init__()
        self.w, self.u, self.b = (nn.Parameter(0.5 * torch.randn(3, *shape)) for shape in [(X,), (X,), ()])

    def forward(self, x):
        log_det = 0.0
        for w, u, b in zip(self.w, self.u, self.b):
            h = torch.tanh((x * w).sum(-1, keepdim=True) + b)
            psi = (1 - h * h) * w
            log_det = log_det + torch.log(torch.abs(1 + (psi * u).sum(-1)) + 1e-6)
            x = x + u * h
        return x, log_det


class McDropout(Mlp):
    def forward(self, x):
        h = F.dropout(self.hidden(x), 0.2, training=True)
        return self.mu(h), self.spread(h)


GROUP = lambda channels: nn.GroupNorm(2, channels)
INSTANCE = lambda channels: nn.InstanceNorm1d(channels, affine=True)

# Name: module, and shapes of its inputs by name.
x, signal, series, image, z = {"x": (1, X)}, {"x": (1, C, L)}, {"x": (1, L, C)}, {"x": (1, 1, 8, 8)}, {"z": (1, Z)}
MODELS = {
    "mlp": (lambda: Mlp(torch.tanh), x),
    "mlp_layer_norm": (lambda: Mlp(F.gelu, nn.LayerNorm), x),
    "mlp_batch_norm": (lambda: Mlp(F.silu, nn.BatchNorm1d), x),
    "softplus_heads": (lambda: SoftplusHeads(F.relu), x),
    "beta_softplus": (lambda: BetaSoftplus(F.relu), x),
    "clamped_heads": (lambda: ClampedHeads(F.relu), x),
    "scvi": (lambda: ScviEncoder(F.relu, nn.BatchNorm1d), x),
    "vae": (lambda: Vae(torch.tanh), x),
    "vae_randn": (lambda: VaeRandn(torch.tanh), x),
    "vae_uniform": (lambda: VaeUniform(torch.tanh), x),
    "vae_eps": (lambda: VaeEps(torch.tanh), {**x, "eps": (1, Z)}),
    "frozen": (Frozen, x),
    "frozen_softplus": (lambda: FrozenScale(nn.functional.softplus), x),
    "frozen_sigmoid": (lambda: FrozenScale(torch.sigmoid), x),
    "frozen_variance": (lambda: FrozenScale(lambda h: torch.sqrt(torch.exp(h) + 1e-4)), x),
    "trained_cells": (TrainedCells, {"x": (1, 3, C)}),
    "hierarchical": (Hierarchical, x),
    "conditional_encoder": (ConditionalEncoder, {**x, "condition": (1, C)}),
    "conditional_decoder": (ConditionalDecoder, {**z, "condition": (1, C)}),
    "conv1d": (lambda: Conv1d(nn.BatchNorm1d), signal),
    "group_norm": (lambda: Conv1d(GROUP), signal),
    "instance_norm": (lambda: Conv1d(INSTANCE), signal),
    "separable": (Separable, signal),
    "residual": (Residual, signal),
    "tcn": (Tcn, signal),
    "conv2d": (Conv2d, image),
    "squeeze_excite": (SqueezeExcite, signal),
    "rnn": (lambda: Recurrent(nn.RNN), series),
    "gru": (lambda: Recurrent(nn.GRU, last=False), series),
    "lstm": (lambda: Recurrent(nn.LSTM), series),
    "bidirectional_gru": (lambda: Recurrent(nn.GRU, True, last=False), series),
    "bidirectional_lstm": (lambda: Recurrent(nn.LSTM, True, 2, last=False), series),
    "bidirectional_gru_last": (lambda: Recurrent(nn.GRU, True), series),
    "bidirectional_lstm_last": (lambda: Recurrent(nn.LSTM, True), series),
    "gru_100": (lambda: LastState(nn.GRU), {"x": (1, 100, C)}),
    "lstm_100": (lambda: LastState(nn.LSTM), {"x": (1, 100, C)}),
    "streaming_gru": (StreamingGru, {"x": (1, C), "h": (1, 6)}),
    "streaming_lstm": (StreamingLstm, {"x": (1, 1, C), "h": (1, 1, 6), "c": (1, 1, 6)}),
    "attention": (Attention, signal),
    "causal_attention": (ManualAttention, signal),
    "swiglu": (SwiGlu, x),
    "activations": (Activations, x),
    "fourier": (Fourier, x),
    "hyperspherical": (Hyperspherical, x),
    "evidential": (Evidential, x),
    "full_covariance": (FullCovariance, x),
    "mixture": (Mixture, x),
    "vector_quantizer": (VectorQuantizer, x),
    "quantiles": (Quantiles, x),
    "conv_transpose_decoder": (Decoder1d, z),
    "nearest_decoder": (lambda: DecoderResize("nearest"), z),
    "bilinear_decoder": (lambda: DecoderResize("bilinear"), z),
    "shuffle_decoder": (DecoderShuffle, z),
    "unet": (Unet, signal),
    "realnvp": (RealNvp, x),
    "actnorm_flow": (ActNormFlow, x),
    "maf": (Maf, x),
    "iaf": (Iaf, {**x, "eps": (1, Z)}),
    "planar": (Planar, x),
    "mc_dropout": (lambda: McDropout(F.relu), x),
}
