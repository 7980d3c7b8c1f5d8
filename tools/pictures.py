"""Make metalearn_course/tasks/pictures.npz: pictures of the same things by six artists, from open sets of emoji.

npm pack @iconify-json/noto@1.2.9 @iconify-json/noto-v1@1.2.5 @iconify-json/twemoji@1.2.5 \\
    @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/emojione@1.2.3 @iconify-json/openmoji@1.2.29
pip install resvg-py==0.5.0

python tools/pictures.py FOLDER           reads the six files that npm left in FOLDER and writes the pictures
python tools/pictures.py FOLDER --check   compares the stored file with what would be written
python tools/pictures.py FOLDER --sheet FILE.png   also draws the pictures of every tenth thing

The sets are under licences of their own, see NOTICE.md.
"""

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from PIL import Image

from metalearn_course.tasks.pictures import ARTISTS, PICTURES

SIZE = 32
FILES = {
    "noto": ("iconify-json-noto-1.2.9.tgz", "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad"),
    "noto-v1": ("iconify-json-noto-v1-1.2.5.tgz", "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37"),
    "twemoji": ("iconify-json-twemoji-1.2.5.tgz", "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7"),
    "fluent": (
        "iconify-json-fluent-emoji-flat-1.2.6.tgz",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    ),
    "emojione": ("iconify-json-emojione-1.2.3.tgz", "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e"),
    "openmoji": (
        "iconify-json-openmoji-1.2.29.tgz",
        "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
    ),
}
# Names whose pictures differ in a detail, in the color of a skin, or in a sign that is written on them.
LEFT_OUT = re.compile(
    "skintone|lightskin|darkskin|mediumskin|flag|oclock|thirty|keycap|button|hand|man|woman|person|boy|girl|people|"
    "family|kiss|couple|face$|symbol|square|circle|arrow"
)


@dataclass(frozen=True)
class Icons:
    """A set of icons: what the file says of it, the icons by their plain names, and the kind of each."""

    about: dict[str, Any]
    by_name: dict[str, dict[str, Any]]
    kinds: dict[str, str]

    def svg(self, name: str) -> str:
        icon = self.by_name[name]
        left, top = icon.get("left", 0), icon.get("top", 0)
        width, height = (icon.get(side, self.about.get(side, 16)) for side in ("width", "height"))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{SIZE}" '
            f'height="{SIZE}" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
        )


def plain(name: str) -> str:
    return name.replace("-", "").lower()


def read(folder: Path, artist: str) -> Icons:
    name, expected = FILES[artist]
    content = (folder / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sys.exit(f"{name} has the SHA-256 {found}; expected {expected}. Get that version again.")
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        about, metadata = (
            json.load(packed.extractfile(f"package/{part}.json") or io.BytesIO()) for part in ("icons", "metadata")
        )
    kinds = {plain(icon): kind for kind, icons in metadata["categories"].items() for icon in icons}
    return Icons(about, {plain(icon): body for icon, body in about["icons"].items()}, kinds)


def render(svg: str) -> np.ndarray:
    """On white, uint8 (SIZE, SIZE, 3)."""
    drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE))))
    white = Image.new("RGBA", (SIZE, SIZE), "white")
    white.alpha_composite(drawn.convert("RGBA"))
    return np.asarray(white.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the six files")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--sheet", type=Path, help="a picture to draw")
    arguments = parser.parse_args()
    sets = [read(arguments.folder, artist) for artist in ARTISTS]
    first = sets[0]
    shared = sorted(
        name for name in first.by_name if all(name in icons.by_name for icons in sets) and not LEFT_OUT.search(name)
    )
    called = {plain(icon): icon for icon in first.about["icons"]}
    images = np.stack([np.stack([render(icons.svg(name)) for icons in sets]) for name in shared])
    names, kinds = np.array([called[name] for name in shared]), np.array([first.kinds[name] for name in shared])
    if arguments.sheet:
        rows = [np.concatenate(list(row), 1) for row in images[::10]]
        columns = [np.concatenate(rows[i : i + 20]) for i in range(0, len(rows) - 19, 20)]
        Image.fromarray(np.concatenate(columns, 1)).save(arguments.sheet)
    if arguments.check:
        with np.load(PICTURES, allow_pickle=False) as stored:
            same = all(
                np.array_equal(stored[key], made)
                for key, made in {"images": images, "names": names, "kinds": kinds}.items()
            )
        print(f"{PICTURES.name} is {'what this script makes' if same else 'NOT what this script makes: run it again'}")
        sys.exit(0 if same else 1)
    file = io.BytesIO()
    np.savez_compressed(file, images=images, names=names, kinds=kinds)
    PICTURES.write_bytes(file.getvalue())
    print(f"{len(names)} things x {len(ARTISTS)} artists, {len(file.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
