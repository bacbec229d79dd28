"""Fetching the files of data sets, and unpacking them, from sources that are not trusted.

A file is fetched beside its place, checked, and moved into place in one step. What turns out to be
wrong is deleted; a transfer that breaks off is kept, and taken up where it broke off.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ...errors import FileFormatError

_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte
_ATTEMPTS = 3  # per mirror, when transfers break off
_EXPANSION = 16  # archives of images shrink less than this
_ALWAYS_ALLOWED = 64 << 20


class DownloadError(RuntimeError):
    """A file could not be fetched from any of its addresses."""


class _BrokenOffError(Exception):
    """A transfer ended before the file did."""


def md5_of(path):
    """Return the MD5 checksum of a file, as hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(urls, path, md5=None, size=None, progress=True):
    """
    Fetch a file, unless it is there already.

    Parameters
    ----------
    urls : sequence of str
        Where it may be had; the next is tried when one fails.
    path : str or os.PathLike
        Where it goes. Folders are made.
    md5 : str, optional
        The checksum that the file must have.
    size : int, optional
        The bytes that it must have.
    progress : bool, default True
        Show a bar, if the output is a terminal.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    DownloadError
        No address gave the file. The message says what each one did. Nothing wrong is left behind;
        what arrived of a transfer that broke off is, as ``path.part``.
    """
    path = Path(path)
    if path.is_file() and _wrong(path, md5, size) is None:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    reasons = []
    for url in urls:
        try:
            _fetch(url, part, md5, size, progress)
        except (OSError, FileFormatError, _BrokenOffError, http.client.HTTPException) as error:
            reasons.append(f"\n  {url}: {error or type(error).__name__}")
            continue
        os.replace(part, path)
        return path
    raise DownloadError(f"{path.name}: could not be downloaded{''.join(reasons)}")


def _fetch(url, part, md5, size, progress):
    """Fetch a file to `part`, going on with what is there."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url}: only http and https addresses are used")
    for attempt in range(_ATTEMPTS):
        resumed = part.exists()
        try:
            _transfer(url, part, size, progress)
        except (_BrokenOffError, TimeoutError, ConnectionError):
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        reason = _wrong(part, md5, size)
        if reason is None:
            return
        part.unlink()
        if not resumed:  # else what was there before may have been wrong: once more from the start
            raise FileFormatError(f"not the expected file: {reason}")
    raise FileFormatError(f"not the expected file: {reason}")


def _wrong(path, md5, size):
    """Return what is wrong with a file, or None."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found} bytes where {size} are expected"
    if md5 is not None and (digest := md5_of(path)) != md5:
        return f"its MD5 checksum is {digest}, expected {md5}"
    return None


def _transfer(url, part, size, progress):
    """Append to `part` what it lacks."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "minitorch"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing lacks, or it is another file: the check will tell
            return
        raise
    with response:
        if start and not _goes_on(response, start):
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if size is not None and total is not None and total > size:
            part.unlink(missing_ok=True)
            raise FileFormatError(f"it has {total} bytes where {size} are expected")
        with open(part, "ab" if start else "wb") as file:
            got = start
            with _bar(part.name.removesuffix(".part"), total, start, progress) as advance:
                while chunk := response.read(_CHUNK):
                    got += len(chunk)
                    if size is not None and got > size:
                        break
                    file.write(chunk)
                    advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if size is not None and got > size:
        part.unlink()
        raise FileFormatError(f"it has more than the {size} bytes that are expected")
    if total is not None and got < total:
        raise _BrokenOffError(f"the transfer broke off after {got} of {total} bytes")


def _goes_on(response, start):
    """Whether a response holds the bytes from `start` on, and not the file from its beginning."""
    if response.status != 206:
        return False
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


@contextlib.contextmanager
def _bar(name, total, start, progress):
    """Show how far a transfer is: by tqdm where it is installed, else by a line of text."""
    if not progress or not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        done = [start]

        def advance(count):
            done[0] += count
            part = f"{100 * done[0] // total:3d} %" if total else f"{done[0] >> 10} KB"
            print(f"\r{name}: {part}", end="", file=sys.stderr, flush=True)

        yield advance
        print(file=sys.stderr)
        return
    with tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name) as bar:
        yield bar.update


# ---- archives


def extract(archive, folder, remove=False):
    """
    Unpack a ``.zip`` or ``.tar`` archive (also compressed) into a folder.

    Everything is checked before anything is written, and moved into place when all of it is there.

    Parameters
    ----------
    archive : str or os.PathLike
    folder : str or os.PathLike
    remove : bool, default False
        Delete the archive afterwards.

    Raises
    ------
    FileFormatError
        It is no archive, is damaged, is far larger unpacked than such an archive would be, or holds
        something else than files and folders inside of `folder`. The message names it.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    limit = _ALWAYS_ALLOWED + _EXPANSION * archive.stat().st_size
    staging = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, staging, limit)
        else:
            _untar(archive, staging, limit)
        for entry in sorted(staging.iterdir()):
            target = folder / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            os.replace(entry, target)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        gzip.BadGzipFile,
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
    ) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{archive}: damaged archive: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if remove:
        archive.unlink()


def _check_member(archive, name, size, left):
    """Refuse what would be written outside of the folder, or is too much; return what is left."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0] or "\0" in name:
        raise FileFormatError(f"{archive}: it would write outside of its folder: {name!r}")
    if size > left:
        raise FileFormatError(
            f"{archive}: unpacked it is far larger than such an archive: {name!r}"
        )
    return left - size


def _unzip(archive, staging, limit):
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            limit = _check_member(archive, member.filename, member.file_size, limit)
            kind = member.external_attr >> 16 & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise FileFormatError(f"{archive}: {member.filename!r} is a link or a device")
        for member in file.infolist():
            target = staging / member.filename
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open(member) as source:
                _copy(source, target, member.file_size)


def _untar(archive, staging, limit):
    with tarfile.open(archive) as file:
        members = []
        while (member := file.next()) is not None:
            limit = _check_member(archive, member.name, member.size, limit)
            if not (member.isreg() or member.isdir()):
                raise FileFormatError(f"{archive}: {member.name!r} is a link or a device")
            members.append(member)
        for member in members:
            target = staging / member.name
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.extractfile(member) as source:
                _copy(source, target, member.size)


def _copy(source, target, size):
    """Write exactly `size` bytes."""
    with open(target, "xb") as out:
        left = size
        while left and (chunk := source.read(min(_CHUNK, left))):
            out.write(chunk)
            left -= len(chunk)
        if left or source.read(1):
            raise EOFError(f"{target.name}: not of the size that the archive states")
