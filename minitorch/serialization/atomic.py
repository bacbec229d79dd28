"""Files that are replaced in one step, or not at all."""

import contextlib
import os
import shutil


@contextlib.contextmanager
def replacing(path):
    """
    Give a binary file that takes the place of `path` when, and only when, it has been written.

    The data goes to a temporary file in the same folder, which is synced and renamed. Of a link
    the target is replaced.

    Parameters
    ----------
    path : str or os.PathLike
        Where to.

    Yields
    ------
    file
        To write to.
    """
    path = os.path.realpath(os.fspath(path))
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            if os.path.exists(path):
                shutil.copymode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """Make the renaming itself survive a power cut, where the system allows it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
