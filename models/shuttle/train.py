"""Train and export the VAE of nine sensors of a space shuttle: `python shuttle/train.py`."""

import gzip
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import detection
import golden
import onnx_io
import vae

SENSORS, HIDDEN, LATENTS = 9, 32, 2
FITTED, INTEGERS, CALIBRATED = 18_000, 2_000, 1_000
BEYOND = 5.0
ALPHA = 0.01
GOLDEN_ROWS = 1_000


def readings():
    """All readings [49097, 9] and whether each is an anomaly [49097], float32."""
    package = Path(find_spec("river").submodule_search_locations[0])
    with gzip.open(package / "datasets/shuttle.csv.gz") as file:
        table = np.genfromtxt(file, delimiter=",", skip_header=1, dtype=np.float32)
    return table[:, :SENSORS], table[:, SENSORS] == 1


def split(raw, anomaly):
    """Normal readings to fit, to choose integer ranges, to calibrate the score, and to test; and the anomalies.

    The order is that of `default_rng(0).permutation` of the normal readings.
    """
    order = np.random.default_rng(0).permutation(np.flatnonzero(~anomaly))
    parts = np.split(raw[order], np.cumsum([FITTED, INTEGERS, CALIBRATED]))
    return (*parts, raw[anomaly])


def main():
    args = vae.arguments(__doc__, epochs=30)
    vae.seed_everything(args.seed)

    fitted, integers, calibration, normal, anomalies = split(*readings())
    mean, std = fitted.mean(0), fitted.std(0)
    scaled = [torch.from_numpy((part - mean) / std) for part in (fitted, integers, calibration, normal, anomalies)]
    fitted, integers, calibration, normal, anomalies = scaled
    kept = fitted[(fitted.abs() < BEYOND).all(1)]
    print(f"{len(fitted)} rows to fit, {len(kept)} of them within {BEYOND} standard deviations; "
          f"{len(normal)} normal rows and {len(anomalies)} anomalies to test")

    model = vae.VAE(detection.DenseEncoder(SENSORS, HIDDEN, LATENTS),
                    detection.DenseDecoder(SENSORS, HIDDEN, LATENTS), vae.GaussianLikelihood(SENSORS))
    detection.fit(model, kept, args.epochs, 128, vae.Objective(args.beta, args.entropy_weight))
    for name, part in [("fitted", kept), ("calibration", calibration), ("test, normal", normal)]:
        print(f"{name}: {vae.metrics(model, part)}")

    threshold = detection.threshold(detection.scores(model, calibration), ALPHA)
    report("VAE", lambda x: detection.scores(model, torch.as_tensor(x)), calibration, normal, anomalies)
    for name, score in detection.baselines(fitted, LATENTS).items():
        report(name, score, calibration, normal, anomalies)
    write(model, scaled[1:], mean, std, threshold)


def report(name, score, calibration, normal, anomalies):
    """Print AUROC, average precision, and what lies below the threshold of `ALPHA`."""
    limit = detection.threshold(score(calibration), ALPHA)
    normal, anomalies = score(normal), score(anomalies)
    print(f"{name}: AUROC {detection.auroc(normal, anomalies):.4f}, "
          f"average precision {detection.average_precision(normal, anomalies):.4f}; "
          f"below {limit:.3f}: {(normal < limit).mean():.2%} of normal rows, {(anomalies < limit).mean():.2%} of anomalies")


def write(model, parts, mean, std, threshold):
    """Write the graphs, the manifest, the rows and the goldens."""
    integers, calibration, normal, anomalies = parts
    test = torch.cat([normal, anomalies])
    onnx_io.save_npy(FOLDER / "calibration.npy", integers.numpy())
    onnx_io.save_npy(FOLDER / "normal.npy", calibration.numpy())
    onnx_io.save_npy(FOLDER / "test.npy", test.numpy())
    onnx_io.save_npy(FOLDER / "labels.npy", np.r_[np.zeros(len(normal)), np.ones(len(anomalies))])
    vae.export(model, test[:GOLDEN_ROWS], FOLDER, "x_mean", ["dynamo"])
    vae.write_manifest(FOLDER / "elbow.toml", "shuttle", {
        **detection.tables(model),
        "window": detection.window(SENSORS, 1, 1, None, mean, std),
        "score": {"kind": "elbo_at_mean", "alpha": ALPHA, "threshold": threshold},
    })
    golden.write(FOLDER, GOLDEN_ROWS)


if __name__ == "__main__":
    main()
