"""The base class of datasets of one's own."""

from ...utils.data import Dataset


class VisionDataset(Dataset):
    """
    What torchvision's datasets have in common: a folder and transforms.

    Parameters
    ----------
    root : str or os.PathLike, optional
    transforms : callable, optional
        Applied to image and target together; instead of the other two.
    transform, target_transform : callable, optional

    Raises
    ------
    ValueError
        `transforms` and another are given.
    """

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"{type(self).__name__}: Only transforms or transform/target_transform can be "
                "passed as argument"
            )
        self.root = root
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = transforms
        if transform is not None or target_transform is not None:
            self.transforms = self._both

    def _both(self, image, target):
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} should implement __len__")

    def extra_repr(self):
        """Return lines that ``repr`` shows besides; none here."""
        return ""

    def __repr__(self):
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        for name in ("transform", "target_transform"):
            if getattr(self, name) is not None:
                lines.append(f"{name}: {getattr(self, name)}")
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])
