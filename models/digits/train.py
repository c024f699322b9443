"""Train and export the VAE of binarised 8x8 digits: `python digits/train.py`."""

import sys
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import golden
import handwriting
import onnx_io
import vae
from handwriting import PIXELS

HIDDEN, LATENTS = 64, 2
TRAIN_ROWS = 1400


class Encoder(nn.Module):
    """x [B, 64] in {0, 1} -> mu, logvar, each [B, 2]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.mu = nn.Linear(HIDDEN, LATENTS)
        self.logvar = nn.Linear(HIDDEN, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    """z [B, 2] -> x_logit [B, 64]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)
        )

    def forward(self, z):
        return self.body(z)


def digits():
    """Binarised digits, [1400, 64] to train on and [397, 64] to test, float32 in {0, 1}."""
    return ((ink >= 8).float() for ink in handwriting.digits(TRAIN_ROWS))


def main():
    args = vae.arguments(__doc__, epochs=600)
    vae.seed_everything(args.seed)

    train, test = digits()
    model = vae.VAE(Encoder(), Decoder(), vae.BernoulliLikelihood())
    schedule = vae.Schedule(epochs=args.epochs, batch=100, rate=1e-3, late_rate=3e-4,
                            late_epoch=args.epochs * 2 // 3, warmup=50, weight_decay=1e-4)
    vae.fit(model, train, schedule, vae.Objective(args.beta, args.entropy_weight))
    for name, part in [("train", train), ("test", test)]:
        print(f"{name}: {vae.metrics(model, part)}")
    write(model, train, test)


def write(model, train, test):
    """Write the graphs, the manifest, the data and the goldens."""
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    onnx_io.save_npy(FOLDER / "calibration.npy", handwriting.calibration_rows(train, test))
    vae.export(model, test, FOLDER, "x_logit")
    vae.write_manifest(FOLDER / "elbow.toml", "digits", {
        "encoder": {
            "onnx": "encoder.onnx", "input": "x", "mean": "mu",
            "spread": {"output": "logvar", "head": "logvar", "clamp": [-14, 6]},
        },
        "decoder": {
            "onnx": "decoder.onnx", "latent": "z", "mean": "x_logit",
            "likelihood": {"family": "bernoulli", "mean_is": "logit"},
        },
    })
    golden.write(FOLDER)


if __name__ == "__main__":
    main()
