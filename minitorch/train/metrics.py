"""What is measured of a classifier, batch by batch."""

import numpy as np

from ..errors import ShapeError

__all__ = ["AUC", "Accuracy", "ConfusionMatrix", "Metric"]


class Metric:
    """
    Something that is counted over batches.

    Subclasses keep what they have counted in attributes named in `counted`, as numbers or numpy
    arrays, and define `reset`, `update` and `compute`.
    """

    counted = ()

    def reset(self):
        """Forget what was counted."""
        raise NotImplementedError

    def update(self, scores, labels):
        """
        Count a batch.

        Parameters
        ----------
        scores : Tensor
            Of the model, shape (N, classes).
        labels : Tensor
            Class indices, shape (N,).
        """
        raise NotImplementedError

    def compute(self):
        """Return the result over all batches since `reset`."""
        raise NotImplementedError

    def state_dict(self):
        """Return what was counted, as plain values."""
        return {name: np.asarray(getattr(self, name)).tolist() for name in self.counted}

    def load_state_dict(self, state_dict):
        """Go on counting from a state that `state_dict` returned.

        Parameters
        ----------
        state_dict : dict
        """
        for name in self.counted:
            now = np.asarray(getattr(self, name))
            value = np.asarray(state_dict[name], now.dtype)
            setattr(self, name, value if now.ndim else value.item())


class Accuracy(Metric):
    """
    Fraction of samples whose label is among the classes with the highest scores.

    Parameters
    ----------
    top_k : int, default 1
        How many classes may contain the label. Of equal scores the first class counts as higher.
    """

    counted = ("right", "count")

    def __init__(self, top_k=1):
        if top_k < 1:
            raise ValueError(f"Accuracy: top_k must be at least 1, got {top_k}")
        self.top_k = top_k
        self.reset()

    def reset(self):
        self.right = self.count = 0

    def update(self, scores, labels):
        scores, labels = _check("Accuracy", scores, labels)
        own = np.take_along_axis(scores, labels[:, None], 1)
        before = np.arange(scores.shape[1]) < labels[:, None]
        higher = (scores > own) | ((scores == own) & before) | np.isnan(scores) | np.isnan(own)
        self.right += int((higher.sum(1) < self.top_k).sum())
        self.count += len(labels)

    def compute(self):
        return self.right / max(self.count, 1)


class ConfusionMatrix(Metric):
    """
    How many samples of each class (row) were taken for each class (column).

    Parameters
    ----------
    classes : int
        How many classes there are.
    """

    counted = ("matrix",)

    def __init__(self, classes):
        self.classes = classes
        self.reset()

    def reset(self):
        self.matrix = np.zeros((self.classes, self.classes), np.int64)

    def update(self, scores, labels):
        scores, labels = _check("ConfusionMatrix", scores, labels)
        if scores.shape[1] != self.classes:
            raise ShapeError(
                f"ConfusionMatrix: scores of {scores.shape[1]} classes, not {self.classes}"
            )
        np.add.at(self.matrix, (labels, scores.argmax(1)), 1)

    def compute(self):
        return self.matrix.copy()


class AUC(Metric):
    """
    Area under the receiver operating characteristic: how well the scores order the samples.

    The probability that a sample of a class has a higher score for it than one of another class,
    equal scores counting half (Mann and Whitney 1947); for more than two classes, the mean over
    the classes (each against the rest).
    """

    counted = ("scores", "labels")

    def __init__(self):
        self.reset()

    def reset(self):
        self.scores, self.labels = np.zeros((0, 0)), np.zeros(0, np.int64)

    def update(self, scores, labels):
        scores, labels = _check("AUC", scores, labels)
        known = self.scores if len(self.scores) else np.zeros((0, scores.shape[1]))
        self.scores = np.concatenate([known, scores])
        self.labels = np.concatenate([self.labels, labels])

    def compute(self):
        classes = range(self.scores.shape[1])
        if len(classes) == 2:
            return _area(self.scores[:, 1] - self.scores[:, 0], self.labels == 1)
        areas = [_area(self.scores[:, c], self.labels == c) for c in classes]
        known = [area for area in areas if area == area]
        return sum(known) / len(known) if known else float("nan")


def _area(scores, positive):
    """Return the area by the ranks of the scores; NaN where all samples are of one kind."""
    count = int(positive.sum())
    if not 0 < count < len(scores):
        return float("nan")
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[place]
    return float(
        (ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(scores) - count))
    )


def _check(name, scores, labels):
    """Return scores (N, classes) and labels (N,) as arrays, or say what is wrong with them."""
    scores, labels = scores.detach().numpy(), labels.detach().numpy()
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ShapeError(
            f"{name}: needs scores (N, classes) and labels (N,), got {scores.shape} and "
            f"{labels.shape}"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        wrong = labels[(labels < 0) | (labels >= scores.shape[1])][0]
        raise IndexError(f"{name}: label {wrong} is not one of {scores.shape[1]} classes")
    return scores, labels
