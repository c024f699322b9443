"""Makes the neural spline flows: python make.py writes a folder per graph.

Flows of zuko and nflows as their users export them: random weights, three transforms, a bare module
that gives z (or x, in the sampling direction) and the logarithm of the volume's change. `test.npy` are rows
that reach beyond the splines, and `log_prob.npy` is ln N(z; 0, I) + log_det of each by PyTorch in float64.

nflows' code branches on data, which torch.export refuses: it is exported by TorchScript as it is, and by dynamo
with the spline's mask written as torch.where.
"""

import contextlib
import copy
import io
import pathlib
import shutil
import sys
import tempfile
import warnings

import nflows.nn.nets
import nflows.transforms
import nflows.transforms.autoregressive
import nflows.transforms.splines
import numpy as np
import onnx
import torch
import zuko

SEED, ROWS, HIDDEN, BINS = 20261130, 64, 16, 5
HERE = pathlib.Path(__file__).parent
SPLINE = dict(num_bins=BINS, tails="linear", tail_bound=3.0)
warnings.simplefilter("ignore")


class Zuko(torch.nn.Module):
    def __init__(self, features, inverse=False, **options):
        super().__init__()
        self.flow = zuko.flows.NSF(features, transforms=3, bins=BINS, hidden_features=(HIDDEN,), **options)
        self.inverse = inverse

    def forward(self, x):
        transform = self.flow().transform
        return (transform.inv if self.inverse else transform).call_and_ladj(x)


class Nflows(torch.nn.Module):
    def __init__(self, transform, features, inverse=False, count=3):
        super().__init__()
        reverse = nflows.transforms.ReversePermutation
        steps = [step for index in range(count) for step in (reverse(features), transform(index, features))]
        self.transform, self.inverse = nflows.transforms.CompositeTransform(steps), inverse

    def forward(self, x):
        return self.transform.inverse(x) if self.inverse else self.transform(x)


def coupling(index, features, **options):
    def net(inputs, outputs):
        return nflows.nn.nets.ResidualNet(inputs, outputs, hidden_features=HIDDEN, num_blocks=1)

    mask = [(feature + index) % 2 for feature in range(features)]
    return nflows.transforms.PiecewiseRationalQuadraticCouplingTransform(mask, net, **options, **SPLINE)


def unconditional(index, features):
    """Its other half goes through splines of its own, whose parameters are constants."""
    return coupling(index, features, apply_unconditional_transform=True)


def autoregressive(_, features):
    return nflows.transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        features, hidden_features=HIDDEN, num_blocks=1, **SPLINE)


FLOWS = {
    "zuko_autoregressive.dynamo": (lambda: Zuko(6), 6),
    "zuko_autoregressive.torchscript": (lambda: Zuko(4), 4),
    "zuko_autoregressive_inverse.dynamo": (lambda: Zuko(4, inverse=True), 4),
    "zuko_coupling.dynamo": (lambda: Zuko(8, passes=2), 8),
    "zuko_coupling_inverse.dynamo": (lambda: Zuko(4, inverse=True, passes=2), 4),
    "nflows_coupling.dynamo": (lambda: Nflows(coupling, 4), 4),
    "nflows_coupling.torchscript": (lambda: Nflows(coupling, 8), 8),
    "nflows_coupling_inverse.torchscript": (lambda: Nflows(coupling, 4, True), 4),
    "nflows_unconditional.torchscript": (lambda: Nflows(unconditional, 4, count=1), 4),
    "nflows_autoregressive.dynamo": (lambda: Nflows(autoregressive, 4), 4),
    "nflows_autoregressive.torchscript": (lambda: Nflows(autoregressive, 4), 4),
}


@contextlib.contextmanager
def by_where():
    """nflows' spline of all inputs, those outside moved to its edge, and a torch.where of what comes out."""
    original = nflows.transforms.splines.unconstrained_rational_quadratic_spline
    plain = nflows.transforms.splines.rational_quadratic_spline

    def unconstrained(inputs, unnormalized_derivatives, tail_bound, inverse=False, tails="linear", **options):
        edge = np.log(np.exp(1 - options["min_derivative"]) - 1)
        derivatives = torch.nn.functional.pad(unnormalized_derivatives, pad=(1, 1), value=edge)
        inside = (inputs >= -tail_bound) & (inputs <= tail_bound)
        box = dict(left=-tail_bound, right=tail_bound, bottom=-tail_bound, top=tail_bound)
        outputs, log_det = plain(inputs=inputs.clamp(-tail_bound, tail_bound), inverse=inverse,
                                 unnormalized_derivatives=derivatives, **box, **options)
        return torch.where(inside, outputs, inputs), torch.where(inside, log_det, torch.zeros_like(log_det))

    # The check of the inputs' range is a branch on data as well.
    checks = torch.min, torch.max
    places = nflows.transforms.splines, nflows.transforms.autoregressive
    try:
        torch.min = torch.max = lambda inputs: 0.0
        for place in places:
            place.unconstrained_rational_quadratic_spline = unconstrained
        yield
    finally:
        torch.min, torch.max = checks
        for place in places:
            place.unconstrained_rational_quadratic_spline = original


def export(module, x, path, exporter):
    names = dict(input_names=["x"], output_names=["z", "log_det"])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if exporter == "torchscript":
            torch.onnx.export(module, (x,), path, dynamo=False, opset_version=17, **names)
        else:
            with by_where():
                torch.onnx.export(module, (x,), path, dynamo=True, external_data=False, **names)


def bare(graph, names):
    """Without the exporter's notes, which hold paths of the machine, and with short names inside."""
    def short(name):
        return names.setdefault(name, f"v{len(names):x}") if name else name

    for node in graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        del node.metadata_props[:]
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                bare(attribute.g, names)
    for value in [*graph.input, *graph.output]:
        del value.metadata_props[:]
    for value in [*graph.output, *graph.initializer]:
        value.name = short(value.name)
    del graph.value_info[:]
    del graph.metadata_props[:]
    graph.ClearField("doc_string")


def write(name, make, features):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    torch.manual_seed(SEED)
    module = make().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 1.5
    x = 2.0 * torch.randn(ROWS, features)
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "model.onnx"
        export(module, 0.3 * x[:1], path, name.split(".")[1])
        model = onnx.load(path)
    bare(model.graph, {value.name: value.name for value in [*model.graph.input, *model.graph.output]})
    del model.metadata_props[:]
    model.graph.name = name.split(".")[0]
    onnx.save(model, folder / "model.onnx")
    with torch.no_grad():
        z, log_det = copy.deepcopy(module).double()(x.double())
    log_prob = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1) + log_det
    np.save(folder / "test.npy", x.numpy())
    np.save(folder / "log_prob.npy", log_prob.numpy())
    (folder / "elbow.toml").write_text(
        f'name = "{name.replace(".", "_")}"\n\n[flow]\nonnx = "model.onnx"\ninput = "x"\nz = "z"\n'
        'log_det = "log_det"\nbase = "standard_normal"\n')
    print(f"{name}: {len(model.graph.node)} nodes, {(folder / 'model.onnx').stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    for name, (make, features) in FLOWS.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write(name, make, features)
