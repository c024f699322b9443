"""Train and export the VAE of windows of a walking person's accelerometers: `python imu/train.py`."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import golden
import onnx_io
import vae

CHANNELS, LENGTH, HOP, LATENTS = 9, 64, 16, 6
TEST_WINDOWS = 208
BLOCK, FOLDS = 128, 5
ALPHA = 0.01


class Encoder(nn.Module):
    """x [B, 9, 64] -> mu, logvar, each [B, 6]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *conv(CHANNELS, 16, 5), *conv(16, 24, 5), *conv(24, 32, 3),
            nn.Flatten(), nn.Linear(32 * 8, 32), nn.LeakyReLU(0.1),
        )
        self.mu = nn.Linear(32, LATENTS)
        self.logvar = nn.Linear(32, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


def conv(channels_in, channels_out, kernel):
    """A convolution that halves the window: [B, channels_in, T] -> [B, channels_out, T / 2]."""
    layer = nn.Conv1d(channels_in, channels_out, kernel, stride=2, padding=kernel // 2)
    return layer, nn.BatchNorm1d(channels_out), nn.LeakyReLU(0.1)


class Decoder(nn.Module):
    """z [B, 6] -> x_mean [B, 9, 64]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENTS, 32), nn.ELU(), nn.Linear(32, 32 * 8), nn.ELU())
        self.grow = nn.Sequential(
            nn.ConvTranspose1d(32, 24, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(24, 16, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(16, CHANNELS, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.grow(self.dense(z).view(-1, 32, 8))


def recording():
    """The raw recording [rows, 9] in milli-g and its freeze labels [rows], float32."""
    package = Path(find_spec("aeon").submodule_search_locations[0])
    path = package / "datasets/data/Daphnet_S06R02E0/S06R02E0.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float32)
    return table[:, 1:10], table[:, 10]


def windows(rows, hop):
    """[rows, 9] -> [N, 9, 64]."""
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(rows, LENGTH, axis=0)[::hop].copy())


def folds(rows):
    """The fold, 0 to 4, of each of `rows` readings: blocks of two seconds are dealt out in turn."""
    return np.arange(rows) // BLOCK % FOLDS


def runs(rows, keep):
    """The stretches of `rows`, [rows, 9], in which `keep` holds throughout."""
    edges = np.flatnonzero(np.diff(keep)) + 1
    return [part for part, kept in zip(np.split(rows, edges), np.split(keep, edges)) if kept[0]]


def all_windows(stretches):
    """Every window that lies inside one stretch: a list of [rows, 9] -> [N, 9, 64]."""
    return torch.cat([windows(rows, 1) for rows in stretches if len(rows) >= LENGTH])


def augment(x):
    """Random gain per window and noise per reading: [B, 9, 64] -> [B, 9, 64]."""
    return x * torch.exp(0.15 * torch.randn(len(x), 1, 1)) + 0.3 * torch.randn_like(x)


def train_vae(x, epochs, objective):
    """A VAE fitted to the windows `x`, [N, 9, 64]."""
    schedule = vae.Schedule(epochs=epochs, batch=64, rate=1e-3, late_rate=2e-4,
                            late_epoch=epochs * 3 // 4, warmup=10, weight_decay=1e-4)
    model = vae.VAE(Encoder(), Decoder(), vae.GaussianLikelihood(CHANNELS))
    return vae.fit(model, x, schedule, objective, augment)


def held_out_scores(rows, epochs, objective):
    """ELBO at the mean, in nats, of windows of `rows`, [rows, 9], that its model has not seen.

    For each fold one model is fitted to the others; a window belongs to a fold when it lies inside one block.
    """
    fold_of, scores = folds(len(rows)), []
    for fold in range(FOLDS):
        model = train_vae(all_windows(runs(rows, fold_of != fold)), epochs, objective)
        unseen = all_windows(runs(rows, fold_of == fold))
        print(f"fold {fold}, {len(unseen)} unseen windows: {vae.metrics(model, unseen, samples=100)}")
        with torch.no_grad():
            scores.append(model.elbo_at_mean(unseen).numpy())
    return np.concatenate(scores)


def conformal_threshold(scores, alpha):
    """The floor(alpha (n + 1))-th smallest of the n calibration scores.

    A new score that is exchangeable with them lies below it with probability at most alpha.
    """
    rank = int(alpha * (len(scores) + 1))
    return np.sort(scores)[rank - 1]


def main():
    args = vae.arguments(__doc__, epochs=50)
    vae.seed_everything(args.seed)

    raw, labels = recording()
    first_test = len(raw) - (LENGTH + (TEST_WINDOWS - 1) * HOP)
    mean, std = raw[:first_test].mean(0), raw[:first_test].std(0)
    scaled = (raw - mean) / std
    train, test = windows(scaled[:first_test], 1), windows(scaled[first_test:], HOP)
    print(f"{first_test} rows, {len(train)} windows to train on; {len(test)} windows to test")

    objective = vae.Objective(args.beta, args.entropy_weight)
    model = train_vae(train, args.epochs, objective)
    for name, part in [("train", train), ("test", test)]:
        print(f"{name}: {vae.metrics(model, part)}")

    scores = held_out_scores(scaled[:first_test], args.epochs, objective)
    threshold = conformal_threshold(scores, ALPHA)
    with torch.no_grad():
        below = (model.elbo_at_mean(test).numpy() < threshold).mean()
    print(f"threshold {threshold:.3f} nats at alpha {ALPHA} from {len(scores)} scores, "
          f"{scores.mean():.1f} on average: {below:.1%} of the test windows lie below")
    onnx_io.save_npy(FOLDER / "calibration.npy", train[::HOP].numpy())
    write(model, test, raw[first_test:], labels[first_test:], mean, std, threshold)


def write(model, test, raw, labels, mean, std, threshold):
    """Write the graphs, the manifest, the test data and the goldens."""
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    onnx_io.save_npy(FOLDER / "recording.npy", raw)
    onnx_io.save_npy(FOLDER / "labels.npy", labels)
    vae.export(model, test, FOLDER, "x_mean")
    vae.write_manifest(FOLDER / "elbow.toml", "imu", {
        "encoder": {
            "onnx": "encoder.onnx", "input": "x", "mean": "mu",
            "spread": {"output": "logvar", "head": "logvar", "clamp": [-14, 6]},
        },
        "decoder": {
            "onnx": "decoder.onnx", "latent": "z", "mean": "x_mean",
            "likelihood": {"family": "gaussian", "log_sigma": model.likelihood.log_sigma.tolist()},
        },
        "window": {"channels": CHANNELS, "length": LENGTH, "hop": HOP, "mean": mean, "std": std},
        "score": {"kind": "elbo_at_mean", "alpha": ALPHA, "threshold": threshold},
    })
    golden.write(FOLDER)


if __name__ == "__main__":
    main()
