"""Pictures of what a network has learned and looks at."""

from __future__ import annotations

import contextlib
from html import escape

import numpy as np

from .. import creation, random
from ..autograd.api import grad
from ..autograd.grad_mode import enable_grad, no_grad
from ..nn.functional import interpolate
from ..ops.random import randn
from ..tensor import Tensor
from .inputs import check_module, evaluation, run_model, tensors_in
from .picture import Chart, Picture, coloured, grid, scaled

__all__ = ["confusion_matrix", "feature_maps", "filters", "grad_cam", "maximise", "saliency"]

_BETWEEN = (0.29, 0.44, 0.65)  # grey images: neither of their black nor of their white


def filters(model, layer=None):
    """
    Show the filters of a convolution.

    Parameters
    ----------
    model : Module
        A convolution, or a model that contains one.
    layer : str or Module, optional
        Which one; the first unless given.

    Returns
    -------
    Picture
        Its values are the weights, (out, in, *kernel). A filter of one or three channels is an
        image, its least weight black (of each channel alike) and its greatest white; of filters
        with other numbers of channels every channel is, a row per filter. Depth, in three
        dimensions, is side by side.

    Raises
    ------
    ValueError
        There is no such layer, or it is no convolution.
    """
    if layer is None:
        layer = next((m for m in model.modules() if _is_convolution(m)), None)
        if layer is None:
            raise ValueError(f"filters: {type(model).__name__} contains no convolution")
    name, module = _find("filters", model, layer)
    if not _is_convolution(module):
        raise ValueError(f"filters: {name} is no convolution but {type(module).__name__}")
    weight = module.weight._array
    count, channels = weight.shape[:2]
    planes = weight.reshape(count, channels, -1, weight.shape[-1])  # depth below one another
    if weight.ndim == 5:
        planes = np.concatenate(list(np.moveaxis(weight, 2, 0)), -1)
    if channels in (1, 3):
        images = scaled(planes, (1, 2, 3)).transpose(0, 2, 3, 1)
        images = np.broadcast_to(images, (*images.shape[:3], 3))
        return Picture(weight, grid(images, between=_BETWEEN))
    images = scaled(planes, (1, 2, 3)).reshape(-1, *planes.shape[2:])
    return Picture(weight, grid(np.repeat(images[..., None], 3, -1), channels, _BETWEEN))


def _is_convolution(module):
    weight = getattr(module, "weight", None)
    return type(module).__name__.startswith(("Conv", "LazyConv")) and weight is not None


def feature_maps(model, x, layer, sample=0):
    """
    Show what a layer makes of an image: every channel of its result.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards.
    x : Tensor or list of arguments
        Its input, (N, channels, *sizes).
    layer : str or Module
        Path or module. Of one that is called several times, the last call.
    sample : int
        Which of the batch is drawn.

    Returns
    -------
    Picture
        Its values are the result of the layer, (N, channels, *sizes); drawn are the channels of one
        sample, each from its least value (dark) to its greatest (yellow).

    Raises
    ------
    ValueError
        There is no such layer, or it was not called, or its result is no image.
    """
    with no_grad(), _seen("feature_maps", model, layer) as seen:
        run_model("feature_maps", model, _arguments(x))
    values = _image("feature_maps", layer, seen)._array.copy()
    maps = values[sample].reshape(values.shape[1], -1, values.shape[-1])
    return Picture(values, grid(coloured(scaled(maps, (1, 2)))))


def saliency(model, x, target=None):
    """
    Show which pixels a score depends on most: the gradient of the score.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards. Its gradients are left alone.
    x : Tensor or list of arguments
        Its input, (N, channels, *sizes); of several arguments, the first counts.
    target : int, sequence of int, or callable, optional
        The class whose score, the output before softmax, is derived: one, or one per image. Unless
        given, the one with the greatest score. A callable is given the output and returns a scalar.

    Returns
    -------
    Picture
        Its values are ``max over channels |d score / d x|``, (N, *sizes).

    Notes
    -----
    Simonyan, Vedaldi and Zisserman 2014, "Deep inside convolutional networks", section 3.
    """
    arguments = _arguments(x)
    image = arguments[0] = arguments[0].detach().requires_grad_()
    with enable_grad(), evaluation("saliency", model):
        score = _score("saliency", run_model("saliency", model, arguments), target)
    (gradient,) = grad(score, [image])
    values = np.abs(gradient._array).max(1)
    # A few pixels have most of the gradient: they would leave the others black.
    most = np.percentile(values.reshape(len(values), -1), 99, axis=1)
    most = np.maximum(most, 1e-30).reshape(-1, *[1] * (values.ndim - 1))
    return Picture(values, grid(coloured(_planes(np.minimum(values / most, 1)))))


def grad_cam(model, x, layer, target=None):
    r"""
    Show where an image speaks for a class, as a layer sees it.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards. Its gradients are left alone.
    x : Tensor or list of arguments
        Its input, (N, channels, *sizes); of several arguments, the first is drawn.
    layer : str or Module
        Path or module, usually the last that has a spatial extent, such as ``"layer4"``.
    target : int, sequence of int, or callable, optional
        The class, as of `saliency`.

    Returns
    -------
    Picture
        Its values are the map, (N, *sizes of the layer); drawn is that, enlarged, over the image.

    Raises
    ------
    ValueError
        There is no such layer, or it was not called, or its result is no image.

    Notes
    -----
    Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2: with the score :math:`y` and the channels
    :math:`A^k` of the layer,
    :math:`\alpha_k = \frac1Z \sum_{ij} \partial y / \partial A^k_{ij}` and the map is
    :math:`\mathrm{ReLU}(\sum_k \alpha_k A^k)`.
    """
    arguments = _arguments(x)
    arguments[0] = arguments[0].detach().requires_grad_()  # so that the layer has a graph
    with enable_grad(), _seen("grad_cam", model, layer) as seen:
        score = _score("grad_cam", run_model("grad_cam", model, arguments), target)
    maps = _image("grad_cam", layer, seen)
    (gradient,) = grad(score, [maps], allow_unused=True)
    if gradient is None:
        raise ValueError("grad_cam: the score does not depend on the result of the layer")
    axes = tuple(range(2, maps.dim()))
    weights = gradient._array.mean(axes, keepdims=True)
    values = np.maximum((weights * maps._array).sum(1), 0)
    return Picture(values, _over(values, arguments[0]._array))


def _over(values, images):
    """Draw maps over images."""
    sizes = images.shape[2:]
    if len(sizes) != 2:
        return grid(coloured(_planes(scaled(values, tuple(range(1, values.ndim))))))
    heat = interpolate(Tensor._wrap(values[:, None]), size=sizes, mode="bilinear")._array[:, 0]
    heat = scaled(heat, (1, 2)) * (heat.max((1, 2), keepdims=True) > 0)
    shown = scaled(images, (1, 2, 3)).transpose(0, 2, 3, 1)
    if shown.shape[-1] != 3:
        shown = shown.mean(-1, keepdims=True)
    return grid(0.5 * shown + 0.5 * coloured(heat))


def maximise(model, size, layer, unit, *, steps=200, lr=0.1, norm=None, seed=0):
    """
    Show what excites a unit most: an input made by gradient ascent.

    Parameters
    ----------
    model : Module
        Run in evaluation mode; its mode is the same afterwards. Its gradients are left alone.
    size : sequence of int
        Of one input without batch dimension: ``(3, 64, 64)``.
    layer : str, Module or None
        Path or module that the unit belongs to; None: the output of the model.
    unit : int or tuple of int
        A channel, the mean of which is raised; or channel and place.
    steps : int
        Of the ascent.
    lr : float
        Length of a step, as a fraction of the length of the input.
    norm : float, optional
        Length of the input, which stays the same; that of independent standard normal values unless
        given: the root of their number.
    seed : int
        Of the noise where the ascent begins.

    Returns
    -------
    Picture
        Its values are the input, of `size`; its ``activations`` those of the unit, before the first
        step and after each.

    Notes
    -----
    Erhan, Bengio, Courville and Vincent 2009, "Visualizing higher-layer features of a deep
    network": the maximum of the activation among inputs of a given length, by gradient ascent.
    """
    check_module("maximise", model)
    index = (unit,) if isinstance(unit, int) else tuple(unit)
    with random.fork_rng(), no_grad():
        random.manual_seed(seed)
        dtype = next((p.dtype for p in model.parameters()), None)
        x = randn((1, *size), dtype=dtype)._array
    norm = norm or float(np.sqrt(x.size))
    activations = []
    for number in range(steps + 1):
        x *= norm / max(np.linalg.norm(x), 1e-30)
        leaf = Tensor._wrap(x).requires_grad_()
        with enable_grad(), _seen("maximise", model, layer) as seen:
            result = run_model("maximise", model, [leaf])
        if layer is not None:
            result = seen.get("result")
        result = _image("maximise", layer, {"result": next(tensors_in(result), None)}, least=2)
        activation = result[(0, *index)].mean()
        activations.append(activation.item())
        if number < steps:
            gradient = grad(activation, [leaf])[0]._array
            x = x + lr * norm * gradient / max(np.linalg.norm(gradient), 1e-30)
    image = x[0] if x.ndim == 4 else x[0].reshape(1, -1, x.shape[-1])
    shown = scaled(image) if len(image) in (1, 3) else scaled(image.mean(0, keepdims=True))
    shown = np.broadcast_to(shown.transpose(1, 2, 0), (*image.shape[1:], 3))
    picture = Picture(x[0], grid(shown[None]))
    picture.activations = activations
    return picture


# ---- layers and scores


def _find(tool, model, layer):
    """Return the path and the module of a layer."""
    check_module(tool, model)
    for name, module in model.named_modules():
        if layer is module or layer == name:
            return name or type(model).__name__, module
    known = ", ".join(name for name, _ in model.named_modules() if name)
    raise ValueError(f"{tool}: there is no layer {layer!r}; one of {known}")


@contextlib.contextmanager
def _seen(tool, model, layer):
    """Run in evaluation mode, and note the result of a layer; yield where it is noted."""
    seen = {}

    def hook(module, arguments, result):
        seen["result"] = result
        # What follows gets a copy: it may write in place.
        return result.clone() if isinstance(result, Tensor) else None

    module = None if layer is None else _find(tool, model, layer)[1]
    handle = None if module is None else module.register_forward_hook(hook)
    try:
        with evaluation(tool, model):
            yield seen
    finally:
        if handle is not None:
            handle.remove()


def _image(tool, layer, seen, least=3):
    result = seen.get("result")
    if "result" not in seen:
        raise ValueError(f"{tool}: the layer {layer!r} was not called")
    if not isinstance(result, Tensor) or result.dim() < least:
        found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise ValueError(f"{tool}: the layer {layer!r} returns no image (N, C, ...) but {found}")
    return result


def _arguments(x):
    return [x] if isinstance(x, Tensor) else list(x)


def _score(tool, output, target):
    """Return the sum of the scores of each sample's class."""
    if callable(target):
        return target(output)
    output = next(tensors_in(output))
    if output.dim() != 2:
        raise ValueError(
            f"{tool}: the output has shape {tuple(output.shape)}, not (N, classes): give a "
            "function as target, such as lambda output: output[:, 3].sum()"
        )
    target = output._array.argmax(1) if target is None else target
    target = getattr(target, "_array", np.asarray(target))
    target = np.broadcast_to(target, len(output))
    if target.min() < 0 or target.max() >= output.shape[1]:
        raise ValueError(f"{tool}: target {target.tolist()}, with {output.shape[1]} classes")
    return output[creation.arange(len(output)), Tensor._wrap(target.astype(np.int64))].sum()


def _planes(values):
    return values.reshape(len(values), -1, values.shape[-1])


# ---- charts


def confusion_matrix(labels, predictions=None, classes=None):
    """
    Show which classes are taken for which.

    Parameters
    ----------
    labels : Tensor or array
        The true classes, numbers from 0; or, without `predictions`, the matrix itself, such as that
        of `minitorch.train.ConfusionMatrix`.
    predictions : Tensor or array, optional
        The predicted classes, (N,), or the scores, (N, classes).
    classes : sequence of str, optional
        Their names.

    Returns
    -------
    Chart
        Its values are the counts, int64: rows are labels, columns are predictions. Colours are
        shares of the row.

    Raises
    ------
    ValueError
        The numbers of labels and predictions differ, or one is no class.
    """
    labels = np.asarray(getattr(labels, "_array", labels))
    if predictions is None:
        matrix = labels.astype(np.int64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"confusion_matrix: {matrix.shape} is no square; predictions missing?")
    else:
        predictions = np.asarray(getattr(predictions, "_array", predictions))
        scores = predictions.shape[1] if predictions.ndim == 2 else 0
        predictions = predictions.argmax(1) if scores else predictions
        if labels.shape != predictions.shape or labels.ndim != 1:
            raise ValueError(
                f"confusion_matrix: labels {labels.shape}, predictions {predictions.shape}"
            )
        count = max(scores, len(classes or ()), *(int(a.max(initial=-1)) + 1
                                                  for a in (labels, predictions)))  # fmt: skip
        if min(labels.min(initial=0), predictions.min(initial=0)) < 0:
            raise ValueError("confusion_matrix: classes are numbers from 0")
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (labels.astype(int), predictions.astype(int)), 1)
    names = [str(name) for name in (classes or range(len(matrix)))]
    if len(names) != len(matrix):
        raise ValueError(f"confusion_matrix: {len(names)} names for {len(matrix)} classes")
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = 2 + 0.5 * len(matrix)
    return Chart(
        _matrix_svg(matrix, shares, names), matrix,
        lambda figure: _plot_matrix(figure, matrix, shares, names), (side + 1, side),
    )  # fmt: skip


def _ink(share):
    return "#fff" if share < 0.6 else "#000"


def _matrix_svg(matrix, shares, names):
    cell = max(34, 12 + 7 * len(str(matrix.max(initial=0))))
    left = 40 + 7 * max(map(len, names), default=0)
    top, count = left, len(matrix)
    size = left + count * cell + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="12" fill="#888">',
        f'<text x="{(left + size) / 2}" y="16" text-anchor="middle">prediction</text>',
        f'<text transform="translate(16 {(top + size) / 2}) rotate(-90)" text-anchor="middle">'
        "label</text>",
    ]
    for i, name in enumerate(names):
        middle = left + (i + 0.5) * cell + 4
        parts += [
            f'<text x="{left - 6}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<text transform="translate({middle} {top - 6}) rotate(-90)">{escape(name)}</text>',
        ]
    for (row, column), share in np.ndenumerate(shares):
        x, y = left + column * cell, top + row * cell
        r, g, b = np.round(coloured(share) * 255).astype(int)
        parts.append(f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" '
                     f'fill="#{r:02x}{g:02x}{b:02x}"/>')  # fmt: skip
        if matrix[row, column]:
            parts.append(f'<text x="{x + cell / 2}" y="{y + cell / 2 + 4}" text-anchor="middle" '
                         f'fill="{_ink(share)}">{matrix[row, column]}</text>')  # fmt: skip
    return "\n".join([*parts, "</svg>\n"])


def _plot_matrix(figure, matrix, shares, names):
    axes = figure.subplots()
    axes.imshow(coloured(shares))
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            ink = _ink(shares[row, column])
            axes.text(column, row, count, color=ink, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    figure.set_layout_engine("constrained")
