"""What models that are judged by labels share: dense networks, baselines, measures and the manifest."""

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

import vae

CLAMP = (-14, 6)


class DenseEncoder(nn.Module):
    """x [B, X] -> mu, logvar, each [B, Z], by two hidden layers; the second is half as wide."""

    def __init__(self, values, hidden, latents):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(values, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, hidden // 2), nn.LeakyReLU(0.1)
        )
        self.mu = nn.Linear(hidden // 2, latents)
        self.logvar = nn.Linear(hidden // 2, latents)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)


class DenseDecoder(nn.Module):
    """z [B, Z] -> x_mean [B, X]; smooth, so that gradients with respect to z are too."""

    def __init__(self, values, hidden, latents):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latents, hidden // 2), nn.ELU(), nn.Linear(hidden // 2, hidden), nn.ELU(),
            nn.Linear(hidden, values),
        )

    def forward(self, z):
        return self.body(z)


@torch.no_grad()
def scores(model, x):
    """ELBO at the mean in nats of each row of `x`, [N, ...] -> [N], as the device has it; larger is more normal."""
    loc, log_var = model.eval().encoder(x)
    kl = vae.kl_divergence(loc, log_var.clamp(*CLAMP))
    return (model.likelihood.log_prob(x, model.decoder(loc)) - kl).double().numpy()


def baselines(train, latents):
    """Scores without a network, larger is more normal, by name; each [N, ...] -> [N].

    `train`, [N, ...], is standardized. Probabilistic PCA has as many latents as the model, and is ln p(x) up to a
    constant; the Mahalanobis distance has the full covariance of the training rows.
    """
    flat = lambda x: np.asarray(x, np.float64).reshape(len(x), -1)
    centre = flat(train).mean(0)
    values, vectors = np.linalg.eigh(np.cov(flat(train), rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[latents:].mean()

    def distance(x, variances):
        return (((flat(x) - centre) @ vectors) ** 2 / variances).sum(1)

    ridge = values + 1e-6 * values[0]
    kept = np.where(np.arange(len(values)) < latents, values, noise)
    return {
        "largest |z|": lambda x: -np.abs(flat(x)).max(1),
        "probabilistic PCA": lambda x: -distance(x, kept),
        "Mahalanobis": lambda x: -distance(x, ridge),
    }


def auroc(normal, anomalous):
    """The share of pairs in which the anomalous row scores lower; ties count half."""
    labels = np.r_[np.zeros(len(normal)), np.ones(len(anomalous))]
    return roc_auc_score(labels, -np.r_[normal, anomalous])


def average_precision(normal, anomalous):
    """The mean precision over the anomalous rows, from the lowest score upwards."""
    labels = np.r_[np.zeros(len(normal)), np.ones(len(anomalous))]
    return average_precision_score(labels, -np.r_[normal, anomalous])


def p_values(calibration, scores):
    """Split conformal, (1 + the number of calibration scores that are not above) / (n + 1): [N] -> [N]."""
    return (1 + np.searchsorted(np.sort(calibration), scores, side="right")) / (len(calibration) + 1)


def both_tails(calibration, scores):
    """The p-value of `tail = "both"`, min(1, 2 min(p_low, p_high)): [N] -> [N]."""
    low, high = p_values(calibration, scores), p_values(-calibration, -scores)
    return np.minimum(1, 2 * np.minimum(low, high))


def threshold(calibration, alpha):
    """The floor(alpha (n + 1))-th smallest score; a score strictly below it has a p-value of at most alpha."""
    return np.sort(calibration)[int(alpha * (len(calibration) + 1)) - 1]


def tables(model):
    """The tables `encoder` and `decoder` of the manifest of a model with a Gaussian likelihood."""
    return {
        "encoder": {
            "onnx": "encoder.onnx", "input": "x", "mean": "mu",
            "spread": {"output": "logvar", "head": "logvar", "clamp": list(CLAMP)},
        },
        "decoder": {
            "onnx": "decoder.onnx", "latent": "z", "mean": "x_mean",
            "likelihood": {"family": "gaussian", "log_sigma": model.likelihood.log_sigma.tolist()},
        },
    }


def window(channels, length, hop, rate, mean, std):
    """The table `window` of the manifest; `rate` in Hz, or None where time means nothing."""
    timed = {} if rate is None else {"rate": rate}
    return {"channels": channels, "length": length, "hop": hop, **timed, "mean": mean, "std": std}


def fit(model, x, epochs, batch, objective, augment=lambda x: x):
    """Fit `model` to `x`, [N, ...], with the rate falling to a fifth after three quarters of the epochs."""
    schedule = vae.Schedule(epochs=epochs, batch=batch, rate=2e-3, late_rate=4e-4,
                            late_epoch=epochs * 3 // 4, warmup=max(1, epochs // 5), weight_decay=1e-5)
    return vae.fit(model, x, schedule, objective, augment)
