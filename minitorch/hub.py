"""Weights by address: found in a local folder, never downloaded."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlparse

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "load_url",
    "set_dir",
]

_dir = None
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the hash in the names of weights


def get_dir() -> str:
    """Return the folder in whose ``checkpoints`` weights are looked for.

    That of `set_dir`, else ``$TORCH_HOME/hub``, else ``$XDG_CACHE_HOME/torch/hub``, else
    ``~/.cache/torch/hub``: where PyTorch keeps what it has downloaded.
    """
    return _dir or os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def set_dir(d) -> None:
    """Set the folder that `get_dir` returns.

    Parameters
    ----------
    d : path
    """
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
    """Raise FileNotFoundError unless the file is there: nothing is downloaded.

    Parameters
    ----------
    url, hash_prefix, progress
        Not used.
    dst : path
        The file.
    """
    if not os.path.isfile(dst):
        raise FileNotFoundError(
            f"download_url_to_file: minitorch downloads no weights. Fetch {url} yourself and put "
            f"it at {dst}"
        )


def _entries(repo_or_dir, source):
    """Return the ``hubconf.py`` of a folder as a module."""
    if source != "local":
        raise NotImplementedError(
            f"hub.load: minitorch downloads no code. Clone {repo_or_dir} yourself and call it with "
            "the folder and source='local'"
        )
    folder = Path(repo_or_dir)
    spec = importlib.util.spec_from_file_location("hubconf", folder / "hubconf.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def _entry(module, name):
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def load(repo_or_dir, model, *args, source="github", **kwargs):
    """Return what a function in the ``hubconf.py`` of a folder does, with its code as it is there.

    Parameters
    ----------
    repo_or_dir : path
    model : str
        Name of the function.
    *args, **kwargs
        Passed to it, but for what PyTorch keeps for downloads.
    source : str
        Must be ``'local'``.

    Raises
    ------
    NotImplementedError
        If `source` is another one: nothing is downloaded.
    """
    for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(name, None)
    return _entry(_entries(repo_or_dir, source), model)(*args, **kwargs)


def list(github, force_reload=False, skip_validation=False, *, source="github", **kwargs):
    """Return the names of the functions in the ``hubconf.py`` of a folder; see `load`.

    Parameters
    ----------
    github : path
        The folder.
    force_reload, skip_validation
        Not used.
    """
    module = _entries(github, source)
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(github, model, *, source="github", **kwargs) -> str | None:
    """Return the docstring of a function in the ``hubconf.py`` of a folder; see `load`.

    Parameters
    ----------
    github : path
        The folder.
    """
    return _entry(_entries(github, source), model).__doc__
