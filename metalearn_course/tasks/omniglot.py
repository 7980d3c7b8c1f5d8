"""Read real Omniglot from two archives or folders, keep it packed in the user's cache, download it where it is missing.

Lake, Salakhutdinov and Tenenbaum (2015): 1,623 characters of 50 alphabets, each drawn by 20 people, 105x105 pixels.
"""

import contextlib
import hashlib
import io
import os
import re
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .._common.files import write_aside

FORMAT = 1  # of the packed file; raise it whenever reading, resizing or packing changes
SIZE = 28
EXAMPLES = 20
PATIENCE = 2.0  # seconds: a download that brings less than PULSE bytes in so long is given up
PULSE = 131_072
REMEMBER = 3600.0  # seconds for which a failed download is not tried again

_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
_DRAWING = re.compile(r"([^/]+)/(character\d+)/\d+_(\d+)\.png$")


@dataclass(frozen=True)
class Archive:
    """One part of the data: `name`.zip, or the folder `name` that it unpacks to."""

    name: str
    url: str
    md5: str
    classes: int


OMNIGLOT = (
    Archive("images_background", _URL + "images_background.zip", "68d2efa1b9178cc56df9314c21c6e718", 964),
    Archive("images_evaluation", _URL + "images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811", 659),
)


class Packed(NamedTuple):
    """All drawings in memory: images (classes, examples, 28, 28), ink 255; per class its archive, alphabet and name."""

    images: np.ndarray
    parts: list[str]
    alphabets: list[str]
    names: list[str]


# --- reading -------------------------------------------------------------------------------------------------------


def find_archives(folder: Path, archives: tuple[Archive, ...], told_by: str) -> list[Path]:
    """The zip or folder of every archive in `folder`; an error that names `told_by` where one is missing."""
    found = []
    for archive in archives:
        places = [folder / f"{archive.name}.zip", folder / archive.name]
        place = next((p for p in places if p.exists()), None)
        if place is None:
            damaged = folder / f"{archive.name}.zip.rejected"
            why = f" ({damaged.name} is there: it was damaged)" if damaged.exists() else ""
            raise FileNotFoundError(
                f"{told_by} holds no usable Omniglot: neither {places[0].name} nor a folder {archive.name} in "
                f"{folder.resolve()}{why}. Put {archive.url} there, or unset METALEARN_DATA."
            )
        if place.is_file() and not zipfile.is_zipfile(place):
            raise _damaged(place, place.read_bytes(), archive, "it is not a complete zip")
        found.append(place)
    return found


def read_archives(places: list[Path], archives: tuple[Archive, ...]) -> Packed:
    """Read every archive from its zip or unpacked folder."""
    return _join([_read_place(place, archive) for place, archive in zip(places, archives, strict=True)])


def _read_place(place: Path, archive: Archive) -> Packed:
    if place.is_dir():
        files = {p.relative_to(place.parent).as_posix(): p.read_bytes for p in place.rglob("*.png")}
        return _read(files, archive, str(place))
    try:
        with place.open("rb") as file:
            return _read_zip(file, archive, str(place))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(place, place.read_bytes(), archive, str(error)) from error


def _read_zip(file: BinaryIO, archive: Archive, where: str) -> Packed:
    with zipfile.ZipFile(file) as opened:

        def reader(name: str) -> Callable[[], bytes]:
            return lambda: opened.read(name)  # checks the CRC

        return _read({name: reader(name) for name in opened.namelist()}, archive, where)


def _read(files: dict[str, Callable[[], bytes]], archive: Archive, where: str) -> Packed:
    drawings: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for path in files:
        match = _DRAWING.search(path)
        if match and "__MACOSX" not in path:
            alphabet, character, drawer = match.groups()
            drawings.setdefault((alphabet, character), []).append((drawer, path))
    if len(drawings) != archive.classes:
        raise ValueError(
            f"{where} holds {len(drawings)} characters; {archive.name} has {archive.classes}. "
            f"Get it anew from {archive.url}"
        )
    images = np.empty((archive.classes, EXAMPLES, SIZE, SIZE), np.uint8)
    for row, ((alphabet, character), found) in enumerate(sorted(drawings.items())):
        if len(found) != EXAMPLES:
            raise ValueError(
                f"{where} holds {len(found)} drawings of {alphabet}/{character}; expected {EXAMPLES}. "
                f"Get it anew from {archive.url}"
            )
        for column, (_, path) in enumerate(sorted(found)):
            images[row, column] = shrink(files[path](), f"{where}: {path}")
    alphabets = [alphabet for alphabet, _ in sorted(drawings)]
    return Packed(images, [archive.name] * len(alphabets), alphabets, ["/".join(key) for key in sorted(drawings)])


def shrink(png: bytes, where: str, size: int = SIZE) -> np.ndarray:
    """A drawing as size x size bytes, ink 255, resized by LANCZOS, from gray: PIL resizes a 1-bit image by NEAREST."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(png)).convert("L")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{where} is no readable image ({len(png)} bytes). Get the archive anew.") from error
    if image.width != image.height:
        raise ValueError(f"{where} is {image.width}x{image.height} pixels; a drawing is square. Get the archive anew.")
    pixels = 255 - np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    if pixels.max() < 128:
        raise ValueError(f"{where} is empty: no pixel holds ink. Get the archive anew.")
    return pixels


def _join(parts: list[Packed]) -> Packed:
    return Packed(
        np.concatenate([part.images for part in parts]),
        [name for part in parts for name in part.parts],
        [name for part in parts for name in part.alphabets],
        [name for part in parts for name in part.names],
    )


def _damaged(place: Path, content: bytes, archive: Archive, why: str) -> ValueError:
    """Put a damaged file aside, so that it is never used, and say what was wrong with it."""
    aside = place.with_name(place.name + ".rejected")
    try:
        if place.exists():
            place.replace(aside)
        else:
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(content)
        kept = f"kept aside as {aside}"
    except OSError:
        kept = "not used"
    if re.match(rb"\s*<(!doctype|html)", content[:200], re.IGNORECASE):
        why = "it is an HTML page"
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return ValueError(
        f"{place.name} is damaged: {why}; {len(content):,} bytes with md5 {md5}, the official file's is {archive.md5}; "
        f"{kept}. Get it anew from {archive.url}"
    )


# --- the user's cache ----------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """METALEARN_CACHE, or the system's place for caches."""
    if told := os.environ.get("METALEARN_CACHE"):
        return Path(told).expanduser()
    import pooch

    return Path(pooch.os_cache("metalearn_course"))


def fingerprint(places: list[Path]) -> str:
    """Tells one local copy of the data from another without reading it."""
    return "; ".join(
        f"{p.name} {p.stat().st_size}" if p.is_file() else f"{p.resolve()} {len(list(p.iterdir()))}" for p in places
    )


def packed_path(archives: tuple[Archive, ...]) -> Path:
    """Where the packed file lies: another format or other archives have another name."""
    key = hashlib.sha256(repr((FORMAT, SIZE, EXAMPLES, archives)).encode()).hexdigest()[:12]
    return cache_folder() / f"omniglot-{key}.npz"


def load_packed(archives: tuple[Archive, ...], origin: str | None = None) -> Packed | None:
    """The packed file, or None where there is none, it is damaged, or it was not made from `origin`.

    The file is one uncompressed .npz: its CRCs are checked as it is read.
    """
    path = packed_path(archives)
    try:
        with np.load(path, allow_pickle=False) as file:
            if origin is not None and str(file["origin"]) != origin:
                return None
            texts = [file[key].tolist() for key in ("parts", "alphabets", "names")]
            packed = Packed(file["images"], *texts)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # damaged: read the data again, and save_packed replaces the file
    expected = (sum(archive.classes for archive in archives), EXAMPLES, SIZE, SIZE)
    return packed if packed.images.shape == expected and packed.images.dtype == np.uint8 else None


def save_packed(packed: Packed, archives: tuple[Archive, ...], origin: str) -> None:
    """Write the packed file aside, then rename it; where the cache cannot be written, say so in one line."""
    path = packed_path(archives)
    arrays: dict[str, Any] = {key: np.array(getattr(packed, key)) for key in Packed._fields}
    arrays["origin"] = np.array(origin)
    try:
        write_aside(path, lambda file: np.savez(file, **arrays))
    except OSError as error:
        print(
            f"Warning: {path.parent} cannot be written ({error.strerror or error}), so Omniglot is read anew each "
            "time. Free some space, or set METALEARN_CACHE to a folder that can be written."
        )


# --- the network ---------------------------------------------------------------------------------------------------


class _Sink(io.BytesIO):
    """Takes a download's bytes until it is told to stop."""

    stopped = False

    def write(self, data: Any) -> int:
        if self.stopped:
            raise ConnectionError("given up")
        return super().write(data)


def download(archives: tuple[Archive, ...]) -> Packed:
    """Fetch and read every archive; ConnectionError where it cannot be had, ValueError where it is damaged."""
    memory = cache_folder() / "no-network"
    try:
        packed = _join([_read_download(_fetch(archive), archive) for archive in archives])
    except (ConnectionError, ValueError):
        with contextlib.suppress(OSError):  # where it cannot be noted, the next call tries again
            write_aside(memory, b"")
        raise
    with contextlib.suppress(OSError):
        memory.unlink()
    return packed


def failed_lately() -> bool:
    """Whether a download failed within the last hour (a clock set back counts as long ago)."""
    try:
        return 0 <= time.time() - (cache_folder() / "no-network").stat().st_mtime < REMEMBER
    except OSError:
        return False


def _fetch(archive: Archive) -> bytes:
    """One archive's bytes. The wait is bounded from outside, in a thread: timeouts of requests do not cover DNS."""
    import pooch

    sink, errors = _Sink(), []

    def work() -> None:
        try:
            pooch.HTTPDownloader(chunk_size=8192, timeout=PATIENCE)(archive.url, sink, None)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    received = -PULSE
    while thread.is_alive():
        before, received = received, sink.tell()
        if received - before < PULSE:
            sink.stopped = True
            raise ConnectionError(f"{received:,} bytes of {archive.url} came, none of late")
        thread.join(PATIENCE)
    content = sink.getvalue()
    if errors and not content:
        raise ConnectionError(f"{archive.url} cannot be reached ({type(errors[0]).__name__})") from errors[0]
    if errors:
        raise _damaged(cache_folder() / f"{archive.name}.zip", content, archive, "its download broke off")
    return content


def _read_download(content: bytes, archive: Archive) -> Packed:
    where = cache_folder() / f"{archive.name}.zip"
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != archive.md5:
        raise _damaged(where, content, archive, "its checksum is wrong")
    return _read_zip(io.BytesIO(content), archive, archive.url)
