"""Fetching files: a local server that fails in every way, and archives that mean harm."""

import gzip
import hashlib
import http.server
import io
import os
import stat
import struct
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minitorch.errors import FileFormatError
from minitorch.vision import datasets
from minitorch.vision.datasets import DownloadError, download
from minitorch.vision.datasets.download import extract

CONTENT = bytes(range(256)) * 1200
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves files; the first word of the path says in which way."""

    files = {}
    requests = []
    broken = set()
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        _, way, *name = self.path.split("/")
        wanted = self.headers.get("Range")
        Handler.requests.append((way, wanted))
        content = self.files.get("/".join(name), CONTENT)
        start = int(wanted[6:].rstrip("-")) if wanted else 0
        getattr(self, way)(content, start)

    def good(self, content, start):
        if start >= len(content) > 0:
            self.answer(416, b"")
        elif start:
            ranges = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], Content_Range=ranges)
        else:
            self.answer(200, content)

    def missing(self, content, start):
        self.answer(404, b"no such file")

    def failing(self, content, start):
        self.answer(500, b"out of order")

    def ignores_ranges(self, content, start):
        self.answer(200, content)

    def wrong_range(self, content, start):
        """Claims to go on, but from somewhere else."""
        self.answer(206 if start else 200, content, Content_Range=f"bytes 0-{len(content) - 1}/*")

    def breaks_once(self, content, start):
        if self.path in self.broken:
            return self.good(content, start)
        self.broken.add(self.path)
        self.answer(200, content[: len(content) // 3], length=len(content))
        self.close_connection = True

    def always_breaks(self, content, start):
        piece = content[start : start + 1000]
        ranges = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.answer(206 if start else 200, piece, len(content) - start, **(ranges if start else {}))
        self.close_connection = True

    def breaks_in_header(self, content, start):
        self.wfile.write(b"HTTP/1.1 200")
        self.close_connection = True

    def nonsense(self, content, start):
        self.wfile.write(b"\x00\xff not http\r\n\r\n")
        self.close_connection = True

    def truncated(self, content, start):
        """A whole answer, of half the file."""
        self.good(content[: len(content) // 2], start)

    def longer(self, content, start):
        self.good(content + b"more", start)

    def endless(self, content, start):
        """Says no length and sends more than the file."""
        self.send_response(200)
        self.end_headers()
        for _ in range(40):
            self.wfile.write(content)
        self.close_connection = True

    def other_file(self, content, start):
        self.good(bytes(len(content)), start)

    def page(self, content, start):
        self.answer(200, b"<html>Please log in</html>")

    def empty(self, content, start):
        self.answer(200, b"")

    def redirect_to_file(self, content, start):
        self.answer(302, b"", Location="file:///etc/passwd")

    def redirect_loop(self, content, start):
        self.answer(302, b"", Location=self.path)

    def redirect(self, content, start):
        self.answer(302, b"", Location=self.path.replace("redirect", "good"))


@pytest.fixture
def server():
    """The address of a server that runs during a test."""
    Handler.files, Handler.requests, Handler.broken = {}, [], set()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def get(server, ways, path, **options):
    options = {"md5": MD5, "size": len(CONTENT), **options}
    return download.download([f"{server}/{way}/file.gz" for way in ways], path, **options)


class TestDownload:
    @pytest.mark.parametrize("way", ["good", "ignores_ranges", "breaks_once", "redirect"])
    def test_fetched(self, server, tmp_path, way):
        path = tmp_path / "deep" / "file.gz"
        assert get(server, [way], path) == path
        assert path.read_bytes() == CONTENT and os.listdir(path.parent) == ["file.gz"]

    FAILURES = {
        "missing": "404",
        "failing": "500",
        "breaks_in_header": "file.gz",
        "nonsense": "file.gz",
        "truncated": "153600 bytes where 307200 are expected",
        "longer": "307204 bytes where 307200 are expected",
        "endless": "more than the 307200 bytes",
        "other_file": "MD5 checksum is .* expected " + MD5,
        "page": "26 bytes where 307200 are expected",
        "empty": "0 bytes where 307200 are expected",
        "redirect_to_file": "file",
        "redirect_loop": "redirect",
    }

    @pytest.mark.parametrize("way", FAILURES)
    def test_refused(self, server, tmp_path, way):
        """The name and the reason are said, nothing is left, and the next address is tried."""
        path = tmp_path / "file.gz"
        with pytest.raises(DownloadError, match=self.FAILURES[way]) as caught:
            get(server, [way], path)
        assert str(caught.value).startswith("file.gz: could not be downloaded")
        assert f"{server}/{way}" in str(caught.value) and os.listdir(tmp_path) == []
        get(server, [way, "good"], path)
        assert path.read_bytes() == CONTENT and os.listdir(tmp_path) == ["file.gz"]

    @pytest.mark.parametrize("way", ["truncated", "longer", "other_file", "page", "empty"])
    def test_refused_by_checksum_alone(self, server, tmp_path, way):
        with pytest.raises(DownloadError, match="MD5 checksum"):
            get(server, [way], tmp_path / "file.gz", size=None)
        assert os.listdir(tmp_path) == []

    def test_all_addresses_are_named(self, server, tmp_path):
        with pytest.raises(DownloadError) as caught:
            get(server, ["missing", "failing", "page"], tmp_path / "file.gz")
        assert all(f"/{way}/" in str(caught.value) for way in ("missing", "failing", "page"))

    def test_no_server(self, tmp_path):
        with pytest.raises(DownloadError, match="refused"):
            download.download(["http://127.0.0.1:9/file"], tmp_path / "file")
        with pytest.raises(ValueError, match="only http and https"):
            download.download(["file:///etc/passwd"], tmp_path / "file")
        assert os.listdir(tmp_path) == []

    def test_resumes(self, server, tmp_path):
        path = tmp_path / "file.gz"
        with pytest.raises(DownloadError, match="broke off after 3000 of 307200 bytes"):
            get(server, ["always_breaks"], path)
        assert os.listdir(tmp_path) == ["file.gz.part"]
        get(server, ["good"], path)
        assert Handler.requests[-1] == ("good", "bytes=3000-")
        assert path.read_bytes() == CONTENT and os.listdir(tmp_path) == ["file.gz"]

    @pytest.mark.parametrize("way", ["good", "ignores_ranges", "wrong_range"])
    @pytest.mark.parametrize("there", [CONTENT[:5000], b"x" * 5000, CONTENT, CONTENT + b"x"])
    def test_what_is_there_may_be_wrong(self, server, tmp_path, way, there):
        path = tmp_path / "file.gz"
        (tmp_path / "file.gz.part").write_bytes(there)
        get(server, [way], path)
        assert path.read_bytes() == CONTENT and os.listdir(tmp_path) == ["file.gz"]

    def test_breaking_off_is_taken_up_at_once(self, server, tmp_path):
        get(server, ["breaks_once"], tmp_path / "file.gz")
        assert Handler.requests == [("breaks_once", None), ("breaks_once", "bytes=102400-")]

    def test_a_good_file_is_not_fetched_again(self, server, tmp_path):
        path = tmp_path / "file.gz"
        path.write_bytes(CONTENT)
        get(server, ["missing"], path)
        assert Handler.requests == []
        path.write_bytes(CONTENT[:-1])
        get(server, ["good"], path)
        assert path.read_bytes() == CONTENT

    def test_a_silent_server(self, tmp_path, monkeypatch):
        import socket

        monkeypatch.setattr(download, "_TIMEOUT", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
            with pytest.raises(DownloadError, match="timed out"):
                download.download([address], tmp_path / "file")
        assert os.listdir(tmp_path) == []

    def test_the_bar(self, server, tmp_path, monkeypatch, capsys):
        import sys

        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        get(server, ["good"], tmp_path / "file.gz")
        assert "file.gz" in capsys.readouterr().err
        monkeypatch.setitem(sys.modules, "tqdm", None)
        get(server, ["good"], tmp_path / "other.gz")
        assert "other.gz: 100 %" in capsys.readouterr().err
        get(server, ["good"], tmp_path / "third.gz", progress=False)
        assert capsys.readouterr().err == ""


def tar_of(*members, mode="w:gz"):
    """Make an archive of (name, content or a change to the member)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
            else:
                content(member)
                file.addfile(member)
    return out.getvalue()


def zip_of(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            if isinstance(content, bytes):
                file.writestr(name, content)
            else:
                info = zipfile.ZipInfo(name)
                content(info)
                file.writestr(info, "/etc/passwd")
    return out.getvalue()


def link(kind, target):
    def change(member):
        member.type, member.linkname = kind, target

    return change


def zip_link(info):
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


GOOD = ("folder/file", b"content")
HARMFUL = {
    "outside": tar_of(GOOD, ("../evil", b"x")),
    "inside and out": tar_of(GOOD, ("folder/../../evil", b"x")),
    "absolute": tar_of(GOOD, ("/tmp/evil", b"x")),
    "backslashes": tar_of(GOOD, ("..\\evil", b"x")),
    "drive": tar_of(GOOD, ("C:/evil", b"x")),
    "symlink": tar_of(GOOD, ("folder/evil", link(tarfile.SYMTYPE, "/etc"))),
    "symlink inside": tar_of(GOOD, ("evil", link(tarfile.SYMTYPE, "folder/file"))),
    "through a symlink": tar_of(("evil", link(tarfile.SYMTYPE, "..")), ("evil/x", b"x")),
    "hard link": tar_of(GOOD, ("evil", link(tarfile.LNKTYPE, "/etc/passwd"))),
    "device": tar_of(GOOD, ("evil", link(tarfile.CHRTYPE, ""))),
    "pipe": tar_of(GOOD, ("evil", link(tarfile.FIFOTYPE, ""))),
    "bomb": tar_of(GOOD, ("evil", bytes(70 << 20))),
    "zip outside": zip_of(GOOD, ("../evil", b"x")),
    "zip absolute": zip_of(GOOD, ("/evil", b"x")),
    "zip symlink": zip_of(GOOD, ("evil", zip_link)),
    "zip bomb": zip_of(GOOD, ("evil", bytes(70 << 20))),
    "cut tar": tar_of(GOOD, ("b", os.urandom(5000)))[:-2000],
    "cut plain tar": tar_of(GOOD, ("b", os.urandom(5000)), mode="w")[:3000],
    "cut zip": zip_of(GOOD, ("b", os.urandom(5000)))[:-300],
    "damaged zip": zip_of(("b", bytes(range(256)) * 40)).replace(b"\x63\x60", b"\x63\x61", 1),
    "no archive": b"<html></html>",
    "empty": b"",
    "twice": tar_of(GOOD, GOOD),
    "a file as a folder": tar_of(GOOD, ("folder/file/deeper", b"x")),
}


class TestArchives:
    @pytest.mark.parametrize("make", [tar_of, zip_of])
    def test_unpacked(self, tmp_path, make):
        archive = tmp_path / "x.archive"
        archive.write_bytes(make(GOOD, ("other", b"more")))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").write_bytes(b"old")
        extract(archive, tmp_path / "out", remove=True)
        assert (tmp_path / "out" / "folder" / "file").read_bytes() == b"content"
        assert (tmp_path / "out" / "other").read_bytes() == b"more"
        assert sorted(os.listdir(tmp_path)) == ["out"]
        assert sorted(os.listdir(tmp_path / "out")) == ["folder", "other"]

    @pytest.mark.parametrize("kind", HARMFUL)
    def test_refused(self, tmp_path, kind):
        """With the name of the archive; nothing is written inside or outside of the folder."""
        folder = tmp_path / "a" / "b"
        folder.mkdir(parents=True)
        archive = tmp_path / "some-archive"
        archive.write_bytes(HARMFUL[kind])
        with pytest.raises(FileFormatError, match="some-archive"):
            extract(archive, folder)
        left = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))]
        assert left == ["a", "a/b", "some-archive"]
        assert not Path("/tmp/evil").exists() and not Path("/evil").exists()


def idx_gz(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes())


class TestDatasets:
    """download=True of the datasets, from the local server."""

    def serve_mnist(self, server, monkeypatch, ways=("good",)):
        images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
        labels = np.arange(5, dtype=np.uint8)
        resources = []
        for name, _ in datasets.MNIST.resources:
            content = idx_gz(images if "images" in name else labels)
            Handler.files[name] = content
            resources.append((name, hashlib.md5(content).hexdigest()))
        monkeypatch.setattr(datasets.MNIST, "resources", resources)
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server}/{way}/" for way in ways])
        return images

    def test_mnist(self, server, tmp_path, monkeypatch):
        images = self.serve_mnist(server, monkeypatch, ("missing", "good"))
        train = datasets.MNIST(tmp_path, download=True)
        assert np.array_equal(train.data.numpy(), images)
        assert sorted(os.listdir(tmp_path / "MNIST" / "raw")) == sorted(
            name for name, _ in datasets.MNIST.resources
        )
        count = len(Handler.requests)
        assert len(datasets.MNIST(tmp_path, train=False, download=True)) == 5
        assert len(Handler.requests) == count

    def test_mnist_from_a_bad_server(self, server, tmp_path, monkeypatch):
        self.serve_mnist(server, monkeypatch, ("truncated", "page"))
        with pytest.raises(DownloadError, match="train-images"):
            datasets.MNIST(tmp_path, download=True)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    @pytest.mark.parametrize("kind", [datasets.CIFAR10, datasets.CIFAR100])
    def test_cifar(self, server, tmp_path, monkeypatch, kind):
        from test_dataset_files import fake_cifar

        made = fake_cifar(tmp_path / "made", kind)
        folder = tmp_path / "made" / kind.base_folder
        members = [(f"{kind.base_folder}/{name}", (folder / name).read_bytes()) for name in made]
        Handler.files["cifar.tgz"] = archive = tar_of(*members)
        monkeypatch.setattr(kind, "url", f"{server}/good/cifar.tgz")
        monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(archive).hexdigest())
        root = tmp_path / "root"
        train = kind(root, download=True)
        assert np.array_equal(train.data[:4], made[kind._train[0]][0])
        assert sorted(os.listdir(root)) == [kind.base_folder, kind.filename]
        assert len(kind(root, train=False)) == 4

    def test_emnist(self, server, tmp_path, monkeypatch):
        images = np.zeros((3, 28, 28), np.uint8)
        members = []
        for part in ("train", "test"):
            name = f"gzip/emnist-digits-{part}"
            members += [(f"{name}-images-idx3-ubyte.gz", idx_gz(images))]
            members += [(f"{name}-labels-idx1-ubyte.gz", idx_gz(np.arange(3, dtype=np.uint8)))]
        Handler.files["gzip.zip"] = archive = zip_of(*members)
        monkeypatch.setattr(datasets.EMNIST, "url", f"{server}/good/gzip.zip")
        monkeypatch.setattr(datasets.EMNIST, "md5", hashlib.md5(archive).hexdigest())
        digits = datasets.EMNIST(tmp_path, "digits", download=True)
        assert digits.targets.tolist() == [0, 1, 2]
        assert len(datasets.EMNIST(tmp_path, "digits", train=False, download=True)) == 3
        assert len(Handler.requests) == 1
