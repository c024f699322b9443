"""Train and export the VAE of windows of an electrocardiogram: `python heartbeat/train.py`."""

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
import series
import vae

LENGTH, HOP, HIDDEN, LATENTS = 256, 32, 64, 6
RATE = 360.0
TRAIN, BLOCK = 3_600, 720


class Encoder(detection.DenseEncoder):
    """x [B, 1, 256] -> mu, logvar, each [B, 6]."""

    def forward(self, x):
        return super().forward(x.flatten(1))


class Decoder(detection.DenseDecoder):
    """z [B, 6] -> x_mean [B, 1, 256]."""

    def forward(self, z):
        return super().forward(z).unsqueeze(1)


def recording():
    """The raw recording [7500, 1] in millivolts and the label of each reading [7500], float32."""
    package = Path(find_spec("sktime").submodule_search_locations[0])
    table = np.genfromtxt(package / "datasets/data/mitdb/mitdb.csv", delimiter=",", skip_header=1, dtype=np.float32)
    return table[:, :1], table[:, 1]


def augment(x):
    """Random gain per window and noise per reading: [B, 1, 256] -> [B, 1, 256]."""
    return x * torch.exp(0.05 * torch.randn(len(x), 1, 1)) + 0.03 * torch.randn_like(x)


def train_vae(x, epochs, objective):
    """A VAE fitted to the windows `x`, [N, 1, 256]."""
    model = vae.VAE(Encoder(LENGTH, HIDDEN, LATENTS), Decoder(LENGTH, HIDDEN, LATENTS), vae.GaussianLikelihood(1))
    return detection.fit(model, x, epochs, 64, objective, augment)


def held_out_scores(rows, epochs, objective):
    """Scores of windows of `rows`, [rows, 1], by models that have not seen them."""
    parts = series.unseen_windows(rows, BLOCK, LENGTH)
    return np.concatenate([detection.scores(train_vae(others, epochs, objective), unseen) for others, unseen in parts])


def main():
    args = vae.arguments(__doc__, epochs=60)
    vae.seed_everything(args.seed)
    raw, labels = recording()
    mean, std = raw[:TRAIN].mean(0), raw[:TRAIN].std(0)
    scaled = (raw - mean) / std
    fitted, test = series.windows(scaled[:TRAIN], LENGTH, 1), series.windows(scaled[TRAIN:], LENGTH, HOP)
    event = series.windows(labels[TRAIN:, None], LENGTH, HOP).amax((1, 2)).numpy()

    objective = vae.Objective(args.beta, args.entropy_weight)
    model = train_vae(fitted, args.epochs, objective)
    for name, part in [("train", fitted), ("test without event", test[event == 0])]:
        print(f"{name}: {vae.metrics(model, part)}")

    held_out = held_out_scores(scaled[:TRAIN], args.epochs, objective)
    threshold = held_out.min()
    print(f"{len(held_out)} held-out scores, from {held_out.min():.2f} to {held_out.max():.2f}, "
          f"median {np.median(held_out):.2f}")
    report("VAE", lambda x: detection.scores(model, torch.as_tensor(x)), test, event)
    for name, score in detection.baselines(fitted, LATENTS).items():
        report(name, score, test, event)
    below = np.flatnonzero(detection.scores(model, test) < threshold)
    print(f"below {threshold:.2f}: windows that begin at {(TRAIN + HOP * below).tolist()}, "
          f"with event {event[below].astype(int).tolist()}")

    onnx_io.save_npy(FOLDER / "calibration.npy", fitted[::HOP].numpy())
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    onnx_io.save_npy(FOLDER / "labels.npy", event)
    onnx_io.save_npy(FOLDER / "recording.npy", raw[TRAIN:])
    vae.export(model, test, FOLDER, "x_mean", ["dynamo"])
    vae.write_manifest(FOLDER / "elbow.toml", "heartbeat", {
        **detection.tables(model),
        "window": detection.window(1, LENGTH, HOP, RATE, mean, std),
        "score": {"kind": "elbo_at_mean", "alpha": 1 / (TRAIN // LENGTH + 1), "threshold": threshold},
    })
    golden.write(FOLDER)


def report(name, score, test, event):
    """Print the AUROC of windows with the event, and the lowest scores with and without it."""
    scores = score(test)
    normal, anomalous = scores[event == 0], scores[event == 1]
    print(f"{name}: AUROC {detection.auroc(normal, anomalous):.4f}; lowest {np.sort(normal)[:4].round(2).tolist()} without, "
          f"{np.sort(anomalous)[:4].round(2).tolist()} with the event, of {len(normal)} and {len(anomalous)} windows")


if __name__ == "__main__":
    main()
