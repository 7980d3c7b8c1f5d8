"""A tiny Omniglot, made here: 7 characters of 3 alphabets in two archives, and a cache of its own for every test."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from metalearn_course.tasks.omniglot import Archive

CLASSES = {"images_background": {"Armenian": 2, "Greek": 2}, "images_evaluation": {"Angelic": 3}}


class TinyOmniglot:
    """`root` holds omniglot/ with two zips; `archives` describes them."""

    def __init__(self, root: Path, url: str = "https://invalid.invalid/") -> None:
        self.root, self.folder = root, root / "omniglot"
        self.folder.mkdir(parents=True)
        self.archives: tuple[Archive, ...] = ()
        for name, alphabets in CLASSES.items():
            with zipfile.ZipFile(self.folder / f"{name}.zip", "w") as file:
                for path, png in self.drawings(name):
                    file.writestr(path, png)
            content = (self.folder / f"{name}.zip").read_bytes()
            md5 = hashlib.md5(content).hexdigest()
            self.archives += (Archive(name, f"{url}{name}.zip", md5, sum(alphabets.values())),)

    @staticmethod
    def drawing(seed: int, size: tuple[int, int] = (105, 105)) -> bytes:
        """A 1-bit PNG, ink black."""
        image = Image.new("1", size, 1)
        ImageDraw.Draw(image).line([(10 + seed % 60, 5), (90, 20 + seed % 80), (20, 95)], fill=0, width=4)
        file = io.BytesIO()
        image.save(file, "png")
        return file.getvalue()

    @classmethod
    def drawings(cls, name: str) -> list[tuple[str, bytes]]:
        return [
            (f"{name}/{alphabet}/character{c:02}/{c:04}_{d:02}.png", cls.drawing(37 * c + d + len(alphabet)))
            for alphabet, count in CLASSES[name].items()
            for c in range(1, count + 1)
            for d in range(1, 21)
        ]

    def zip(self, number: int) -> Path:
        return self.folder / f"{self.archives[number].name}.zip"


@pytest.fixture
def tiny(tmp_path: Path) -> TinyOmniglot:
    return TinyOmniglot(tmp_path / "data")


@pytest.fixture
def make_tiny(tmp_path: Path):
    return lambda url: TinyOmniglot(tmp_path / "served", url)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("METALEARN_DATA", "METALEARN_OFFLINE", "METALEARN_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"
