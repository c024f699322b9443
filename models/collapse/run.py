"""What the weights of KL and entropy do to a posterior: `python collapse/run.py`. Writes nothing."""

import argparse
import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import vae
from digits.train import digits
from digits_gaussian.train import Decoder, Encoder

RUNS = [(1, 0), (1, 1), (1, -0.9), (0.1, 0), (0.1, 0.9), (4, 0), (4, 1), (4, -3)]
ACTIVE_ABOVE = 0.01
COLUMNS = ["active", "KL", "reconstruction", "ELBO", "IWAE", "sd"]


@torch.no_grad()
def iwae(model, x, samples):
    """ln 1/K sum_k p(x, z_k) / q(z_k | x) in nats: [B, ...] -> [B]."""
    loc, log_var = model.encoder(x)
    weights = []
    for _ in range(samples):
        z = vae.rsample(loc, log_var)
        log_prior = -0.5 * (z**2).sum(-1)
        log_q = -0.5 * ((z - loc) ** 2 * torch.exp(-log_var) + log_var).sum(-1)
        weights.append(model.likelihood.log_prob(x, model.decoder(z)) + log_prior - log_q)
    return torch.logsumexp(torch.stack(weights).double(), 0) - math.log(samples)


@torch.no_grad()
def measure(model, x):
    """The numbers of `COLUMNS`, then the KL of each latent, largest first; in nats, means over `x`."""
    loc, log_var = model.encoder(x)
    latents = 0.5 * (loc**2 + torch.expm1(log_var) - log_var).mean(0)
    recon = torch.stack([model.terms(x)[0] for _ in range(200)]).double().mean()
    active = (loc.var(0) > ACTIVE_ABOVE).sum()
    row = [active, latents.sum(), recon, recon - latents.sum(), iwae(model, x, 2000).mean(),
           torch.exp(0.5 * log_var).median()]
    return torch.tensor([float(value) for value in row]), latents.sort(descending=True).values


def train(beta, entropy_weight, seed, epochs, x):
    """A VAE of binarised digits with 8 latents."""
    torch.manual_seed(seed)
    model = vae.VAE(Encoder(), Decoder(), vae.BernoulliLikelihood())
    schedule = vae.Schedule(epochs=epochs, batch=100, rate=1e-3, late_rate=3e-4,
                            late_epoch=epochs * 2 // 3, warmup=epochs // 4, weight_decay=1e-4)
    return vae.fit(model, x, schedule, vae.Objective(beta, entropy_weight))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200)
    args = parser.parse_args()
    vae.seed_everything(0)
    x, test = digits()
    print("| beta | entropy weight | " + " | ".join(COLUMNS) + " | KL of each latent |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for beta, weight in RUNS:
        found = [measure(train(beta, weight, seed, args.epochs, x), test) for seed in range(args.seeds)]
        rows, latents = (torch.stack(part).mean(0) for part in zip(*found))
        figures = [f"{rows[0]:.1f}", *(f"{value:.2f}" for value in rows[1:])]
        print(f"| {beta} | {weight} | {' | '.join(figures)} | {' '.join(f'{kl:.2f}' for kl in latents)} |", flush=True)


if __name__ == "__main__":
    main()
