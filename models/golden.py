"""Golden outputs of the trained models by onnxruntime: `python golden.py imu digits`.

Each graph runs with optimizations off and one row at a time, so that the numbers are those of the
written operators. The decoders run on the first 64 posterior means.
"""

import sys
from pathlib import Path

import numpy as np

import onnx_io

DECODED_ROWS = 64


def write(folder, rows=None):
    """Write `folder/golden/<graph>.<output>.npy` from the first `rows` of `folder/test.npy`, else from all of them."""
    golden = folder / "golden"
    x = np.load(folder / "test.npy")[:rows]
    z = run(folder, "encoder", {"x": x}, golden)["mu"][:DECODED_ROWS]
    onnx_io.save_npy(golden / "decoder.z.npy", z)
    run(folder, "decoder", {"z": z}, golden)
    if (folder / "encoder.torchscript.onnx").exists():
        run(folder, "encoder.torchscript", {"x": x}, golden)
        run(folder, "decoder.torchscript", {"z": z}, golden)


def run(folder, graph, inputs, golden):
    """Run one graph and write its outputs, each [rows, ...]; return them by name."""
    outputs = onnx_io.run_rows(folder / f"{graph}.onnx", inputs)
    for name, values in outputs.items():
        onnx_io.save_npy(golden / f"{graph}.{name}.npy", values)
    return outputs


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(__file__).parent / name)
