"""Writes ONNX's own node tests in the form that Elbow runs: python convert.py OPERATORS OUT

OPERATORS is what `elbow ops --json` prints; OUT is a folder. Every
single-precision test of these operators becomes a folder with `model.onnx`, `in.N.npy` and `out.N.npy`,
and an entry of `index.json`.

Elbow wants a batch of one in front of every input, and knows shapes, axes, indices and the weights of
some layers when it imports. So operands that have to be known are bound to the test's data, and every
other input `x` of shape `S` becomes an input of shape `[1, *S]`, a Squeeze and, for booleans and whole
numbers, a Cast.
"""

import json
import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Operands that are known at import, by operator.
KNOWN = {
    "BatchNormalization": {1, 2, 3, 4},
    "Clip": {1, 2},
    "Conv": {1, 2},
    "ConstantOfShape": {0},
    "ConvTranspose": {1, 2},
    "CumSum": {1},
    "Dropout": {1, 2},
    "Expand": {1},
    "GRU": {1, 2, 3, 4},
    "Gather": {1},
    "GatherND": {1},
    "LSTM": {1, 2, 3, 4, 7},
    "OneHot": {1},
    "Pad": {1, 2, 3},
    "RNN": {1, 2, 3, 4},
    "Range": {0, 1, 2},
    "Reshape": {1},
    "Resize": {1, 2, 3},
    "ScatterElements": {1},
    "ScatterND": {1},
    "Slice": {1, 2, 3, 4},
    "Split": {1},
    "Squeeze": {1},
    "Tile": {1},
    "Trilu": {1},
    "Unsqueeze": {1},
    "Upsample": {1},
}
KNOWN |= {f"Reduce{name}": {1} for name in
          ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]}

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL
WHOLE = {TensorProto.INT64, TensorProto.INT32}


def element_type(info):
    """Element type of a tensor; None for sequences and optionals."""
    kind = info.type.WhichOneof("value")
    return info.type.tensor_type.elem_type if kind == "tensor_type" else None


def is_single_precision(model, known):
    """Whether the data of a test are float32, and whatever goes with them in Elbow."""
    data = [element_type(info) for index, info in enumerate(model.graph.input) if index not in known]
    results = [element_type(info) for info in model.graph.output]
    allowed = {FLOAT, BOOL, None} | WHOLE
    touched = [kind for kind in data + results if kind in (FLOAT, BOOL, None)]
    return set(data + results) <= allowed and bool(touched)


def bound(model, known, inputs):
    """The model with known operands as initializers, and what remains as inputs, with their rows."""
    graph = model.graph
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < 9:  # And, Or, Xor and Not have not changed since
        opset = 9
        model.opset_import[0].version = opset
    infos, nodes, rows = [], [], []
    for index, (info, value) in enumerate(zip(graph.input, inputs)):
        name, kind = info.name, element_type(info)
        if index in known:
            graph.initializer.append(numpy_helper.from_array(value, name))
            continue
        row = f"row of {name}"
        infos.append(helper.make_tensor_value_info(row, FLOAT, [1, *value.shape]))
        rows.append(value.astype(np.float32)[None])
        plain = name if kind == FLOAT else f"{name} as float"
        if opset < 13:
            nodes.append(helper.make_node("Squeeze", [row], [plain], axes=[0]))
        else:
            axes = f"axes of {name}"
            graph.initializer.append(numpy_helper.from_array(np.array([0]), axes))
            nodes.append(helper.make_node("Squeeze", [row, axes], [plain]))
        if kind != FLOAT:
            nodes.append(helper.make_node("Cast", [plain], [name], to=kind))
    nodes.extend(graph.node)
    del graph.input[:]
    graph.input.extend(infos)
    del graph.node[:]
    graph.node.extend(nodes)
    return model, rows


def convert(case, operator, folder):
    """Writes one test; what keeps it from being written, or None."""
    known = KNOWN.get(operator, set())
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    infos = [*model.graph.input, *model.graph.output]
    if any(element_type(info) is None for info in infos):
        return "sequence or optional type"
    inputs, outputs = case.data_sets[0]
    arrays = [numpy_helper.to_array(a) if isinstance(a, TensorProto) else np.asarray(a)
              for a in [*inputs, *outputs]]
    if any(array.size == 0 for array in arrays[len(inputs):]):
        return "tensor without values"
    model, rows = bound(model, known, arrays[:len(inputs)])
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    for index, row in enumerate(rows):
        np.save(folder / f"in.{index}.npy", np.ascontiguousarray(row))
    for index, array in enumerate(arrays[len(inputs):]):
        np.save(folder / f"out.{index}.npy", np.ascontiguousarray(array.astype(np.float32)[None]))
    return None


def first_operator(case):
    return case.model.graph.node[0].op_type


def main():
    table, out = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    operators = {row["op"] for row in table["operators"]}
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    index, operators_of = [], {}
    for case in sorted(collect_testcases(None), key=lambda case: case.name):
        # The body of a function, spelled out, has the operands of the test that it comes from.
        base = case.name.split("_expanded")[0]
        operator = operators_of.setdefault(case.name, operators_of.get(base) or first_operator(case))
        if operator not in operators:
            continue
        if not is_single_precision(case.model, KNOWN.get(operator, set())):
            continue
        problem = convert(case, operator, out / case.name)
        index.append({"name": case.name, "operator": operator, "rtol": case.rtol, "atol": case.atol,
                      "problem": problem})
    (out / "index.json").write_text(json.dumps(index, indent=1))
    print(f"{len(index)} tests, {sum(case['problem'] is None for case in index)} written to {out}")


if __name__ == "__main__":
    main()
