"""What all datasets that fit in memory have in common."""

from ...tensor import Tensor


class ImageArrays:
    """
    Images and labels held in memory: the common part of the datasets of this package.

    Attributes
    ----------
    data : Tensor
        All images, uint8, shape (N, height, width), values 0 to 255.
    targets : Tensor
        All labels, int64, shape (N,).
    """

    classes: list = []

    def __init__(self, images, labels, transform=None, target_transform=None):
        self.data = Tensor._wrap(images)
        self.targets = Tensor._wrap(labels.astype("int64"))
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        """
        Return one sample.

        Parameters
        ----------
        index : int
            Which one; negative counts from the end.

        Returns
        -------
        image : object
            ``transform(image)``; without a transform the image as a numpy array, uint8, shape
            (height, width).
        label : object
            ``target_transform(label)``; without one an int.
        """
        image, label = self.data.numpy()[index], int(self.targets.numpy()[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    @property
    def class_to_idx(self):
        """Map from the name of a class to its label."""
        return {name: label for label, name in enumerate(self.classes)}

    def __repr__(self):
        n, height, width = self.data.shape
        return f"{type(self).__name__}({n} images, {height}x{width}, {len(self.classes)} classes)"
