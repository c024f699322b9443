"""Train and export the convolutional VAE of grey 8x8 digits: `python digits_conv/train.py`."""

import sys
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import handwriting
from handwriting import SIDE

LATENTS = 6


class Encoder(nn.Module):
    """x [B, 1, 8, 8] in [0, 1] -> mu, logvar, each [B, 6]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *conv(1, 12, 1), *conv(12, 16, 2), *conv(16, 24, 2),
            nn.Flatten(), nn.Linear(24 * 2 * 2, 48), nn.ReLU(),
        )
        self.mu = nn.Linear(48, LATENTS)
        self.logvar = nn.Linear(48, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


def conv(channels_in, channels_out, stride):
    """A 3x3 convolution: [B, channels_in, S, S] -> [B, channels_out, S / stride, S / stride]."""
    layer = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1)
    return layer, nn.BatchNorm2d(channels_out), nn.ReLU()


class Decoder(nn.Module):
    """z [B, 6] -> x_mean [B, 1, 8, 8]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENTS, 48), nn.ELU(), nn.Linear(48, 24 * 2 * 2), nn.ELU())
        self.grow = nn.Sequential(
            nn.ConvTranspose2d(24, 16, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose2d(16, 12, 4, stride=2, padding=1), nn.ELU(),
            nn.Conv2d(12, 1, 3, padding=1),
        )

    def forward(self, z):
        return self.grow(self.dense(z).view(-1, 24, 2, 2))


if __name__ == "__main__":
    handwriting.train_grey(FOLDER, lambda: (Encoder(), Decoder()), [1, SIDE, SIDE], epochs=400)
