"""Train and export the VAE of motions, and measure how it meets an activity that it does not know.

`python motions/train.py`
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import detection
import golden
import onnx_io
import vae
from walking import halving

CHANNELS, LENGTH, HOP, LATENTS = 6, 100, 50, 6
RATE = 10.0
ACTIVITIES = ("Badminton", "Running", "Standing", "Walking")
SHIPPED = "Standing"
FOLDS = 5
# The windows that calibrate, which are not in the repository.
KNOWN = FOLDER.parents[1] / "target/motions/known.npy"
SAMPLES = 64


class Encoder(nn.Module):
    """x [B, 6, 100] -> mu, logvar, each [B, 6]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *halving(CHANNELS, 12, 5), *halving(12, 16, 5), *halving(16, 24, 3),
            nn.Flatten(), nn.Linear(24 * 13, 24), nn.LeakyReLU(0.1),
        )
        self.mu = nn.Linear(24, LATENTS)
        self.logvar = nn.Linear(24, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    """z [B, 6] -> x_mean [B, 6, 100]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENTS, 24), nn.ELU(), nn.Linear(24, 24 * 13), nn.ELU())
        self.grow = nn.Sequential(
            nn.ConvTranspose1d(24, 16, 3, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(16, 12, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(12, CHANNELS, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.grow(self.dense(z).view(-1, 24, 13))


def examples(part):
    """Windows [40, 6, 100] and activities [40] of the part "TRAIN" or "TEST"."""
    package = Path(find_spec("aeon").submodule_search_locations[0])
    text = (package / f"datasets/data/BasicMotions/BasicMotions_{part}.ts").read_text()
    rows = [line.split(":") for line in text.split("@data\n")[1].split()]
    x = np.array([[channel.split(",") for channel in row[:-1]] for row in rows], np.float32)
    return x, np.array([row[-1] for row in rows])


def augment(x):
    """Random gain per window and noise per reading: [B, 6, 100] -> [B, 6, 100]."""
    return x * torch.exp(0.1 * torch.randn(len(x), 1, 1)) + 0.1 * torch.randn_like(x)


def fitted(x, epochs):
    """A VAE fitted to the windows `x`, [N, 6, 100]."""
    model = vae.VAE(Encoder(), Decoder(), vae.GaussianLikelihood(CHANNELS))
    return detection.fit(model, x, epochs, 8, vae.Objective(), augment)


def out_of_fold(x, epochs):
    """The score of each window of `x`, [N, 6, 100], by a model that was not fitted to it."""
    scores, fold_of = np.empty(len(x)), np.arange(len(x)) % FOLDS
    for fold in range(FOLDS):
        scores[fold_of == fold] = detection.scores(fitted(x[fold_of != fold], epochs), x[fold_of == fold])
    return scores


def without(activity, epochs):
    """The model that does not know `activity`, mean and standard deviation, scores by name, and the known test windows."""
    (train, trained), (test, tested) = examples("TRAIN"), examples("TEST")
    known = train[trained != activity]
    mean, std = known.mean((0, 2)), known.std((0, 2))
    scale = lambda x: torch.from_numpy((x - mean[:, None]) / std[:, None])
    model = fitted(scale(known), epochs)
    scores = {
        "calibration": out_of_fold(scale(known), epochs),
        "known": detection.scores(model, scale(test[tested != activity])),
        "unknown": detection.scores(model, scale(test[tested == activity])),
    }
    return model, mean, std, scores, scale(test[tested != activity])


def main():
    args = vae.arguments(__doc__, epochs=250)
    vae.seed_everything(args.seed)
    results = {}
    for activity in ACTIVITIES:
        model, mean, std, scores, known = without(activity, args.epochs)
        results[activity] = {name: [round(score, 3) for score in own] for name, own in scores.items()}
        p = {name: detection.both_tails(scores["calibration"], scores[name]) for name in ("known", "unknown")}
        print(f"{activity} unknown: median score {np.median(scores['known']):.1f} of the known, "
              f"{np.median(scores['unknown']):.1f} of it; AUROC {detection.auroc(scores['known'], scores['unknown']):.3f}, "
              f"with both tails {detection.auroc(p['known'], p['unknown']):.3f}")
        if activity == SHIPPED:
            write(model, mean, std, scores["calibration"])
            KNOWN.parent.mkdir(parents=True, exist_ok=True)
            onnx_io.save_npy(KNOWN, known.numpy())
    (FOLDER / "scores.json").write_text(json.dumps(results, indent=1) + "\n")


@torch.no_grad()
def drawn(model, count):
    """Observations that the model itself draws, z from the prior and x given z: [count, 6, 100]."""
    x_mean = model.decoder(torch.randn(count, LATENTS))
    return x_mean + torch.exp(model.likelihood.log_sigma)[:, None] * torch.randn_like(x_mean)


def write(model, mean, std, calibration):
    """Write the graphs, the manifest, windows that the model draws in place of data, and the goldens."""
    onnx_io.save_npy(FOLDER / "calibration.npy", drawn(model, SAMPLES).numpy())
    test = drawn(model, SAMPLES)
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    vae.export(model, test, FOLDER, "x_mean", ["dynamo"])
    alpha = 1 / (len(calibration) + 1)
    vae.write_manifest(FOLDER / "elbow.toml", "motions", {
        **detection.tables(model),
        "window": detection.window(CHANNELS, LENGTH, HOP, RATE, mean, std),
        "score": {"kind": "elbo_at_mean", "alpha": alpha, "threshold": detection.threshold(calibration, alpha)},
    })
    golden.write(FOLDER)


if __name__ == "__main__":
    main()
