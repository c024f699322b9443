"""Train and export the spline flow of two moons: `python moons_spline/train.py`."""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_moons

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import tables
from flow import Flow, SplineCoupling

LAYERS, HIDDEN = 4, 16
TRAIN_ROWS, TEST_ROWS = 1500, 200


def moons():
    """Points of two half circles with noise of 0.15, standardized: [1500, 2] to train on, [200, 2] to test."""
    x, _ = make_moons(TRAIN_ROWS + TEST_ROWS, noise=0.15, random_state=0)
    x = (x - x[:TRAIN_ROWS].mean(0)) / x[:TRAIN_ROWS].std(0)
    return torch.from_numpy(x.astype(np.float32)).split([TRAIN_ROWS, TEST_ROWS])


def make_flow(dim):
    """x [B, 2] -> z [B, 2], log_det [B]."""
    return Flow(*(SplineCoupling(dim, HIDDEN, flipped=layer % 2 == 1) for layer in range(LAYERS)))


if __name__ == "__main__":
    tables.train_flow(FOLDER, make_flow, moons, epochs=80, batch=100, rate=5e-3, weight_decay=1e-3, noise=0.0)
