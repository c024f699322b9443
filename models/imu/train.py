"""Train and export the VAE of windows of a walking person's accelerometers: `python imu/train.py`."""

import sys
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import onnx_io
from walking import Walking, halving, train

CHANNELS, LATENTS = 9, 6


class Encoder(nn.Module):
    """x [B, 9, 64] -> mu, logvar, each [B, 6]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *halving(CHANNELS, 16, 5), *halving(16, 24, 5), *halving(24, 32, 3),
            nn.Flatten(), nn.Linear(32 * 8, 32), nn.LeakyReLU(0.1),
        )
        self.mu = nn.Linear(32, LATENTS)
        self.logvar = nn.Linear(32, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


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


if __name__ == "__main__":
    train(Walking(FOLDER, slice(0, CHANNELS), lambda: (Encoder(), Decoder()), onnx_io.EXPORTERS), __doc__, epochs=50)
