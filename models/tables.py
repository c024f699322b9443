"""Tables of measurements from scikit-learn, and the command that fits a flow to one."""

import argparse

import numpy as np
import torch

import flow
import vae


def split(table):
    """Standardized rows of a scikit-learn data set, float32: four fifths to train on, one to test.

    The order is `RandomState(0).permutation`; mean and standard deviation are those of the training rows.
    """
    x = table.data[np.random.RandomState(0).permutation(len(table.data))]
    train, test = np.split(x, [len(x) * 4 // 5])
    scaled = ((part - train.mean(0)) / train.std(0) for part in (train, test))
    return [torch.from_numpy(part.astype(np.float32)) for part in scaled]


def train_flow(folder, make_flow, data, epochs, **training):
    """Fit `make_flow(dim)` to `data()`, (train, test), and write the folder, which names the model.

    `training` is what `flow.fit` takes besides.
    """
    parser = argparse.ArgumentParser(description=f"Train and export {folder.name}.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=epochs)
    args = parser.parse_args()
    vae.seed_everything(args.seed)

    train, test = data()
    model = flow.fit(make_flow(train.shape[1]), train, args.epochs, **training)
    flow.report(model, train, test)
    flow.write(model, test, folder)
