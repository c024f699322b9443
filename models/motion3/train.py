"""Train and export the VAE of windows of one accelerometer at the trunk: `python motion3/train.py`."""

import sys
from pathlib import Path

from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from walking import Walking, halving, train

TRUNK = slice(6, 9)
RATE = 64.0
CHANNELS, LATENTS = 3, 4


class Encoder(nn.Module):
    """x [B, 3, 64] -> mu, logvar, each [B, 4]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *halving(CHANNELS, 12, 5), *halving(12, 16, 5), *halving(16, 24, 3),
            nn.Flatten(), nn.Linear(24 * 8, 16), nn.LeakyReLU(0.1),
        )
        self.mu = nn.Linear(16, LATENTS)
        self.logvar = nn.Linear(16, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    """z [B, 4] -> x_mean [B, 3, 64]; smooth, so that gradients with respect to z are too."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENTS, 16), nn.ELU(), nn.Linear(16, 24 * 8), nn.ELU())
        self.grow = nn.Sequential(
            nn.ConvTranspose1d(24, 16, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(16, 12, 4, stride=2, padding=1), nn.ELU(),
            nn.ConvTranspose1d(12, CHANNELS, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.grow(self.dense(z).view(-1, 24, 8))


if __name__ == "__main__":
    train(Walking(FOLDER, TRUNK, lambda: (Encoder(), Decoder()), ("dynamo",), RATE), __doc__, epochs=50)
