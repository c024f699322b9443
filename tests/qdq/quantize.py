"""Write the QDQ fixtures: `python tests/qdq/quantize.py` (needs models/requirements.txt).

Each folder is a graph that onnxruntime's `quantize_static` quantized in the QDQ format: `model.onnx`, its input
`in.<name>.npy` and onnxruntime's `out.<index>.npy`; inputs that several cases read are in `inputs`. Calibration
and input are different rows, and the input reaches beyond the calibrated ranges. The outputs come from the written
operators (optimizations off, one row at a time); the table of `README.md` says how far onnxruntime's own integer
kernels are from them.
`steps.toml` holds the quantization step of each output.
"""

import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
sys.path += [str(REPOSITORY / "models"), str(FOLDER.parent), str(FOLDER.parent / "fixtures")]

import graphs
import onnx_io
import shared
from make import file_name, seed_of

ROWS, CALIBRATION_ROWS = 200, 128
REFUSED = "qoperator"
HEADER = """# Quantized graphs

Written by `quantize.py`, which says how; run it again after a change. Each folder holds `model.onnx`, a graph that
onnxruntime 1.32.0 quantized in the QDQ format, `in.<name>.npy` (the batch in front) and `out.<index>.npy` (by
onnxruntime, optimizations off, one row at a time); an input that several cases read is a file of `inputs`, as
`inputs.toml` says. A name ends in the type of the activations and whether weights have a scale per channel or one per
tensor. `digits` and `imu` are the encoders of [`models`](../../models), on the first rows of their `test.npy`; all
other weights are random.

**Step** is the scale of the DequantizeLinear that an output ends in, from `steps.toml` (0 where it ends in another
operator). **Optimized** is the share of output values that onnxruntime's own integer kernels give more than half a step
from these, and the largest distance in steps: the graph leaves that much open.

`qoperator` is the graph of `mlp` in onnxruntime's other format (`com.microsoft.QGemm`): it must be refused.

| Case | Rows | Operators between the quantizers | Steps | Optimized | Stresses |
|---|---|---|---|---|---|
"""


@dataclass
class Scheme:
    """How `quantize_static` quantizes; `symmetric` puts every zero point of an activation at 0, `pair` leaves
    weights in floats, with a quantizer in front of their dequantizer."""

    name: str
    activations: QuantType
    per_channel: bool
    weights: QuantType = QuantType.QInt8
    symmetric: bool = False
    pair: bool = False


U8, S8 = QuantType.QUInt8, QuantType.QInt8
SCHEMES = [Scheme("u8_tensor", U8, False), Scheme("u8_channel", U8, True),
           Scheme("s8_tensor", S8, False), Scheme("s8_channel", S8, True)]
MORE_SCHEMES = [Scheme("s8_symmetric", S8, True, symmetric=True), Scheme("u8_weights", U8, False, weights=U8),
                Scheme("s8_pair", S8, True, pair=True)]
MORE_SCHEMES_OF = ["mlp", "conv1d", "conv2d", "mean", "mean_opset17"]


class Rows(CalibrationDataReader):
    """Calibration rows, one at a time."""

    def __init__(self, name, rows):
        self.feeds = iter([{name: row[None]} for row in rows])

    def get_next(self):
        return next(self.feeds, None)


@dataclass
class Graph:
    """A float graph on disk, rows to calibrate it on, and rows to run it on."""

    name: str
    path: Path
    input: str
    calibration: np.ndarray
    rows: np.ndarray
    stresses: str
    schemes: list


def small_graphs(folder):
    """The graphs of `graphs.py`: standard normal calibration, rows of 1/4 to 5/2 of its size."""
    for case in graphs.CASES:
        (name, shape), = case.inputs.items()
        rng = np.random.default_rng(seed_of(case.name))
        calibration = rng.standard_normal((CALIBRATION_ROWS, *shape)).astype(np.float32)
        gain = np.exp(rng.uniform(np.log(0.25), np.log(2.5), (ROWS, *[1] * len(shape))))
        rows = (gain * rng.standard_normal((ROWS, *shape))).astype(np.float32)
        torch.manual_seed(seed_of(case.name))
        path = folder / f"{case.name}.onnx"
        exporter, opset = case.exports[-1]
        onnx_io.export(case.make(), [torch.from_numpy(rows[:2])], path, exporter, input_names=[name], opset=opset)
        schemes = SCHEMES + MORE_SCHEMES if case.name in MORE_SCHEMES_OF else SCHEMES
        yield Graph(case.name, path, name, calibration, rows, case.stresses, schemes)


def trained_encoders():
    """The encoders of `digits` and `imu`."""
    for name, rows, schemes in [("digits", ROWS, SCHEMES), ("imu", 160, [SCHEMES[0], SCHEMES[3]])]:
        folder = REPOSITORY / "models" / name
        calibration = np.load(folder / "calibration.npy")[:CALIBRATION_ROWS]
        test = np.load(folder / "test.npy")[:rows]
        yield Graph(name, folder / "encoder.onnx", "x", calibration, test, "a trained encoder", schemes)


def quantize(graph, scheme, path, form=QuantFormat.QDQ):
    """Write `graph` quantized to `path`."""
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(graph.path), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(path), Rows(graph.input, graph.calibration), quant_format=form,
        activation_type=scheme.activations, weight_type=scheme.weights, per_channel=scheme.per_channel,
        extra_options={"ActivationSymmetric": scheme.symmetric, "AddQDQPairToWeight": scheme.pair},
    )
    prepared.unlink()
    onnx_io.save(onnx.load(path), path)


def steps(path):
    """The scale of the DequantizeLinear that each output ends in, or 0."""
    graph = onnx.load(path).graph
    scales = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    ends = [makers[output.name] for output in graph.output]
    return [float(scales[node.input[1]]) if node.op_type == "DequantizeLinear" else 0.0 for node in ends]


def run_optimized(path, inputs):
    """What onnxruntime gives with its optimizations on, on all rows at once."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def difference(golden, optimized, scales):
    """The share of values of `optimized` over half a step from `golden`, and the largest distance in steps."""
    distances = [np.abs(a - b).ravel() / s for a, b, s in zip(golden, optimized, scales) if s > 0]
    if not distances:
        return "-"
    distance = np.concatenate(distances)
    return f"{np.mean(distance > 0.5):.2%}, {round(distance.max())}"


def write_case(graph, scheme):
    """Write one folder; return its row of the table and its steps."""
    name = f"{graph.name}_{scheme.name}"
    folder = FOLDER / name
    folder.mkdir()
    path, inputs = folder / "model.onnx", {graph.input: graph.rows}
    quantize(graph, scheme, path)
    onnx_io.save_npy(folder / f"in.{file_name(graph.input)}.npy", graph.rows)
    golden = list(onnx_io.run_rows(path, inputs).values())
    for index, value in enumerate(golden):
        assert len(value) == len(graph.rows) and np.isfinite(value).all(), name
        onnx_io.save_npy(folder / f"out.{index}.npy", value)
    scales = steps(path)
    nodes = Counter(op for op in onnx_io.ops(path)[0] if op not in ("QuantizeLinear", "DequantizeLinear"))
    operators = ", ".join(op if n == 1 else f"{op} x{n}" for op, n in nodes.items())
    printed = ", ".join(f"{scale:.4g}" for scale in scales)
    gap = difference(golden, run_optimized(path, inputs), scales)
    row = f"| `{name}` | {len(graph.rows)} | {operators} | {printed} | {gap} | {graph.stresses} |"
    return row, f"{name} = {scales}"


def write_refused(graph):
    """Write the graph that must be refused."""
    (FOLDER / REFUSED).mkdir()
    path = FOLDER / REFUSED / "model.onnx"
    quantize(graph, SCHEMES[0], path, QuantFormat.QOperator)
    assert any(node.domain == "com.microsoft" for node in onnx.load(path).graph.node)


def main():
    for old in filter(Path.is_dir, FOLDER.iterdir()):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory() as folder:
        all_graphs = [*small_graphs(Path(folder)), *trained_encoders()]
        cases = sorted(write_case(graph, scheme) for graph in all_graphs for scheme in graph.schemes)
        write_refused(all_graphs[0])
    shared.collect(FOLDER)
    (FOLDER / "README.md").write_text(HEADER + "\n".join(row for row, _ in cases) + "\n")
    (FOLDER / "steps.toml").write_text("\n".join(line for _, line in cases) + "\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
