"""Train and export the VAE of a machine's vibration: `python vibration/train.py --data target/vibration`.

The data are those of `cargo run -p elbow-tests --example vibration -- target/vibration`.
"""

import argparse
import sys
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

AXES, LENGTH, LATENTS = 3, 128, 6
RATE = 1000.0
FAULTS, SEVERITIES = ("bearing", "imbalance", "looseness"), ("1", "0.3", "0.1")
TEST_WINDOWS, FAULTY_WINDOWS = 96, 32
FAINT = "0.3"
ALPHA = 0.01


class Encoder(nn.Module):
    """x [B, 3, 128] -> mu, logvar, each [B, 6]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *halving(AXES, 12, 5), *halving(12, 16, 5), *halving(16, 24, 3),
            nn.Flatten(), nn.Linear(24 * 16, 24), nn.LeakyReLU(0.1),
        )
        self.mu = nn.Linear(24, LATENTS)
        self.logvar = nn.Linear(24, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    """z [B, 6] -> x_mean [B, 3, 128]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENTS, 24), nn.ELU(), nn.Linear(24, 24 * 16), nn.ELU())
        self.grow = nn.Sequential(
            nn.ConvTranspose1d(24, 16, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(16, 12, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(12, AXES, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.grow(self.dense(z).view(-1, 24, 16))


def arguments():
    """What this training takes on its command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the generated windows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    return parser.parse_args()


def main():
    args = arguments()
    vae.seed_everything(args.seed)
    faulty = [f"{fault}-{severity}" for fault in FAULTS for severity in SEVERITIES]
    raw = {name: np.load(args.data / f"{name}.npy") for name in ("train", "integers", "normal", "test", *faulty)}
    mean, std = raw["train"].mean((0, 2)), raw["train"].std((0, 2))
    parts = {name: torch.from_numpy((x - mean[:, None]) / std[:, None]) for name, x in raw.items()}

    model = vae.VAE(Encoder(), Decoder(), vae.GaussianLikelihood(AXES))
    detection.fit(model, parts["train"], args.epochs, 128, vae.Objective())
    for name in ("train", "normal", "test"):
        print(f"{name}: {vae.metrics(model, parts[name], samples=20)}")

    by_model = lambda x: detection.scores(model, torch.as_tensor(x))
    report("VAE", by_model, parts)
    for name, score in detection.baselines(parts["train"], LATENTS).items():
        report(name, score, parts)
    write(model, parts, mean, std, detection.threshold(by_model(parts["normal"]), ALPHA))


def report(name, score, parts):
    """Print the share of test windows below the threshold of `ALPHA`, and of each fault's, with the AUROC."""
    limit = detection.threshold(score(parts["normal"]), ALPHA)
    normal = score(parts["test"])
    print(f"{name}: below {limit:.2f}: normal {(normal < limit).mean():.2%}")
    for fault in FAULTS:
        found = {severity: score(parts[f"{fault}-{severity}"]) for severity in SEVERITIES}
        print(f"  {fault}", "; ".join(f"{severity}: {(own < limit).mean():.1%}, AUROC {detection.auroc(normal, own):.4f}"
                                      for severity, own in found.items()))


def write(model, parts, mean, std, threshold):
    """Write the graphs, the manifest, some windows and the goldens."""
    faulty = [parts[f"{fault}-{FAINT}"][:FAULTY_WINDOWS] for fault in FAULTS]
    test = torch.cat([parts["test"][:TEST_WINDOWS], *faulty])
    labels = np.repeat(np.arange(1 + len(FAULTS)), [TEST_WINDOWS, *[FAULTY_WINDOWS] * len(FAULTS)])
    onnx_io.save_npy(FOLDER / "calibration.npy", parts["integers"].numpy())
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    onnx_io.save_npy(FOLDER / "labels.npy", labels)
    vae.export(model, test, FOLDER, "x_mean", ["dynamo"])
    vae.write_manifest(FOLDER / "elbow.toml", "vibration", {
        **detection.tables(model),
        "window": detection.window(AXES, LENGTH, LENGTH, RATE, mean, std),
        "score": {"kind": "elbo_at_mean", "alpha": ALPHA, "threshold": threshold},
    })
    golden.write(FOLDER)


if __name__ == "__main__":
    main()
