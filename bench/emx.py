"""Writes a float workload as ONNX, with the values of c/model.c, and has emx-onnx-cgen compile it.

Usage: emx.py WORKLOAD FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from emx_onnx_cgen.cli import main
from onnx import TensorProto, helper, numpy_helper
from values import DENSE, Values


class Network:
    """Nodes one after the other."""

    def __init__(self, shape):
        self.values, self.nodes, self.initializers = Values(), [], []
        self.input, self.last = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), "x"

    def constant(self, array):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op, *arrays, **attributes):
        name = f"t{len(self.nodes)}"
        inputs = [self.last, *map(self.constant, arrays)]
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.last = name

    def dense(self, inputs, outputs, relu, weights=lambda w: w):
        w, b = self.values.layer(inputs, outputs)
        self.add("Gemm", weights(w.reshape(outputs, inputs)), b, transB=1)
        if relu:
            self.add("Relu")

    def conv(self, inputs, outputs, kernel, pads):
        w, b = self.values.layer(kernel * inputs, outputs)
        w = w.reshape(outputs, kernel, inputs).transpose(0, 2, 1)
        self.add("Conv", w, b, strides=[2], pads=pads, kernel_shape=[kernel])
        self.add("Relu")

    def save(self, path, outputs):
        y = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, [1, outputs])
        graph = helper.make_graph(self.nodes, "emx_network", [self.input], [y], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def w2(path):
    net = Network([1, 640])
    for i, (inputs, outputs) in enumerate(zip(DENSE, DENSE[1:])):
        net.dense(inputs, outputs, i < 9)
    net.save(path, 640)


def w3(path):
    net = Network([1, 6, 128])
    net.conv(6, 16, 5, [1, 2])
    net.conv(16, 32, 5, [1, 2])
    net.conv(32, 32, 3, [0, 1])
    net.add("Flatten")
    channels_first = lambda w: w.reshape(64, 16, 32).transpose(0, 2, 1).reshape(64, 512)
    net.dense(512, 64, True, channels_first)
    net.dense(64, 16, False)
    net.save(path, 16)


if __name__ == "__main__":
    work, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    {"W2-f32": w2, "W3-f32": w3}[work](folder / "model.onnx")
    whole = ["--large-weight-threshold", "0", "--large-temp-threshold", "0"]
    name = ["--model-name", "emx_network"]
    sys.exit(main(["compile", *whole, *name, str(folder / "model.onnx"), str(folder / "model.c")]))
