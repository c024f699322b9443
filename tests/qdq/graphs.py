"""The small graphs that `make.py` quantizes: modules with random weights, of one input."""

import torch
from torch import nn

from exported import Case, OfX, batch_norm, mlp, two_heads


def pooled(l, x):
    h = torch.relu(l[0](x))
    return l[3](torch.cat([l[1](h), l[2](h)], 1).flatten(1))


def residual(l, x):
    h = torch.relu(l[0](x))
    h = torch.relu(h + l[1](h))
    return l[2](h - x)


def decoder(l, z):
    h = torch.relu(l[0](z)).view(-1, 8, 4)
    return torch.sigmoid(l[2](torch.relu(l[1](h))))


def image_decoder(l, z):
    h = torch.tanh(l[0](z)).view(-1, 6, 2, 2)
    return l[2](torch.relu(l[1](h)))


CASES = [
    Case(
        "mlp", lambda: OfX(two_heads, nn.Sequential(*mlp(24, 32, 20)), nn.Linear(20, 4), nn.Linear(20, 4)),
        {"x": (24,)}, "two heads of one hidden layer",
    ),
    Case(
        "conv1d",
        lambda: nn.Sequential(
            nn.Conv1d(4, 8, 5, stride=2, padding=2), batch_norm(nn.BatchNorm1d(8)), nn.LeakyReLU(0.1),
            nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 6),
        ),
        {"x": (4, 16)}, "stride, padding, dilation and groups; LeakyRelu",
    ),
    Case(
        "conv2d",
        lambda: nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=(2, 1), padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1, groups=6),
            nn.ReLU6(), nn.Conv2d(6, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 5, 5),
        ),
        {"x": (2, 8, 5)}, "depthwise and pointwise; Clip",
    ),
    Case(
        "residual", lambda: OfX(residual, nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 5)),
        {"x": (16,)}, "sum and difference of two quantized values",
    ),
    Case(
        "pooling",
        lambda: OfX(
            pooled, nn.Conv2d(1, 6, 3, padding=1), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Linear(12 * 9, 6)
        ),
        {"x": (1, 6, 6)}, "largest and average of a window, concatenated",
    ),
    Case(
        "global_pool",
        lambda: nn.Sequential(
            nn.Conv1d(3, 10, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(10, 6)
        ),
        {"x": (3, 12)}, "average over all positions", exports=(("torchscript", 17),),
    ),
    Case(
        "mean",
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)
        ),
        {"x": (1, 12, 12)}, "averages with frequent ties, in front of a layer and at the end",
    ),
    Case(
        "mean_opset17",
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(60, 16)
        ),
        {"x": (1, 11, 9)}, "averages of an opset whose sums onnxruntime takes by column",
        exports=(("torchscript", 17),),
    ),
    Case(
        "conv_transpose1d",
        lambda: OfX(
            decoder, nn.Linear(5, 32), nn.ConvTranspose1d(8, 6, 4, stride=2, padding=1),
            nn.ConvTranspose1d(6, 3, 3, stride=2, padding=1, output_padding=1),
        ),
        {"z": (5,)}, "a decoder that ends in Sigmoid",
    ),
    Case(
        "conv_transpose2d",
        lambda: OfX(
            image_decoder, nn.Linear(4, 24), nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1),
            nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1),
        ),
        {"z": (4,)}, "a decoder of images; Tanh",
    ),
]
