"""An encoder whose file defines functions of its own, by onnxscript."""

import numpy as np
import onnx
from onnxscript import FLOAT, script
from onnxscript import opset20 as op
from onnxscript.values import Opset

X, Z = 8, 4
LAYERS = Opset("zoo.layers", 1)


@script(LAYERS)
def Activated(h, slope: float = 0.1):
    return op.LeakyRelu(h, alpha=slope)


@script(LAYERS)
def Layer(x, w, b, slope: float):
    return Activated(op.Gemm(x, w, b), slope=slope)


@script(default_opset=op)
def functions(x: FLOAT[1, X], w1: FLOAT[X, 12], b1: FLOAT[12], w2: FLOAT[12, 2 * Z], b2: FLOAT[2 * Z]):
    h = Layer(x, w1, b1, slope=0.2)
    heads = Layer(h, w2, b2, slope=0.9)
    mu, logvar = op.Split(heads, num_outputs=2, axis=1)
    return mu, logvar


MODELS = {"functions": functions}


def export(name, folder):
    rng = np.random.default_rng(20261124)
    model = MODELS[name].to_model_proto()
    shapes = {"w1": (X, 12), "b1": (12,), "w2": (12, 2 * Z), "b2": (2 * Z,)}
    graph = model.graph
    for key, shape in shapes.items():
        values = (0.4 * rng.standard_normal(shape)).astype(np.float32)
        graph.initializer.append(onnx.numpy_helper.from_array(values, key))
    inputs = [info for info in graph.input if info.name not in shapes]
    del graph.input[:]
    graph.input.extend(inputs)
    for info in graph.output:
        info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(model, folder / f"{name}.onnxscript.onnx")
