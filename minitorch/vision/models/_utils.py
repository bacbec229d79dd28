"""Helpers of several models."""

from __future__ import annotations

from collections import OrderedDict

from ... import nn

__all__ = ["IntermediateLayerGetter"]


def _make_divisible(v, divisor, min_value=None):
    """Return the multiple of `divisor` nearest to `v`, at least `min_value` and at least 0.9 v."""
    value = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return value + divisor if value < 0.9 * v else value


def initialize(model, conv="kaiming", linear=0.01, mode="fan_out"):
    """Initialise as most vision networks do: He's normal for convolutions, 1 and 0 for norms.

    Parameters
    ----------
    model : Module
    conv : str
        ``"kaiming"`` (He, for ReLU) or ``"kaiming-linear"`` (with PyTorch's default gain).
    linear : float, optional
        Standard deviation of linear layers, whose bias is then zero; None leaves them alone.
    mode : str
        Whether He's rule counts what goes in or out.
    """
    nonlinearity = "relu" if conv == "kaiming" else "leaky_relu"
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode=mode, nonlinearity=nonlinearity)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Linear) and linear is not None:
            nn.init.normal_(m.weight, 0, linear)
            nn.init.zeros_(m.bias)


class IntermediateLayerGetter(nn.ModuleDict):
    """Run the children of a module in order, up to the last one wanted, and return some outputs.

    Parameters
    ----------
    model : Module
        One whose children run one after the other.
    return_layers : dict
        Names of children, and under which names to return their outputs.

    Raises
    ------
    ValueError
        If a child is not there.
    """

    def __init__(self, model, return_layers):
        names = [name for name, _ in model.named_children()]
        if not set(return_layers) <= set(names):
            raise ValueError("return_layers are not present in model")
        last = max(names.index(name) for name in return_layers)
        children = dict(model.named_children())
        super().__init__(OrderedDict((name, children[name]) for name in names[: last + 1]))
        self.return_layers = {str(k): str(v) for k, v in return_layers.items()}

    def forward(self, x):
        found = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found
