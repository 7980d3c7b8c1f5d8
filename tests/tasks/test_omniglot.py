"""Reading, caching and downloading real data, and everything that can be wrong with it."""

import io
import os
import re
import socket
import socketserver
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from metalearn_course.tasks import characters, omniglot


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def serve(tmp_path):
    """Serves tmp_path/served, or whatever a handler says, on 127.0.0.1; gives the address."""
    servers = []

    def start(handler=None):
        handler = handler or partial(Quiet, directory=str(tmp_path / "served" / "omniglot"))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# --- reading -------------------------------------------------------------------------------------------------------


def test_zips_give_every_class_in_order_with_ink_255(tiny):
    data = characters("omniglot", root=tiny.root, archives=tiny.archives)
    assert data.images.shape == (7, 20, 28, 28)
    assert data.names[0] == "Armenian/character01"
    assert data.names[-1] == "Angelic/character03"
    assert {name: ids.tolist() for name, ids in data.splits.items()} == {
        "train": [2, 3],
        "validation": [0, 1],
        "test": [4, 5, 6],
    }
    assert data.images[0, 0, 0, 0] == 0
    assert data.images[0, 0].max() > 200


def test_resizes_from_gray_by_lanczos(tiny):
    """PIL falls back to NEAREST on a 1-bit image, which leaves only 0 and 255."""
    data = characters("omniglot", root=tiny.root, archives=tiny.archives)
    png = next(png for path, png in tiny.drawings("images_evaluation") if path.endswith("character02/0002_07.png"))
    gray = Image.open(io.BytesIO(png)).convert("L").resize((28, 28), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(data.images[5, 6].numpy(), 255 - np.asarray(gray))
    assert len(data.images[5, 6].unique()) > 10


def test_unpacked_folders_give_the_same_as_zips(tiny, monkeypatch, own_cache):
    zipped = characters("omniglot", root=tiny.root, archives=tiny.archives)
    for number in (0, 1):
        with zipfile.ZipFile(tiny.zip(number)) as file:
            file.extractall(tiny.folder)
        tiny.zip(number).unlink()
    (tiny.folder / "images_background" / ".DS_Store").write_bytes(b"junk")
    monkeypatch.setenv("METALEARN_DATA", str(tiny.root))
    unpacked = characters("omniglot", archives=tiny.archives)
    assert unpacked.images.equal(zipped.images)
    assert unpacked.names == zipped.names


@pytest.mark.parametrize(
    ("path", "size", "says"),
    [
        ("images_evaluation/Angelic/character01/0001_01.png", (105, 90), "is 105x90 pixels; a drawing is"),
        ("images_evaluation/Angelic/character01/0001_01.png", None, "is no readable image"),
        ("images_evaluation/Angelic/character01/0001_21.png", (105, 105), "holds 21 drawings of Angelic/character01"),
        (
            "images_evaluation/Angelic/character04/0001_01.png",
            (105, 105),
            "holds 4 characters; images_evaluation has 3",
        ),
    ],
)
def test_wrong_contents_are_named(tiny, path, size, says):
    drawings = dict(tiny.drawings("images_evaluation")) | {path: tiny.drawing(1, size) if size else b""}
    with zipfile.ZipFile(tiny.zip(1), "w") as file:
        for name, content in drawings.items():
            file.writestr(name, content)
    with pytest.raises(ValueError, match=re.escape(says)):
        characters(root=tiny.root, archives=tiny.archives)


def test_an_empty_drawing_is_named(tiny):
    file = io.BytesIO()
    Image.new("1", (105, 105), 1).save(file, "png")
    drawings = dict(tiny.drawings("images_evaluation"))
    drawings["images_evaluation/Angelic/character02/0002_05.png"] = file.getvalue()
    with zipfile.ZipFile(tiny.zip(1), "w") as archive:
        for name, content in drawings.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"character02/0002_05.png is empty"):
        characters(root=tiny.root, archives=tiny.archives)


@pytest.mark.parametrize("damage", ["cut", "flipped", "html"])
def test_a_damaged_zip_is_put_aside_and_never_used(tiny, own_cache, damage):
    path = tiny.zip(0)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[300] ^= 255  # inside the first drawing
    else:
        content = bytearray(b"<!DOCTYPE html><html>Sign in to the hotel's network</html>")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"md5 [0-9a-f]{32}, the official file's is " + tiny.archives[0].md5) as caught:
        characters(root=tiny.root, archives=tiny.archives)
    assert "\n" not in str(caught.value)
    assert ("HTML page" in str(caught.value)) == (damage == "html")
    assert path.with_name("images_background.zip.rejected").read_bytes() == bytes(content)
    assert not path.exists()
    assert not list(own_cache.glob("*.npz"))
    with pytest.raises(FileNotFoundError, match=r"images_background.zip.rejected is there: it was damaged"):
        characters(root=tiny.root, archives=tiny.archives)


def test_metalearn_data_without_data_is_an_error_even_beside_a_full_cache(tiny, tmp_path, monkeypatch):
    characters(root=tiny.root, archives=tiny.archives)
    for value in (str(tmp_path / "nowhere"), "relative/folder"):
        monkeypatch.setenv("METALEARN_DATA", value)
        with pytest.raises(FileNotFoundError, match=r"METALEARN_DATA=.* holds no usable Omniglot") as caught:
            characters(archives=tiny.archives)
        assert "\n" not in str(caught.value)
    tiny.zip(1).unlink()
    monkeypatch.setenv("METALEARN_DATA", str(tiny.root))
    with pytest.raises(FileNotFoundError, match=r"images_evaluation"):
        characters(archives=tiny.archives)


# --- the cache -----------------------------------------------------------------------------------------------------


def test_the_second_time_comes_from_the_cache(tiny, monkeypatch, capsys):
    first = characters(root=tiny.root, archives=tiny.archives)
    monkeypatch.setattr(omniglot, "read_archives", None)
    second = characters(root=tiny.root, archives=tiny.archives)
    without_root = characters("omniglot", archives=tiny.archives)
    assert second.images.equal(first.images)
    assert without_root.names == first.names
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_other_data_another_format_or_a_damaged_cache_is_not_used(tiny, own_cache, monkeypatch):
    first = characters(root=tiny.root, archives=tiny.archives)
    (packed,) = own_cache.glob("*.npz")
    content = bytearray(packed.read_bytes())

    assert omniglot.load_packed(tiny.archives, "another origin") is None
    assert omniglot.load_packed(tiny.archives[:1]) is None
    monkeypatch.setattr(omniglot, "FORMAT", omniglot.FORMAT + 1)
    assert omniglot.load_packed(tiny.archives) is None
    monkeypatch.undo()
    monkeypatch.setenv("METALEARN_CACHE", str(own_cache))

    for damaged in (content[: len(content) // 2], content[:40_000] + b"\0\1\2" + content[40_003:], b""):
        packed.write_bytes(damaged)
        assert omniglot.load_packed(tiny.archives) is None
        assert characters(root=tiny.root, archives=tiny.archives).images.equal(first.images)
    assert packed.stat().st_size == len(content)


def test_a_replaced_archive_is_read_anew(tiny):
    before = characters(root=tiny.root, archives=tiny.archives)
    with zipfile.ZipFile(tiny.zip(1), "w") as file:
        for path, _ in tiny.drawings("images_evaluation"):
            file.writestr(path, tiny.drawing(5))
    after = characters(root=tiny.root, archives=tiny.archives)
    assert not after.images.equal(before.images)


def test_a_read_only_cache_costs_one_line(tiny, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "file" / "cache"))
    data = characters(root=tiny.root, archives=tiny.archives)
    warning, line = capsys.readouterr().out.splitlines()
    assert len(data.images) == 7
    assert warning.startswith("Warning: ")
    assert "cannot be written" in warning
    assert "METALEARN_CACHE" in warning
    assert line.startswith("omniglot: 7 classes")


def test_a_full_disk_leaves_nothing_half_written(tiny, own_cache, monkeypatch, capsys):
    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(characters(root=tiny.root, archives=tiny.archives).images) == 7
    assert "No space left on device" in capsys.readouterr().out
    assert list(own_cache.iterdir()) == []


# --- the network ---------------------------------------------------------------------------------------------------


def test_downloads_once(make_tiny, serve, own_cache, capsys):
    served = make_tiny(serve())
    data = characters(archives=served.archives)
    assert data.source == "omniglot"
    for number in (0, 1):
        served.zip(number).unlink()
    assert characters("omniglot", archives=served.archives).images.equal(data.images)
    assert [path.suffix for path in own_cache.iterdir()] == [".npz"]


@pytest.mark.parametrize("damage", ["cut", "html"])
def test_a_download_that_is_not_the_archive_is_put_aside(make_tiny, serve, own_cache, capsys, damage):
    served = make_tiny(serve())
    path = served.zip(0)
    path.write_bytes(path.read_bytes()[:5000] if damage == "cut" else b"<html>Please log in</html>")
    data = characters(archives=served.archives)
    line = capsys.readouterr().out
    assert data.source == "glyphs"
    assert len(line.splitlines()) == 1
    assert re.search(r"md5 [0-9a-f]{32}, the official file's is " + served.archives[0].md5, line)
    assert (own_cache / "images_background.zip.rejected").read_bytes() == path.read_bytes()
    with pytest.raises(FileNotFoundError, match=r"Omniglot is not to be had"):
        characters("omniglot", archives=served.archives)


def test_a_download_that_breaks_off_is_put_aside(make_tiny, serve, own_cache, capsys):
    class BreaksOff(Quiet):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"PK" * 10_000)

    served = make_tiny(serve(BreaksOff))
    assert characters(archives=served.archives).source == "glyphs"
    assert "its download broke off" in capsys.readouterr().out
    assert (own_cache / "images_background.zip.rejected").stat().st_size > 0


def black_hole_address():
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(5)
    return hole, f"http://127.0.0.1:{hole.getsockname()[1]}/"


def test_a_black_hole_costs_three_seconds_once(make_tiny, own_cache, capsys, monkeypatch):
    hole, url = black_hole_address()
    with hole:
        served = make_tiny(url)
        start = time.perf_counter()
        assert characters(archives=served.archives).source == "glyphs"
        assert time.perf_counter() - start < 3.0
        assert len(capsys.readouterr().out.splitlines()) == 1

        start = time.perf_counter()
        assert characters(archives=served.archives).source == "glyphs"
        assert time.perf_counter() - start < 1.0
        assert "failed within the last hour" in capsys.readouterr().out

        an_hour_ago = time.time() - omniglot.REMEMBER - 1
        os.utime(own_cache / "no-network", (an_hour_ago, an_hour_ago))
        assert not omniglot.failed_lately()


def test_a_name_server_that_never_answers_costs_three_seconds(make_tiny, monkeypatch):
    released = threading.Event()

    def hang(*_, **__):
        released.wait(20)
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    served = make_tiny("http://omniglot.invalid/")
    start = time.perf_counter()
    assert characters(archives=served.archives).source == "glyphs"
    assert time.perf_counter() - start < 3.0
    released.set()


def test_a_server_that_drips_is_given_up(make_tiny):
    class Drips(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(4096)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            try:
                while not stop.wait(0.05):
                    self.request.sendall(b"x" * 300)
            except OSError:
                pass

    stop = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drips) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        served = make_tiny(f"http://127.0.0.1:{server.server_address[1]}/")
        start = time.perf_counter()
        assert characters(archives=served.archives).source == "glyphs"
        assert time.perf_counter() - start < 3.0
        stop.set()
        server.shutdown()


def test_without_a_network_at_once_and_asked_for_again_on_demand(make_tiny, serve, monkeypatch, capsys):
    served = make_tiny(serve())
    monkeypatch.setenv("METALEARN_OFFLINE", "1")
    assert characters(archives=served.archives).source == "glyphs"
    assert "METALEARN_OFFLINE is set" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match=r"METALEARN_OFFLINE is set"):
        characters("omniglot", archives=served.archives)

    monkeypatch.delenv("METALEARN_OFFLINE")
    refused = tuple(omniglot.Archive(a.name, "http://127.0.0.1:9/", a.md5, a.classes) for a in served.archives)
    assert characters(archives=refused).source == "glyphs"
    assert omniglot.failed_lately()
    assert characters(archives=served.archives).source == "glyphs"
    assert characters("omniglot", archives=served.archives).source == "omniglot"
    assert not omniglot.failed_lately()
