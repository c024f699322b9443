"""Makes the zoo: python make.py [NAME ...] writes a folder per graph, with what onnxruntime computes.

Each folder holds `model.onnx` as the exporter wrote it, and three rows of inputs and outputs; inputs
that several graphs read are in `inputs`, as `inputs.toml` says. Random nodes are an exporter's business too,
but nobody can compare what they draw: onnxruntime runs a copy in which each of them is an input, `<output>`
(or `<output>/noise` where it has a mean or a scale of its own).
"""

import io
import pathlib
import re
import shutil
import sys
import tempfile
import traceback
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED, ROWS = 20261124, 3
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import shared  # noqa: E402

NORMAL, UNIFORM = ("RandomNormal", "RandomNormalLike"), ("RandomUniform", "RandomUniformLike")
warnings.simplefilter("ignore")


def pinned(model):
    """A copy with a batch of one."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for info in model.graph.input:
        dims = info.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].ClearField("dim_param")
            dims[0].dim_value = 1
    del model.graph.value_info[:]
    for info in model.graph.output:
        info.type.tensor_type.ClearField("shape")
    return model


def shapes_of(model, names):
    """What onnxruntime says the shapes of these values are."""
    import onnxruntime
    probe = pinned(model)
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {i.name: np.zeros([d if isinstance(d, int) else 1 for d in i.shape], np.float32)
            for i in session.get_inputs()}
    return [array.shape for array in session.run(names, feed)]


def explicit(model):
    """A copy whose random nodes are inputs, and these with their kind."""
    random = [node for node in model.graph.node if node.op_type in NORMAL + UNIFORM]
    if not random:
        return pinned(model), []
    shapes = shapes_of(model, [node.output[0] for node in random])
    model = pinned(model)
    noise, nodes = [], []
    for node in model.graph.node:
        if node.op_type not in NORMAL + UNIFORM:
            nodes.append(node)
            continue
        values = {a.name: a.f for a in node.attribute if a.type == onnx.AttributeProto.FLOAT}
        if node.op_type in NORMAL:
            shift, scale = values.get("mean", 0.0), values.get("scale", 1.0)
        else:
            shift = values.get("low", 0.0)
            scale = values.get("high", 1.0) - shift
        output, shape = node.output[0], shapes[len(noise)]
        plain = (shift, scale) == (0.0, 1.0)
        name = output if plain else f"{output}/noise"
        noise.append((name, shape, node.op_type in NORMAL))
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        if not plain:
            for role, number in [("scale", scale), ("shift", shift)]:
                model.graph.initializer.append(numpy_helper.from_array(np.float32(number), f"{output}/{role}"))
            nodes.append(helper.make_node("Mul", [name, f"{output}/scale"], [f"{output}/scaled"]))
            nodes.append(helper.make_node("Add", [f"{output}/scaled", f"{output}/shift"], [output]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model, noise


def without_paths(model):
    """Drops the exporter's stack traces, which hold paths of the machine; the modules' scopes stay."""
    for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.ClearField("doc_string")


def write(name, path):
    """One folder of the zoo. A graph that onnxruntime cannot run has no rows: it has to be refused."""
    import onnxruntime
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model = onnx.load(path)
    without_paths(model)
    onnx.save(model, folder / "model.onnx")
    rng = np.random.default_rng(SEED)
    try:
        runnable, noise = explicit(model)
        session = onnxruntime.InferenceSession(runnable.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        print(f"{name}: onnxruntime cannot run it: {str(error)[:120]}")
        return
    kinds = {name: normal for name, _, normal in noise}
    rows = {}
    for info in session.get_inputs():
        shape = [ROWS] + [d if isinstance(d, int) else 1 for d in info.shape]
        uniform = info.name in kinds and not kinds[info.name]
        rows[info.name] = (rng.random(shape) if uniform else rng.standard_normal(shape)).astype(np.float32)
    outputs = [session.run(None, {key: value[row] for key, value in rows.items()}) for row in range(ROWS)]
    for key, value in rows.items():
        np.save(folder / f"in.{key.replace('/', '_').replace(':', '_')}.npy", without_batch(value))
    for index, arrays in enumerate(zip(*outputs)):
        np.save(folder / f"out.{index}.npy", without_batch(np.stack(arrays).astype(np.float32)))


def without_batch(rows):
    """Rows of a batch of one each."""
    return rows[:, 0] if rows.ndim > 1 and rows.shape[1] == 1 else rows


def torch_graphs(wanted):
    import torch
    from torch_models import MODELS
    for name, (make, inputs) in MODELS.items():
        if wanted and name not in wanted:
            continue
        torch.manual_seed(SEED)
        module = make().eval()
        arguments = tuple(torch.randn(shape) for shape in inputs.values())
        for exporter in ("dynamo", "torchscript"):
            with tempfile.TemporaryDirectory() as scratch:
                path = pathlib.Path(scratch) / "model.onnx"
                try:
                    if exporter == "dynamo":
                        torch.onnx.export(module, arguments, path, dynamo=True, verbose=False)
                    else:
                        torch.onnx.export(module, arguments, path, dynamo=False, opset_version=17,
                                          input_names=list(inputs))
                    model = onnx.load(path)
                    onnx.save(model, path)
                    write(f"{name}.{exporter}", path)
                except Exception as error:
                    print(f"{name}.{exporter}: {type(error).__name__}: {str(error)[:160]}")


def other_graphs(module, wanted):
    for name in module.MODELS:
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                module.export(name, pathlib.Path(scratch))
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            for path in sorted(pathlib.Path(scratch).glob("*.onnx")):
                write(path.stem, path)


if __name__ == "__main__":
    source, wanted = sys.argv[1], sys.argv[2:]
    shared.spread(HERE)
    if source == "torch":
        torch_graphs(wanted)
    elif source == "keras":
        import keras_models
        other_graphs(keras_models, wanted)
    elif source == "jax":
        import jax_models
        other_graphs(jax_models, wanted)
    elif source == "script":
        import script_models
        other_graphs(script_models, wanted)
    shared.collect(HERE)
