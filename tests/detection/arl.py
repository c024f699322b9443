"""Mean run lengths of a cumulative sum of exponential variables, by collocation, into arl_exact.json.

L(x) = 1 + L(0) P(e <= k - x) + int_{max(0, x-k)}^h L(y) exp(-(y - x + k)) dy is solved for polynomials of degree 31
on the pieces between the multiples of k, where L is smooth. Nothing is shared with the closed form under test.

    python arl.py > arl_exact.json
"""

import json

import numpy as np
from numpy.polynomial import legendre

DEGREE = 31
NODES, WEIGHTS = legendre.leggauss(DEGREE + 1)
INVERSE = np.linalg.inv(legendre.legvander(NODES, DEGREE))


def interpolation(x):
    """Matrix from the values at NODES to those at x, both in [-1, 1]."""
    return legendre.legvander(x, DEGREE) @ INVERSE


def run(k, h):
    edges = [*np.arange(0.0, h, k), h]
    if len(edges) > 2 and edges[-1] - edges[-2] < 1e-9:
        del edges[-2]
    pieces = list(zip(edges, edges[1:]))
    at = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * NODES for a, b in pieces])
    size = len(NODES)
    unknown = len(at) + 1  # the last one is L(0)
    system, right = np.eye(unknown), np.ones(unknown)
    for row, x in enumerate([*at, 0.0]):
        system[row, -1] -= max(0.0, 1.0 - np.exp(-(k - x)))
        for piece, (a, b) in enumerate(pieces):
            low = max(a, x - k)
            if low >= b:
                continue
            y = 0.5 * (low + b) + 0.5 * (b - low) * NODES
            kernel = np.exp(-(y - x + k)) * WEIGHTS * 0.5 * (b - low)
            values = interpolation((2 * y - a - b) / (b - a))
            system[row, piece * size : (piece + 1) * size] -= kernel @ values
    return float(np.linalg.solve(system, right)[-1])


rows = []
for kappa in (0.5, 0.3, 0.1):
    k = -np.log(kappa) / (1 - kappa)
    for h in (0.5, 1.0, 3.4, 6.6, 9.9, 13.2, 16.5, 22.4):
        rows.append({"kappa": kappa, "k": k, "h": h, "arl": run(k, h)})
print(json.dumps(rows, indent=1))
