"""The accelerometers of a walking person, and what the models of their windows share."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

import detection
import golden
import onnx_io
import series
import vae

LENGTH, HOP = 64, 16
TEST_WINDOWS = 208
BLOCK = 128
ALPHA = 0.01


@dataclass
class Walking:
    """A model of some channels: its folder, those of the recording, its networks, exporters, and `rate` in Hz.

    Without a rate the manifest has none, and nothing checks time stamps.
    """

    folder: Path
    channels: slice
    networks: callable
    exporters: tuple
    rate: float | None = None

    def width(self):
        """Number of channels."""
        return self.channels.stop - self.channels.start


def halving(channels_in, channels_out, kernel):
    """A convolution that halves the window: [B, channels_in, T] -> [B, channels_out, T / 2]."""
    layer = nn.Conv1d(channels_in, channels_out, kernel, stride=2, padding=kernel // 2)
    return layer, nn.BatchNorm1d(channels_out), nn.LeakyReLU(0.1)


def recording():
    """The raw recording [rows, 9] in milli-g and its freeze labels [rows], float32."""
    package = Path(find_spec("aeon").submodule_search_locations[0])
    path = package / "datasets/data/Daphnet_S06R02E0/S06R02E0.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float32)
    return table[:, 1:10], table[:, 10]


def augment(x):
    """Random gain per window and noise per reading: [B, C, 64] -> [B, C, 64]."""
    return x * torch.exp(0.15 * torch.randn(len(x), 1, 1)) + 0.3 * torch.randn_like(x)


def train_vae(walking, x, epochs, objective):
    """A VAE fitted to the windows `x`, [N, C, 64]."""
    schedule = vae.Schedule(epochs=epochs, batch=64, rate=1e-3, late_rate=2e-4,
                            late_epoch=epochs * 3 // 4, warmup=10, weight_decay=1e-4)
    model = vae.VAE(*walking.networks(), vae.GaussianLikelihood(walking.width()))
    return vae.fit(model, x, schedule, objective, augment)


def held_out_scores(walking, rows, epochs, objective):
    """ELBO at the mean, in nats, of windows of `rows`, [rows, C], that its model has not seen.

    For each fold one model is fitted to the others; a window belongs to a fold when it lies inside one block.
    """
    scores = []
    for fold, (others, unseen) in enumerate(series.unseen_windows(rows, BLOCK, LENGTH)):
        model = train_vae(walking, others, epochs, objective)
        print(f"fold {fold}, {len(unseen)} unseen windows: {vae.metrics(model, unseen, samples=100)}")
        with torch.no_grad():
            scores.append(model.elbo_at_mean(unseen).numpy())
    return np.concatenate(scores)


def train(walking, description, epochs):
    """Fit the model of these channels, choose its threshold, and write all that its folder holds."""
    args = vae.arguments(description, epochs)
    vae.seed_everything(args.seed)

    raw, labels = recording()
    raw = raw[:, walking.channels]
    first_test = len(raw) - (LENGTH + (TEST_WINDOWS - 1) * HOP)
    mean, std = raw[:first_test].mean(0), raw[:first_test].std(0)
    scaled = (raw - mean) / std
    fitted, test = series.windows(scaled[:first_test], LENGTH, 1), series.windows(scaled[first_test:], LENGTH, HOP)
    print(f"{first_test} rows, {len(fitted)} windows to train on; {len(test)} windows to test")

    objective = vae.Objective(args.beta, args.entropy_weight)
    model = train_vae(walking, fitted, args.epochs, objective)
    for name, part in [("train", fitted), ("test", test)]:
        print(f"{name}: {vae.metrics(model, part)}")

    scores = held_out_scores(walking, scaled[:first_test], args.epochs, objective)
    threshold = detection.threshold(scores, ALPHA)
    with torch.no_grad():
        below = (model.elbo_at_mean(test).numpy() < threshold).mean()
    print(f"threshold {threshold:.3f} nats at alpha {ALPHA} from {len(scores)} scores, "
          f"{scores.mean():.1f} on average: {below:.1%} of the test windows lie below")
    folder = walking.folder
    onnx_io.save_npy(folder / "calibration.npy", fitted[::HOP].numpy())
    onnx_io.save_npy(folder / "test.npy", test.numpy())
    onnx_io.save_npy(folder / "recording.npy", raw[first_test:])
    onnx_io.save_npy(folder / "labels.npy", labels[first_test:])
    vae.export(model, test, folder, "x_mean", walking.exporters)
    write_manifest(walking, model, mean, std, threshold)
    golden.write(folder)


def write_manifest(walking, model, mean, std, threshold):
    """Write `elbow.toml` of a trained model, of its channels' mean and standard deviation, and its threshold."""
    vae.write_manifest(walking.folder / "elbow.toml", walking.folder.name, {
        **detection.tables(model),
        "window": detection.window(walking.width(), LENGTH, HOP, walking.rate, mean, std),
        "score": {"kind": "elbo_at_mean", "alpha": ALPHA, "threshold": threshold},
    })
