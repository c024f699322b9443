"""Fit and export probabilistic PCA of wines as a linear flow: `python wine_linear/train.py`."""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_wine

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import flow
import tables
import vae

LATENTS = 2


def fit(x):
    """Mean [D], loadings W [D, 2] and noise variance by maximum likelihood (Tipping and Bishop 1999)."""
    mean = x.mean(0)
    variances, directions = np.linalg.eigh(np.cov(x.T, bias=True))
    noise = variances[:-LATENTS].mean()
    return mean, directions[:, -LATENTS:] * np.sqrt(variances[-LATENTS:] - noise), noise


def evidence(x, mean, loadings, noise):
    """ln p(x) in nats by the posterior's precision, a matrix of the latents alone: [N, D] -> [N]."""
    r, (dim, latents) = x - mean, loadings.shape
    precision = np.eye(latents) + loadings.T @ loadings / noise
    projected = r @ loadings / noise
    squares = (r**2).sum(1) / noise - (projected * np.linalg.solve(precision, projected.T).T).sum(1)
    log_volume = dim * np.log(2 * np.pi * noise) + np.linalg.slogdet(precision)[1]
    return -0.5 * (log_volume + squares)


def linear_flow(mean, loadings, noise):
    """z = L^-1 (x - mean), where L L^T = W W^T + noise I is the covariance of x."""
    covariance = loadings @ loadings.T + noise * np.eye(len(mean))
    matrix = np.linalg.inv(np.linalg.cholesky(covariance))
    return flow.Flow(flow.Affine(*(torch.from_numpy(part.astype(np.float32)) for part in (mean, matrix))))


def main():
    vae.seed_everything(0)
    train, test = tables.split(load_wine())
    parameters = fit(train.numpy().astype(np.float64))
    model = linear_flow(*parameters).eval()
    truth = evidence(test.numpy().astype(np.float64), *parameters)
    print(f"noise variance {parameters[2]:.6f}, evidence {truth.mean():.6f} nats on the test rows")
    flow.report(model, train, test)
    flow.write(model, test, FOLDER, truth)


if __name__ == "__main__":
    main()
