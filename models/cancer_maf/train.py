"""Train and export the MAF of 30 measurements of cell nuclei: `python cancer_maf/train.py`."""

import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import tables
from flow import Autoregressive, Flow

LAYERS, HIDDEN = 4, 24


def make_flow(dim):
    """x [B, 30] -> z [B, 30], log_det [B]."""
    return Flow(*(Autoregressive(dim, HIDDEN, flipped=layer % 2 == 1) for layer in range(LAYERS)))


if __name__ == "__main__":
    tables.train_flow(FOLDER, make_flow, lambda: tables.split(load_breast_cancer()), epochs=200, batch=26, rate=2e-3,
                      weight_decay=1e-2, noise=0.1)
