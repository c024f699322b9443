"""Writes W2 on bytes as a TFLite file, with the values of c/model.c: microflow's macro reads it.

Usage: microflow.py FILE

Activations have a scale of 1, so that a layer's ratio is the scale of its weights, exact in f32.
"""

import sys
from math import isqrt
from pathlib import Path

import flatbuffers
import numpy as np
import tflite
from values import DENSE, Values


class File:
    """Tensors and operators one after the other; buffer 0 is the empty one."""

    def __init__(self):
        self.builder = flatbuffers.Builder(1 << 20)
        self.buffers, self.tensors, self.operators = [self.buffer(None)], [], []

    def table(self, name, **fields):
        """A table of the schema; its fields are numbers, or offsets of what was written before."""
        getattr(tflite, f"{name}Start")(self.builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self.builder, value)
        return getattr(tflite, f"{name}End")(self.builder)

    def numbers(self, values, kind):
        return self.builder.CreateNumpyVector(np.array(values, kind))

    def offsets(self, tables):
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return self.builder.EndVector()

    def buffer(self, array):
        if array is None:
            return self.table("Buffer")
        data = self.builder.CreateNumpyVector(np.frombuffer(array.tobytes(), np.uint8))
        return self.table("Buffer", Data=data)

    def tensor(self, shape, kind, scale, zero, array=None):
        """Its number."""
        if array is not None:
            self.buffers.append(self.buffer(array))
        buffer = 0 if array is None else len(self.buffers) - 1
        scales, zeros = self.numbers([scale], np.float32), self.numbers([zero], np.int64)
        quantization = self.table("QuantizationParameters", Scale=scales, ZeroPoint=zeros)
        shape = self.numbers(shape, np.int32)
        tensor = self.table("Tensor", Shape=shape, Type=kind, Buffer=buffer, Quantization=quantization)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def fully_connected(self, x, weights, biases, y, relu):
        act = tflite.ActivationFunctionType
        function = act.RELU if relu else act.NONE
        options = self.table("FullyConnectedOptions", FusedActivationFunction=function)
        inputs = self.numbers([x, weights, biases], np.int32)
        outputs = self.numbers([y], np.int32)
        kind = tflite.BuiltinOptions.FullyConnectedOptions
        fields = {"BuiltinOptionsType": kind, "BuiltinOptions": options}
        operator = self.table("Operator", OpcodeIndex=0, Inputs=inputs, Outputs=outputs, **fields)
        self.operators.append(operator)

    def save(self, path, x, y):
        code = tflite.BuiltinOperator.FULLY_CONNECTED
        code = self.table("OperatorCode", DeprecatedBuiltinCode=code, BuiltinCode=code, Version=1)
        inputs, outputs = self.numbers([x], np.int32), self.numbers([y], np.int32)
        tensors, operators = self.offsets(self.tensors), self.offsets(self.operators)
        fields = {"Tensors": tensors, "Operators": operators}
        graph = self.table("SubGraph", Inputs=inputs, Outputs=outputs, **fields)
        codes, graphs, buffers = map(self.offsets, ([code], [graph], self.buffers))
        fields = {"OperatorCodes": codes, "Subgraphs": graphs, "Buffers": buffers}
        self.builder.Finish(self.table("Model", Version=3, **fields), file_identifier=b"TFL3")
        path.write_bytes(self.builder.Output())


def w2(path):
    values, file, kinds = Values(), File(), tflite.TensorType
    first = x = file.tensor([1, 640], kinds.INT8, 1.0, -3)
    for i, (inputs, outputs) in enumerate(zip(DENSE, DENSE[1:])):
        weights, biases = values.layer_i8(inputs, outputs)
        scale = (80_000_000 if i else 40_000_000) // isqrt(inputs) * 2.0**-32
        w = file.tensor([outputs, inputs], kinds.INT8, scale, 0, weights)
        b = file.tensor([outputs], kinds.INT32, scale, 0, biases)
        relu = i < 9
        y = file.tensor([1, outputs], kinds.INT8, 1.0, -128 if relu else 4)
        file.fully_connected(x, w, b, y, relu)
        x = y
    file.save(path, first, x)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    w2(path)
