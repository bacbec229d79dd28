"""Training: the loop, what is measured, what accompanies it.

A `Trainer` works on any iterable of batches ``(input, target)``; with a `DataLoader` it resumes
exactly, even from the middle of an epoch.
"""

from .callbacks import Callback, CSVLogger, EarlyStopping, JSONLogger, TensorBoard
from .finder import find_lr
from .images import ImageBatches
from .metrics import AUC, Accuracy, ConfusionMatrix, Metric
from .trainer import Trainer, load_checkpoint

__all__ = [
    "AUC",
    "Accuracy",
    "CSVLogger",
    "Callback",
    "ConfusionMatrix",
    "EarlyStopping",
    "ImageBatches",
    "JSONLogger",
    "Metric",
    "TensorBoard",
    "Trainer",
    "find_lr",
    "load_checkpoint",
]
