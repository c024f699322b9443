"""p-values and thresholds of the package nonconform 2.0.0 (Python 3.12), into nonconform.json.

Its scores are higher for anomalies, ours lower: they are given with the opposite sign. A threshold is the lowest
calibration score whose own p-value is above alpha, so that p <= alpha for all that lies below. `upper` is the
certificate's bound of the false-positive rate there, with confidence 0.95, at every threshold at once.

    pip install nonconform==2.0.0
    python nonconform.py > nonconform.json
"""

import json
import sys

sys.path.pop(0)  # this file has the package's name

import nonconform
import numpy as np
from nonconform import Empirical
from nonconform.fdr import FPRCertificate

rng = np.random.default_rng(20)
calibration = np.round(rng.normal(size=1000), 2)  # with ties
test = np.concatenate([np.linspace(-4, 4, 33), calibration[:20], calibration.min() - [0, 1]])
p = Empirical().compute_p_values(-test, -calibration)
certificate = FPRCertificate.from_scores(-calibration, confidence=0.95)
thresholds = []
for alpha in (0.001, 0.005, 0.01, 0.05, 0.1):
    own = Empirical().compute_p_values(-calibration, -calibration)
    threshold = float(calibration[own > alpha].min())
    # An anomaly is strictly below the threshold: above its negative there.
    upper = float(certificate.bound_at(np.nextafter(-threshold, np.inf)))
    thresholds.append({"alpha": alpha, "threshold": threshold, "upper": upper})
table = {
    "nonconform": nonconform.__version__,
    "calibration": calibration.tolist(),
    "test": test.tolist(),
    "p": p.tolist(),
    "thresholds": thresholds,
}
print(json.dumps(table))
