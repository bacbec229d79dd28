"""What all models share: the functions that build them, their weights, and lists of their names."""

from __future__ import annotations

import fnmatch
import functools
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ... import hub, nn
from ...serialization import load
from ._published import PARAMETERS
from ._published import weights as published_weights

__all__ = [
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
]

_ADDRESS = "https://download.pytorch.org/models/"
_BUILDERS = {}


# ---- weights


@dataclass(frozen=True)
class Weights:
    """Published weights of a model.

    Attributes
    ----------
    url : str
        Where they are; nothing is downloaded from there.
    transforms : callable
        Called without arguments, makes the transform of an image that the weights expect.
    meta : dict
        ``num_params``.
    """

    url: str
    transforms: object
    meta: dict = field(default_factory=dict, hash=False)


class WeightsEnum(Enum):
    """Base of the weights of each model: members are `Weights`, and there is a ``DEFAULT``."""

    @classmethod
    def verify(cls, obj):
        """Return the member that is named by `obj`, or is `obj`.

        Parameters
        ----------
        obj : str, member or None
        """
        if isinstance(obj, str):
            return cls[obj.rpartition(".")[2]]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received "
                f"{type(obj).__name__}."
            )
        return obj

    url = property(lambda self: self.value.url, doc="Address of the file.")
    transforms = property(lambda self: self.value.transforms, doc="Makes the transform of images.")
    meta = property(lambda self: self.value.meta, doc="What is known of the weights: a dict.")

    def get_state_dict(self, *args, **kwargs):
        """Load the weights with `minitorch.hub.load_state_dict_from_url`.

        Parameters
        ----------
        *args, **kwargs
            See `minitorch.hub.load_state_dict_from_url`.

        Returns
        -------
        dict
        """
        return hub.load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


def _preset(resize, crop, remarks):
    """Return the transform of images that weights were trained with."""
    from .. import transforms

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    if "half" in remarks:
        mean = std = (0.5, 0.5, 0.5)
    mode = transforms.InterpolationMode("bicubic" if "bicubic" in remarks else "bilinear")
    return transforms.Compose(
        [
            transforms.Resize(resize, mode),
            transforms.CenterCrop(crop),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


def _weight_classes():
    """Return the class of the weights of each model, by the model's name."""
    kinds, members = {}, {}
    for model, kind, name, file, resize, crop, remarks in published_weights():
        kinds[model] = kind
        transforms = functools.partial(_preset, resize, crop, remarks)
        meta = {"num_params": PARAMETERS[model]}
        members.setdefault(model, {})[name] = Weights(_ADDRESS + file, transforms, meta)
    for values in members.values():
        plain = [name for name in values if "SWAG" not in name]
        values["DEFAULT"] = values[(plain or list(values)[:1])[-1]]
    classes = {
        model: WeightsEnum(kind, members[model], module=__name__) for model, kind in kinds.items()
    }
    for model, made in classes.items():
        made.__doc__ = f"Weights of `{model}`: {', '.join(made.__members__)}; see `WeightsEnum`."
    return classes


WEIGHTS = _weight_classes()


def _chosen(name, weights, pretrained):
    """Return what `weights` and the older `pretrained` ask for: None, a member, a file, a dict."""
    known = WEIGHTS.get(name)
    if weights is None or weights is False:
        weights = pretrained
    if weights is None or weights is False or isinstance(weights, Mapping):
        return weights or None
    if weights is True or weights == "imagenet":
        if known is None:
            raise ValueError(
                f"{name}: there are no published weights under torchvision's names; pass the path "
                "of a file as weights"
            )
        return next(iter(known))
    if isinstance(weights, str) and known is not None and weights in known.__members__:
        return known[weights]
    if isinstance(weights, (str, os.PathLike)):
        if os.path.exists(weights):
            return weights
        names = f"one of {', '.join(known.__members__)} or " if known else ""
        raise FileNotFoundError(f"{name}: weights must be {names}a file, got {str(weights)!r}")
    if known is None or not isinstance(weights, known):
        expected = f"{known.__name__}, a path or a dict" if known else "a path or a dict"
        raise TypeError(f"{name}: weights must be {expected}, got {weights!r}")
    return weights


def _state_of(weights, progress):
    """Return the state dict that `weights` stand for."""
    if isinstance(weights, Mapping):
        return dict(weights)
    if isinstance(weights, WeightsEnum):
        return dict(weights.get_state_dict(progress=progress))
    state = load(weights)
    for key in ("state_dict", "model"):  # a training checkpoint
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    return {k.removeprefix("module."): v for k, v in state.items()}


# ---- builders

_DOCUMENTATION = """Build {name}: {published}.

Parameters
----------
weights : WeightsEnum, str, path or dict, optional
    {weights}
progress : bool, default True
    Accepted for compatibility.
**kwargs
    Passed on to `{kind}`{given}.

Returns
-------
{kind}

Raises
------
FileNotFoundError
    If the file of the weights is not there: the message says where to put it.
ValueError
    If published weights do not have `num_classes` classes.
"""


def builder(name, kind, *args, adapt=None, pretrained_options=(), **config):
    """Make the function that builds a model.

    Parameters
    ----------
    name : str
        Of the function.
    kind : type
        Of the model; called with `args`, `config` and what the caller passes.
    adapt : callable, optional
        Gets the model and the state dict of the weights, and returns what to load.
    pretrained_options : dict
        Added to `config` where there are published weights.
    """

    def build(*legacy, weights=None, progress=True, pretrained=None, **kwargs):
        if len(legacy) > 2:
            raise TypeError(f"{name}() takes at most 2 positional arguments, got {len(legacy)}")
        if legacy:  # build(pretrained, progress), as it once was
            weights = legacy[0]
        chosen = _chosen(name, weights, pretrained)
        options = dict(config)
        if isinstance(chosen, WeightsEnum):
            options |= pretrained_options
            if kwargs.get("num_classes", 1000) != 1000:
                raise ValueError(
                    f"{name}: the parameter 'num_classes' expected value 1000 but got "
                    f"{kwargs['num_classes']} instead: {chosen!r} has 1000 classes. Load the "
                    "weights first and replace the last layer."
                )
        model = kind(*args, **options | kwargs)
        if chosen is not None:
            state = _state_of(chosen, progress)
            model.load_state_dict(adapt(model, state) if adapt else state)
        return model

    build.__name__ = build.__qualname__ = name
    build.__module__ = inspect.currentframe().f_back.f_globals["__name__"]
    build.__doc__ = _documentation(name, kind, config)
    build.__signature__ = inspect.Signature(
        [
            inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None),
            inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=True),
            inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
        ]
    )
    _BUILDERS[name] = build
    return build


def _documentation(name, kind, config):
    published = f"{PARAMETERS[name]:,} parameters" if name in PARAMETERS else "a small network"
    text = "The path of a file, or a state dict; random unless given."
    if name in WEIGHTS:
        text = (
            f"A member of `{WEIGHTS[name].__name__}` or its name, the path of a file, or a state\n"
            "    dict; random unless given. ``pretrained=True``, the older way, means the first "
            "member."
        )
    given = ", ".join(f"{k}={v!r}" for k, v in config.items() if isinstance(v, (int, float)))
    return _DOCUMENTATION.format(
        name=name,
        kind=kind.__name__ if inspect.isclass(kind) else kind.__annotations__["return"],
        published=published,
        weights=text,
        given=f", with {given} unless given" if given else "",
    )


def register(build):
    """Let `get_model` find a function that builds a model."""
    _BUILDERS[build.__name__] = build
    return build


def get_model_builder(name: str):
    """Return the function that builds a model, by its name.

    Parameters
    ----------
    name : str
        In any case.

    Raises
    ------
    ValueError
        If there is no model of that name.
    """
    try:
        return _BUILDERS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}") from None


def get_model(name: str, **config) -> nn.Module:
    """Build a model by its name, and return it.

    Parameters
    ----------
    name : str
        In any case.
    **config
        Passed to the function of that name.

    Raises
    ------
    ValueError
        If there is no model of that name.
    """
    return get_model_builder(name)(**config)


def get_model_weights(name):
    """Return the class of the published weights of a model.

    Parameters
    ----------
    name : str or callable
        Of the model, or the function that builds it.

    Raises
    ------
    ValueError
        If there is no model of that name, or none with published weights.
    """
    name = get_model_builder(name if isinstance(name, str) else name.__name__).__name__
    if name not in WEIGHTS:
        raise ValueError(f"{name}: there are no published weights under torchvision's names")
    return WEIGHTS[name]


def get_weight(name: str) -> WeightsEnum:
    """Return weights by their full name, such as ``'ResNet50_Weights.IMAGENET1K_V2'``.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
        If there are no weights of that name.
    """
    kind, _, member = name.partition(".")
    for weights in WEIGHTS.values():
        if weights.__name__ == kind and member in weights.__members__:
            return weights[member]
    raise ValueError(f"Unknown weights {name}")


def list_models(module=None, include=None, exclude=None) -> list:
    """Return the names of the models.

    Parameters
    ----------
    module : module, optional
        Only those that this module offers.
    include, exclude : str or list of str, optional
        Patterns, such as ``'resnet*'``, of which one must match, or none may.

    Returns
    -------
    list of str
        In alphabetic order.
    """

    def patterns(given):
        return [given] if isinstance(given, str) else list(given or ())

    def offered(name):
        return module is None or getattr(module, name, None) is _BUILDERS[name]

    wanted, unwanted = patterns(include), patterns(exclude)
    return sorted(
        name
        for name in _BUILDERS
        if offered(name)
        and (not wanted or any(fnmatch.fnmatch(name, p) for p in wanted))
        and not any(fnmatch.fnmatch(name, p) for p in unwanted)
    )
