"""Writes linear Gaussian models, whose scores are known exactly, and what was drawn for them.

`linear/`: the model of `scores.json`; its encoder gives the table's posterior for every observation. `windows/`: a model
of windows of 2 channels and 3 readings in both layouts, which differ in the order of the observation's values alone.
`measures.json`: areas of scikit-learn for scores with ties. Run with numpy, onnx and scikit-learn:
`python tests/detection/linear.py`.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

HERE = Path(__file__).parent
TABLE = json.loads((HERE / "scores.json").read_text())["model"]
# Rows of IWAE bounds: their mean has a standard error of some 0.0005 nats.
DRAWS = 2_000_000
SEED = 20261130


def save(path, inputs, outputs):
    """A graph of one `Gemm` per output: from the only input, by a matrix [in, out] and a bias."""
    (name, size), nodes, weights = inputs, [], []
    for output, (matrix, bias) in outputs.items():
        pair = {f"{output}_w": np.asarray(matrix, np.float32), f"{output}_b": np.asarray(bias, np.float32)}
        weights += [numpy_helper.from_array(value, key) for key, value in pair.items()]
        nodes.append(helper.make_node("Gemm", [name, *pair], [output]))
    value = lambda name, size: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
    ports = [value(output, np.shape(matrix)[1]) for output, (matrix, _) in outputs.items()]
    graph = helper.make_graph(nodes, "linear", [value(name, size)], ports, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())


def encoder(path, values):
    """The posterior of the table, whatever is observed."""
    none = np.zeros((values, 2))
    save(path, ("x", values), {"mu": (none, TABLE["q_mean"]), "logvar": (none, np.log(TABLE["q_var"]))})


def iwae(samples):
    """Mean of the bound by so many draws, and its standard error."""
    w, x = np.array(TABLE["W"]), np.array(TABLE["x"])
    mean, var = np.array(TABLE["q_mean"]), np.array(TABLE["q_var"])
    rng = np.random.default_rng(SEED)
    z = mean + np.sqrt(var) * rng.standard_normal((DRAWS, samples, 2))
    normal = lambda x, mean, var: -0.5 * ((x - mean) ** 2 / var + np.log(2 * np.pi * var)).sum(-1)
    weights = normal(x, z @ w.T, TABLE["sigma2"]) + normal(z, 0, np.ones(2)) - normal(z, mean, var)
    top = weights.max(1, keepdims=True)
    bounds = (top + np.log(np.exp(weights - top).mean(1, keepdims=True)))[:, 0]
    return float(bounds.mean()), float(bounds.std() / np.sqrt(DRAWS))


def measures():
    """Areas of scores with ties and with labels in runs; scikit-learn takes the larger as the anomaly."""
    rng = np.random.default_rng(SEED)
    labels = (rng.random(400).reshape(40, 10).mean(1) < 0.42).repeat(10)
    scores = np.round(rng.standard_normal(400) - labels, 1).astype(np.float32)
    return {
        "labels": labels.astype(int).tolist(),
        "scores": [round(float(score), 1) for score in scores],
        "auroc": float(roc_auc_score(labels, -scores)),
        "average_precision": float(average_precision_score(labels, -scores)),
        "spearman_of_rounded": float(spearmanr(scores, np.round(scores)).statistic),
    }


encoder(HERE / "linear/encoder.onnx", 3)
save(HERE / "linear/decoder.onnx", ("z", 2), {"x_mean": (np.transpose(TABLE["W"]), np.zeros(3))})
(mean, se), rng = iwae(4), np.random.default_rng(SEED)
(HERE / "iwae.json").write_text(json.dumps({"samples": 4, "mean": mean, "standard_error": se}, indent=1) + "\n")
weights, x = rng.standard_normal((2, 2, 3)), rng.standard_normal((5, 2, 3))
encoder(HERE / "windows/encoder.onnx", 6)
for layout, axes in {"channels_first": (0, 1), "time_first": (1, 0)}.items():
    turned = weights.transpose(0, *(1 + axis for axis in axes)).reshape(2, 6)
    save(HERE / f"windows/{layout}.onnx", ("z", 2), {"x_mean": (turned, np.zeros(6))})
    rows = x.transpose(0, *(1 + axis for axis in axes)).reshape(5, 6)
    np.save(HERE / f"windows/{layout}.npy", rows.astype(np.float32))
z = np.array(TABLE["q_mean"])
terms = -0.5 * ((x - np.einsum("zct,z->ct", weights, z)) ** 2 / 0.5 + np.log(2 * np.pi * 0.5))
(HERE / "windows/channels.json").write_text(json.dumps(terms.sum(2).tolist(), indent=1) + "\n")
(HERE / "measures.json").write_text(json.dumps(measures()) + "\n")
