"""Train and export the VAE of grey 8x8 digits with Gaussian pixels: `python digits_gaussian/train.py`."""

import sys
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import handwriting
from handwriting import PIXELS

HIDDEN, LATENTS = 64, 8


class Encoder(nn.Module):
    """x [B, 64] in [0, 1] -> mu, logvar, each [B, 8]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.mu = nn.Linear(HIDDEN, LATENTS)
        self.logvar = nn.Linear(HIDDEN, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    """z [B, 8] -> x_mean [B, 64]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LATENTS, HIDDEN), nn.ELU(), nn.Linear(HIDDEN, HIDDEN), nn.ELU(), nn.Linear(HIDDEN, PIXELS)
        )

    def forward(self, z):
        return self.body(z)


if __name__ == "__main__":
    handwriting.train_grey(FOLDER, lambda: (Encoder(), Decoder()), [PIXELS], epochs=1000)
