"""What GoogLeNet and Inception v3 share."""

from __future__ import annotations

from ... import nn
from ...nn import functional as F
from ...ops.shape import cat


class BasicConv2d(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


def renormalize(x):
    """Turn images normalised as for most weights into those normalised with 0.5."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    planes = [x[:, i : i + 1] * (std[i] / 0.5) + (mean[i] - 0.5) / 0.5 for i in range(3)]
    return cat(planes, 1)


def truncated_normal(model, std):
    """Initialise weights by a truncated normal of a module's own ``stddev``, else of `std`."""
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(m.weight, std=float(getattr(m, "stddev", std)), a=-2, b=2)


def without_auxiliaries(model, state):
    """Return the state without auxiliary classifiers, if the model has none."""
    if model.aux_logits:
        return state
    return {k: v for k, v in state.items() if not k.startswith(("aux1.", "aux2.", "AuxLogits."))}
