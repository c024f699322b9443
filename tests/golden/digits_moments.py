"""Write digits_moments.npy: mean and covariance of scikit-learn's 8x8 digits, `python digits_moments.py`.

1797 images of 64 pixels, ink divided by 16; row 0 is the mean, rows 1 to 64 are the covariance with divisor
1797, float64. Needs numpy and scikit-learn (1.7.2 wrote it; the digits are part of the package).
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

x = load_digits().data / 16
moments = np.vstack([x.mean(0), np.cov(x, rowvar=False, bias=True)])
np.save(Path(__file__).with_suffix(".npy"), moments)
