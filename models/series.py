"""Windows of a recording, and blocks of it that a model does not see."""

import numpy as np
import torch

FOLDS = 5


def windows(rows, length, hop):
    """[rows, C] -> [N, C, length]."""
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)[::hop].copy())


def folds(rows, block):
    """The fold, 0 to 4, of each of `rows` readings: blocks of `block` readings are dealt out in turn."""
    return np.arange(rows) // block % FOLDS


def runs(rows, keep):
    """The stretches of `rows`, [rows, C], in which `keep` holds throughout."""
    edges = np.flatnonzero(np.diff(keep)) + 1
    return [part for part, kept in zip(np.split(rows, edges), np.split(keep, edges)) if kept[0]]


def all_windows(stretches, length):
    """Every window that lies inside one stretch: a list of [rows, C] -> [N, C, length]."""
    return torch.cat([windows(rows, length, 1) for rows in stretches if len(rows) >= length])


def unseen_windows(rows, block, length):
    """For each fold of `rows`, [rows, C], the windows of the other folds, and those that lie inside one of its blocks."""
    fold_of = folds(len(rows), block)
    for fold in range(FOLDS):
        parts = (runs(rows, fold_of != fold), runs(rows, fold_of == fold))
        yield [all_windows(stretches, length) for stretches in parts]
