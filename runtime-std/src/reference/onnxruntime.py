"""onnxruntime as a reference: `python answer.py FOLDER` answers the request that lies in FOLDER.

`request.json` names rows, inputs and states, as `Request` in `mod.rs` has them; `in.N.npy` holds all rows of an
input and `out.N.npy` gets all rows of an output, flat and in float32. `version` is written as soon as onnxruntime
is there; where something fails, `complaint` says what.
"""

import json
import os
import sys

# The oldest versions that this script was written for.
PYTHON = (3, 8)
ONNXRUNTIME = (1, 16)

TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


def packages():
    """numpy and onnxruntime, if they are of use."""
    if sys.version_info < PYTHON:
        raise RuntimeError("Python %d.%d is too old, expected %d.%d or newer" % (sys.version_info[:2] + PYTHON))
    import numpy
    import onnxruntime

    version = onnxruntime.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < ONNXRUNTIME:
        raise RuntimeError("onnxruntime %s is too old, expected %d.%d or newer" % ((version,) + ONNXRUNTIME))
    return numpy, onnxruntime


def opened(onnxruntime, path):
    """A session that computes node by node, as the file says, on one thread."""
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(folder, numpy, onnxruntime):
    with open(os.path.join(folder, "request.json")) as file:
        request = json.load(file)
    session = opened(onnxruntime, os.path.join(folder, "model.onnx"))
    types = {declared.name: TYPES[declared.type] for declared in session.get_inputs()}
    states = dict(request["states"])
    inputs = []
    for at, port in enumerate(request["inputs"]):
        values = numpy.load(os.path.join(folder, "in.%d.npy" % at)).astype(types.get(port["name"], "float32"))
        inputs.append(values.reshape([-1] + port["shape"]))
    outputs = [[] for _ in session.get_outputs()]
    results = None
    for row in range(request["rows"]):
        feed = {}
        for at, port in enumerate(request["inputs"]):
            if at not in states:
                feed[port["name"]] = inputs[at][row]
            elif results is None:
                feed[port["name"]] = inputs[at][0]
            else:
                feed[port["name"]] = results[states[at]].reshape(port["shape"])
        results = session.run(None, feed)
        for values, result in zip(outputs, results):
            values.append(numpy.asarray(result).astype("float32").ravel())
    for at, values in enumerate(outputs):
        numpy.save(os.path.join(folder, "out.%d.npy" % at), numpy.concatenate(values))


def main(folder):
    def say(name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    try:
        numpy, onnxruntime = packages()
        say("version", onnxruntime.__version__)
        answer(folder, numpy, onnxruntime)
    except Exception as error:
        say("complaint", "%s: %s" % (type(error).__name__, error))
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
