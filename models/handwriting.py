"""The handwritten digits of scikit-learn, and what the models of their grey pixels share."""

import math

import numpy as np
import torch
from sklearn.datasets import load_digits

import golden
import onnx_io
import vae

PIXELS, SIDE = 64, 8
INK = 16
CALIBRATION_ROWS = 256
GREY_TRAIN_ROWS = 797
STIFF = -2.5


def digits(train_rows):
    """Ink per pixel, 0 to 16, in the order of `RandomState(0).permutation`, float32.

    [train_rows, 64] to train on and [1797 - train_rows, 64] to test.
    """
    ink = load_digits().data.astype(np.float32)
    order = np.random.RandomState(0).permutation(len(ink))
    x = torch.from_numpy(ink[order])
    return x[:train_rows], x[train_rows:]


def calibration_rows(train, test):
    """The first 256 rows of `train` that equal no row of `test`: binarised, some digits are the same."""
    same = (train.flatten(1)[:, None] == test.flatten(1)).all(-1).any(-1)
    return train[~same][:CALIBRATION_ROWS].numpy()


def speckle(x):
    """Noise on every pixel: [B, ...] -> [B, ...]."""
    return x + 0.03 * torch.randn_like(x)


def train_grey(folder, make_model, shape, epochs):
    """Fit `make_model()`, (encoder, decoder), to grey pixels in [0, 1] of `shape`, and write it all.

    `shape` begins with the number of learned `log_sigma`, which are held at or below `STIFF`: pixels vary by
    0.37, so the posterior has to be narrow. `folder` names the model.
    """
    args = vae.arguments(f"Train and export {folder.name}.", epochs)
    vae.seed_everything(args.seed)

    train, test = ((rows / INK).view(-1, *shape) for rows in digits(GREY_TRAIN_ROWS))
    model = vae.VAE(*make_model(), vae.GaussianLikelihood(shape[0], ceiling=STIFF))
    schedule = vae.Schedule(epochs=args.epochs, batch=50, rate=1e-3, late_rate=2e-4,
                            late_epoch=args.epochs * 3 // 4, warmup=args.epochs // 4, weight_decay=1e-4)
    vae.fit(model, train, schedule, vae.Objective(args.beta, args.entropy_weight), speckle)
    for name, part in [("train", train), ("test", test)]:
        print(f"{name}: {vae.metrics(model, part)}")
    log_sigma = model.likelihood.log_sigma
    print(f"log_sigma in [{log_sigma.min():.2f}, {log_sigma.max():.2f}]; "
          f"one Gaussian per pixel, fitted to the test part: {marginal_log_prob(test):.2f} nats")
    write(model, train, test, folder)


def marginal_log_prob(x):
    """Mean log_prob in nats of rows `x`, [N, ...], by a Gaussian per pixel, as narrow as the model's may be."""
    pixels = x.flatten(1).double()
    scale = pixels.std(0).clamp(min=math.exp(vae.GaussianLikelihood.FLOOR))
    return torch.distributions.Normal(pixels.mean(0), scale).log_prob(pixels).sum(1).mean().item()


def write(model, train, test, folder):
    """Write the graphs, the manifest, the data and the goldens."""
    onnx_io.save_npy(folder / "test.npy", test.numpy())
    onnx_io.save_npy(folder / "calibration.npy", calibration_rows(train, test))
    vae.export(model, test, folder, "x_mean", exporters=["dynamo"])
    vae.write_manifest(folder / "elbow.toml", folder.name, {
        "encoder": {
            "onnx": "encoder.onnx", "input": "x", "mean": "mu",
            "spread": {"output": "logvar", "head": "logvar", "clamp": [-14, 6]},
        },
        "decoder": {
            "onnx": "decoder.onnx", "latent": "z", "mean": "x_mean",
            "likelihood": {"family": "gaussian", "log_sigma": model.likelihood.log_sigma.tolist()},
        },
    })
    golden.write(folder)
