"""Small VAEs of binary digits, trained by other objectives than the ELBO: `python tests/heads/train.py`.

Training maximizes E_q[ln p(x | z)] - beta KL(q || p) + entropy_weight H(q). Rows to judge them by are those of
`models/digits/test.npy`, which are the same digits.
"""

import sys
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent / "models"))

import onnx_io
import vae
from digits.train import digits

PIXELS, HIDDEN, LATENTS, EPOCHS, SEED = 64, 16, 4, 150, 0

# Name, head, beta, entropy weight.
MODELS = [
    ("elbo", "logvar", 1, 0),
    ("elbo_log_sigma", "log_sigma", 1, 0),
    ("elbo_softplus", "softplus_sigma", 1, 0),
    ("beta_quarter", "logvar", 0.25, 0),
    ("beta_quarter_log_sigma", "log_sigma", 0.25, 0),
    ("beta_tenth", "logvar", 0.1, 0),
    ("beta_four", "logvar", 4, 0),
    ("beta_four_softplus", "softplus_sigma", 4, 0),
    ("bonus", "logvar", 1, 1),
    ("bonus_log_sigma", "log_sigma", 1, 1),
    ("malus_log_sigma", "log_sigma", 1, -0.9),
    ("collapsed", "logvar", 4, 1),
]

LOG_VAR = {
    "logvar": lambda h: h,
    "log_sigma": lambda h: 2 * h,
    "softplus_sigma": lambda h: 2 * torch.log(nn.functional.softplus(h)),
}


class Heads(nn.Module):
    """x [B, 64] -> mean and raw spread, each [B, 4]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU())
        self.mean, self.spread = nn.Linear(HIDDEN, LATENTS), nn.Linear(HIDDEN, LATENTS)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.spread(h)


class Encoder(nn.Module):
    """x [B, 64] -> loc, log_var by the head."""

    def __init__(self, head):
        super().__init__()
        self.heads, self.head = Heads(), head

    def forward(self, x):
        mean, spread = self.heads(x)
        return mean, LOG_VAR[self.head](spread)


def main():
    vae.seed_everything(SEED)
    x, test = digits()
    schedule = vae.Schedule(epochs=EPOCHS, batch=100, rate=3e-3, late_rate=1e-3, late_epoch=EPOCHS * 2 // 3,
                            warmup=EPOCHS // 4, weight_decay=1e-4)
    for name, head, beta, weight in MODELS:
        torch.manual_seed(SEED)
        decoder = nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ELU(), nn.Linear(HIDDEN, PIXELS))
        model = vae.VAE(Encoder(head), decoder, vae.BernoulliLikelihood())
        vae.fit(model, x, schedule, vae.Objective(beta, weight))
        print(f"{name}: {vae.metrics(model, test)}")
        onnx_io.export(model.encoder.heads, [x[:2]], FOLDER / f"{name}.encoder.onnx", "dynamo", ["x"], ["a", "b"])
        onnx_io.export(decoder, [torch.zeros(2, LATENTS)], FOLDER / f"{name}.decoder.onnx", "dynamo", ["z"], ["y"])


if __name__ == "__main__":
    main()
