"""Weights by address: found in a local folder, never downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "load_url", "set_dir"]

_dir = None


def get_dir() -> str:
    """Return the folder in whose ``checkpoints`` weights are looked for.

    That of `set_dir`, else ``$TORCH_HOME/hub``, else ``$XDG_CACHE_HOME/torch/hub``, else
    ``~/.cache/torch/hub``: where PyTorch keeps what it has downloaded.
    """
    if _dir is not None:
        return _dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d) -> None:
    """Set the folder that `get_dir` returns."""
    global _dir
    _dir = os.path.expanduser(os.fspath(d))


def load_state_dict_from_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=True,
):
    """Load the weights that an address names from a local file of the same name.

    Nothing is downloaded. The file is looked for in `model_dir`, else in ``checkpoints`` in the
    folder of `get_dir`, so that what PyTorch has downloaded once is found.

    Parameters
    ----------
    url : str
        Only the last part counts, the file's name.
    model_dir : path, optional
        Where to look.
    map_location, progress, check_hash, weights_only : optional
        Accepted for compatibility.
    file_name : str, optional
        Name of the file, if not that of the address.

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such file: the message says where to put it.
    """
    from .serialization import load

    folder = Path(model_dir or Path(get_dir()) / "checkpoints")
    path = folder / (file_name or Path(urlparse(url).path).name)
    if not path.is_file():
        raise FileNotFoundError(
            f"load_state_dict_from_url: minitorch downloads nothing. Fetch {url} yourself and put "
            f"it at {path}"
        )
    return load(path)


load_url = load_state_dict_from_url


def download_url_to_file(url, dst, hash_prefix=None, progress=True) -> None:
    """Raise FileNotFoundError unless the file `dst` is there: nothing is downloaded."""
    if not os.path.isfile(dst):
        raise FileNotFoundError(
            f"download_url_to_file: minitorch downloads no weights. Fetch {url} yourself and put "
            f"it at {dst}"
        )
