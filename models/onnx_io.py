"""ONNX files: writing them with both PyTorch exporters, and running them row by row."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

EXPORTERS = ("dynamo", "torchscript")


def export(module, args, path, exporter, input_names=None, output_names=None, opset=None):
    """Write `module` as one self-contained ONNX file with a symbolic axis 0, "batch".

    `args` are the example tensors of `module.forward`, with the batch in front;
    without `input_names` and `output_names` the exporter's own names stay. The newest opset
    is the exporter's default with dynamo, and 17 with TorchScript.
    """
    module = module.eval()
    names = dict(input_names=input_names, output_names=output_names)
    if exporter == "dynamo":
        batch = torch.export.Dim("batch")
        torch.onnx.export(
            module, tuple(args), path, dynamo=True, opset_version=opset, verbose=False,
            dynamic_shapes=tuple({0: batch} for _ in args), external_data=False, **names,
        )
    else:
        axes = {name: {0: "batch"} for name in [*(input_names or []), *(output_names or [])]}
        torch.onnx.export(
            module, tuple(args), path, dynamo=False, opset_version=opset or 17,
            dynamic_axes=axes, **names,
        )
    save(onnx.load(path), path)


def save(model, path):
    """Check `model` and write it without the exporter's notes (they hold paths of the machine)."""
    for holder in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output,
                   *model.graph.value_info, *model.graph.initializer]:
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def run_rows(path, inputs):
    """Run `path` on one row at a time, without graph optimizations.

    `inputs` maps input names to float32 arrays with the batch in front, and so does the result
    with output names.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = range(len(next(iter(inputs.values()))))
    results = [session.run(names, {k: v[i : i + 1] for k, v in inputs.items()}) for i in rows]
    return {name: np.concatenate(values) for name, values in zip(names, zip(*results))}


def ops(path):
    """The operators of `path` in node order, and its default opset."""
    model = onnx.load(path)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return [node.op_type for node in model.graph.node], opset


def save_npy(path, array, dtype="<f4"):
    """Write `array` as float32 or another `dtype`, C order; make the folder where needed."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.ascontiguousarray(array, dtype=dtype))
