"""Writes what onnxruntime computes of the field cases: python make.py, in the zoo's environment.

For every file that onnxruntime runs, `values/<case>/<file>/` holds three rows of each input (`in.<name>.npy`,
drawn from SEED) and of each output (`out.<index>.npy`); inputs that several files read are in `values/inputs`, as
`values/inputs.toml` says. Random nodes are inputs, as in the zoo.
"""

import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "zoo"), str(HERE.parent)]
import shared  # noqa: E402
from make import ROWS, SEED, explicit, without_batch  # noqa: E402

# What an input holds that no normal draw is.
IDS = {"04-scvi-batch-index": {"batch_index": 3}, "09-embedding-input": {"sensor_id": 12, "tokens": 50}}
COUNTS = {"04-scvi-batch-index": "x"}
# Lengths of dynamic axes, as the test gives them with `--dim`.
DIMS = {"time": 30}
# Inputs of models whose random weights make log-variances below -10 of normal draws: at such variances a
# mean's rounding error is more nats than parity allows.
SMALL = {"08-float16/weights16": 0.1, "20-old-opset/conv_opset7": 0.1, "20-old-opset/conv_opset8": 0.1}
# Readings that are missing, for models that handle them; `nan_to_num` gives NaN of NaN, by `x * 0`.
MISSING = {f"10-nan-sensor/{file}": 0.2 for file in ("dynamo", "model", "x_equals_x")}


def pinned_dims(model):
    for info in [*model.graph.input, *model.graph.output]:
        for dim in info.type.tensor_type.shape.dim:
            if dim.dim_param in DIMS:
                dim.dim_value = DIMS[dim.dim_param]
    return model


def draw(rng, case, info, kinds, missing):
    shape = [ROWS] + [d if isinstance(d, int) else 1 for d in info.shape]
    if info.name in IDS.get(case, {}):
        return rng.integers(0, IDS[case][info.name], shape)
    if COUNTS.get(case) == info.name:
        return rng.poisson(3.0, shape).astype(np.float32)
    if info.name in kinds and not kinds[info.name]:
        return rng.random(shape).astype(np.float32)
    values = rng.standard_normal(shape).astype(np.float32)
    values[rng.random(shape) < missing] = np.nan
    return values


def write(path):
    case, folder = path.parent.name, HERE / "values" / path.parent.name / path.stem
    try:
        model, noise = explicit(pinned_dims(onnx.load(path)))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        print(f"{case}/{path.stem}: onnxruntime cannot run it: {str(error)[:120]}")
        return
    rng, kinds = np.random.default_rng(SEED), {name: normal for name, _, normal in noise}
    missing = MISSING.get(f"{case}/{path.stem}", 0.0)
    rows = {info.name: draw(rng, case, info, kinds, missing) for info in session.get_inputs()}
    if scale := SMALL.get(f"{case}/{path.stem}"):
        rows = {key: value * np.float32(scale) for key, value in rows.items()}
    try:
        outputs = [session.run(None, {key: value[row] for key, value in rows.items()}) for row in range(ROWS)]
    except Exception as error:
        print(f"{case}/{path.stem}: onnxruntime does not take these inputs: {str(error)[:120]}")
        return
    folder.mkdir(parents=True)
    for key, value in rows.items():
        np.save(folder / f"in.{key.replace('/', '_').replace(':', '_')}.npy", without_batch(value))
    for index, arrays in enumerate(zip(*outputs)):
        np.save(folder / f"out.{index}.npy", without_batch(np.stack(arrays).astype(np.float32)))


if __name__ == "__main__":
    shutil.rmtree(HERE / "values", ignore_errors=True)
    onnxruntime.set_default_logger_severity(4)
    for path in sorted(HERE.glob("*/*.onnx")):
        write(path)
    shared.collect(HERE / "values")
