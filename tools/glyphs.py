"""Make metalearn_course/tasks/glyphs.npz: characters of many scripts, from the fonts that matplotlib ships.

python tools/glyphs.py           writes the file (the same bytes every time)
python tools/glyphs.py --check   compares the stored file with what would be written
python tools/glyphs.py --sheets FOLDER   also draws a contact sheet of every alphabet
"""

import argparse
import io
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TARGET = Path(__file__).parents[1] / "metalearn_course" / "tasks" / "glyphs.npz"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
WRITERS = 20
EM = 96  # pixels a font is drawn at, before it is slanted and scaled down
FINE = 112  # 4 x 28: the canvas that is averaged to 28x28
ALIKE = 0.90  # correlation from which two glyphs count as the same character
FEWEST = 10  # classes that an alphabet must keep

# The faces, most different first: a character's writers go through those that have it. LastResort draws placeholders
# for everything and is left out, as are fonts of extensible brackets.
FACES = (
    "DejaVuSans", "DejaVuSerif-Italic", "STIXGeneral", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Oblique",
    "STIXGeneralItalic", "DejaVuSans-Bold", "cmr10", "DejaVuSansMono-Oblique", "DejaVuSerif-Bold", "cmti10", "cmss10",
    "STIXGeneralBol", "cmtt10", "DejaVuSans-BoldOblique", "DejaVuSerif-BoldItalic", "DejaVuSansMono-Bold",
    "STIXGeneralBolIta", "DejaVuSansMono-BoldOblique",
)  # fmt: skip


@dataclass(frozen=True)
class Script:
    """An alphabet: the side of the split it is on, and its first and last characters, in pairs."""

    name: str
    side: str
    ranges: tuple[tuple[int, int], ...]


# Letters that Unicode had before the mathematical alphabets, and keeps at their old places.
SOLE_FRAKTUR = tuple((code, code) for code in (0x210C, 0x2111, 0x211C, 0x2128, 0x212D))
SOLE_SCRIPT = tuple((code, code) for code in (0x210A, 0x210B, 0x2110, 0x2112, 0x2113, 0x211B, 0x212C, 0x212F, 0x2130,
                                              0x2131, 0x2133, 0x2134))  # fmt: skip
# Syllabics mark a long vowel by a dot above and a w by a dot beside.
DOTTED = re.compile(r"CANADIAN SYLLABICS .*(WEST-CREE|W|AA|EE|II|OO|AI|NASKAPI)")

# Related scripts stand on the same side. Braille, Yijing hexagrams, dominoes and the like are left out: their signs
# differ in a dot or a bar. What comes first keeps a shape that several scripts share.
SCRIPTS = (
    Script("Latin", "train", ((0x41, 0x5A), (0x61, 0x7A), (0xC6, 0xC6), (0xDE, 0xDF), (0xE6, 0xE6), (0xF0, 0xF0))),
    Script("Greek_Coptic", "train", ((0x391, 0x3A9), (0x3B1, 0x3C9), (0x3D0, 0x3EF))),
    Script("Cyrillic", "train", ((0x402, 0x40F), (0x410, 0x44F), (0x452, 0x45F))),
    Script("Old_Cyrillic", "train", ((0x460, 0x481), (0x48A, 0x52F))),
    Script("Phonetic", "train", ((0x250, 0x2AF),)),
    Script("African_Latin", "train", ((0x180, 0x1C3), (0x1DD, 0x1DD), (0x1F6, 0x1F7), (0x21C, 0x24F))),
    Script("Old_Italic", "train", ((0x10300, 0x10323),)),
    Script("Fraktur", "train", ((0x1D504, 0x1D537), *SOLE_FRAKTUR)),
    Script("Script", "train", ((0x1D49C, 0x1D4CF), *SOLE_SCRIPT)),
    Script("Currency", "train", ((0x24, 0x24), (0xA2, 0xA5), (0x20A0, 0x20BF))),
    Script("Signs", "train", ((0x2609, 0x2670), (0x2690, 0x26B8), (0x2701, 0x2727))),
    Script("Tifinagh", "validation", ((0x2D30, 0x2D6F),)),
    Script("NKo", "validation", ((0x7C0, 0x7EA),)),
    Script("Lao", "validation", ((0xE81, 0xEB0), (0xEC0, 0xEC6), (0xED0, 0xEDD))),
    Script("Armenian_capital", "test", ((0x531, 0x556),)),
    Script("Armenian_small", "test", ((0x561, 0x587),)),
    Script("Asomtavruli", "test", ((0x10A0, 0x10C5),)),
    Script("Nuskhuri", "test", ((0x2D00, 0x2D25),)),
    Script("Mkhedruli", "test", ((0x10D0, 0x10FA),)),
    Script("Hebrew", "test", ((0x5D0, 0x5EA), (0x5F0, 0x5F2))),
    Script("Arabic", "test", ((0x621, 0x64A), (0x671, 0x6D3))),
    Script("Cree", "test", ((0x1401, 0x14C5),)),
    Script("Inuktitut", "test", ((0x14C6, 0x158E),)),
    Script("Carrier", "test", ((0x158F, 0x1676),)),
    Script("Operators", "test", ((0x2200, 0x223D), (0x2295, 0x22C9))),
    Script("Arrows", "test", ((0x2190, 0x21FF),)),
    Script("Technical", "test", ((0x2300, 0x2335), (0x2380, 0x239A), (0x23CE, 0x23E3), (0x2440, 0x2446))),
)


class Fonts:
    """The faces, and which characters each can really draw."""

    def __init__(self) -> None:
        self.fonts = {face: ImageFont.truetype(FONTS / f"{face}.ttf", EM) for face in FACES}
        self.covered = {face: set(TTFont(FONTS / f"{face}.ttf").getBestCmap()) for face in FACES}
        self.tofu = {face: self.draw(face, "\U0010fffd").tobytes() for face in FACES}  # a code point nobody has

    def faces(self, char: str) -> list[str]:
        """The faces that hold a drawing of their own for `char`: not blank, not the box for missing glyphs."""
        found = []
        for face in FACES:
            if ord(char) in self.covered[face] and not (face.startswith("cm") and ord(char) > 0x7A):
                drawn = self.draw(face, char)
                if drawn.getbbox() and drawn.tobytes() != self.tofu[face]:
                    found.append(face)
        return found

    def draw(self, face: str, char: str, stroke: float = 0.0) -> Image.Image:
        image = Image.new("L", (3 * EM, 3 * EM), 0)
        ImageDraw.Draw(image).text((EM, EM // 2), char, fill=255, font=self.fonts[face], stroke_width=stroke)
        return image


def candidates(script: Script) -> list[str]:
    """The letters and signs of a script that are not another one with an accent."""
    chars = [chr(code) for first, last in script.ranges for code in range(first, last + 1)]
    return [
        char
        for char in chars
        if unicodedata.category(char) in ("Lu", "Ll", "Lo", "Lt", "Nd", "So", "Sm", "Sc", "Po")
        and (not unicodedata.decomposition(char) or unicodedata.decomposition(char).startswith("<font>"))
        and " WITH " not in unicodedata.name(char, "")
        and not DOTTED.match(unicodedata.name(char, ""))
    ]


def outline(image: Image.Image) -> np.ndarray:
    """A glyph cut to its ink, fitted into 24x24, blurred a little, as a unit vector: what similarity is measured on."""
    cut = image.crop(image.getbbox())
    scale = 24 / max(cut.size)
    cut = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), Image.Resampling.LANCZOS)
    canvas = Image.new("L", (32, 32), 0)
    canvas.paste(cut, ((32 - cut.width) // 2, (32 - cut.height) // 2))
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(1.0)), np.float32)


def unit(array: np.ndarray) -> np.ndarray:
    return array.ravel() / np.linalg.norm(array)


def select(fonts: Fonts) -> dict[str, list[str]]:
    """The characters to keep of every script: none that looks like another one, or like one that is turned."""
    views = ("DejaVuSans", "DejaVuSerif", "STIXGeneral")
    kept: dict[str, list[np.ndarray]] = {view: [np.zeros((0, 32 * 32), np.float32)] for view in views}
    chosen: dict[str, list[str]] = {}
    for script in SCRIPTS:
        mine: list[str] = []
        shapes: dict[str, list[np.ndarray]] = {view: [] for view in views}
        for char in candidates(script):
            faces = fonts.faces(char)
            own = [view for view in views if view in faces]
            if not own:
                continue
            drawn = {view: outline(fonts.draw(view, char)) for view in own}
            turned_alike = any(
                unit(shape) @ unit(np.rot90(shape, k)) > ALIKE for shape in drawn.values() for k in (1, 2)
            )
            if turned_alike:
                continue
            alike = any(
                (np.concatenate([*kept[view], *shapes[view]]) @ unit(shape)).max(initial=0) > ALIKE
                for view, shape in drawn.items()
            )
            if alike:
                continue
            mine.append(char)
            for view, shape in drawn.items():
                shapes[view].append(np.stack([unit(np.rot90(shape, k)) for k in range(4)]))
        if len(mine) >= FEWEST:
            chosen[script.name] = mine
            for view in views:
                kept[view] += shapes[view]
    return chosen


def write_like(
    fonts: Fonts, face: str, char: str, style: np.random.RandomState, hand: np.random.RandomState
) -> np.ndarray:
    """One drawing: `style` is the writer's (slant, size, stroke), `hand` what changes from one drawing to the next."""
    slant, width, size, weight = style.uniform((-0.28, 0.72, 16.5, 0.0), (0.28, 1.2, 24.0, 3.0))
    drawn = fonts.draw(face, char, stroke=round(weight, 1))
    cut = drawn.crop(drawn.getbbox())
    aspect = np.clip(cut.width / cut.height * width * hand.uniform(0.92, 1.08), 0.12, 8.0)
    longest = 4 * min(size * hand.uniform(0.92, 1.08), 25.0)
    w, h = (longest, longest / aspect) if aspect > 1 else (longest * aspect, longest)
    turn = hand.normal(0.0, 0.1)
    corners = np.array([(-w, -h), (-w, h), (w, h), (w, -h)]) / 2
    corners[:, 0] -= slant * corners[:, 1]
    corners = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    corners += hand.normal(0.0, 0.07 * longest, (4, 2)) / 2
    corners *= min(1.0, 106 / np.ptp(corners, axis=0).max())
    low, high = corners.min(0), corners.max(0)
    shift = (FINE - low - high) / 2 + hand.uniform(-1, 1, 2) * np.minimum(10.0, (FINE - 4 - (high - low)) / 2)
    canvas = warp(np.asarray(cut, np.float32), corners + shift)
    fine = canvas.reshape(28, 4, 28, 4).mean((1, 3))
    return np.clip(np.rint(fine / 17), 0, 15).astype(np.uint8)


def warp(glyph: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The glyph drawn into the quadrilateral of its upper left, lower left, lower right and upper right corner."""
    rows, columns = glyph.shape
    source = np.array([(0, 0), (0, rows), (columns, rows), (columns, 0)], np.float64)
    equations, values = [], []
    for (x, y), (u, v) in zip(corners, source, strict=True):
        equations += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    matrix = np.linalg.solve(np.array(equations), np.array(values))
    image = Image.fromarray(np.rint(glyph).astype(np.uint8))
    moved = image.transform((FINE, FINE), Image.Transform.PERSPECTIVE, matrix.tolist(), Image.Resampling.BICUBIC)
    return np.asarray(moved, np.float32)


def build() -> tuple[bytes, dict[str, np.ndarray]]:
    fonts = Fonts()
    chosen = select(fonts)
    sides = {script.name: script.side for script in SCRIPTS}
    images, parts, alphabets, names = [], [], [], []
    for alphabet, chars in chosen.items():
        for char in chars:
            faces = fonts.faces(char)
            drawings = []
            for writer in range(WRITERS):
                style, hand = np.random.RandomState(writer), np.random.RandomState([ord(char), writer])
                drawings.append(write_like(fonts, faces[writer % len(faces)], char, style, hand))
            images.append(np.stack(drawings))
            parts.append(sides[alphabet])
            alphabets.append(alphabet)
            names.append(f"{alphabet}/{unicodedata.name(char).replace(' ', '_').lower()}")
    arrays = {
        "levels": np.stack(images, axis=1),  # a writer after the other packs best
        "parts": np.array(parts),
        "alphabets": np.array(alphabets),
        "names": np.array(names),
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue(), arrays


def sheets(arrays: dict[str, np.ndarray], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for alphabet in dict.fromkeys(arrays["alphabets"].tolist()):
        rows = arrays["levels"][:, arrays["alphabets"] == alphabet].transpose(1, 2, 0, 3)  # class, y, writer, x
        sheet = 255 - 17 * rows.reshape(rows.shape[0] * 28, -1)
        Image.fromarray(sheet.astype(np.uint8)).save(folder / f"{alphabet}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--sheets", type=Path, help="draw contact sheets into this folder")
    arguments = parser.parse_args()
    content, arrays = build()
    if arguments.sheets:
        sheets(arrays, arguments.sheets)
    if arguments.check:
        with np.load(TARGET, allow_pickle=False) as stored:
            same = set(stored.files) == set(arrays) and all(np.array_equal(stored[k], arrays[k]) for k in arrays)
        print(f"{TARGET.name} is {'what this script makes' if same else 'NOT what this script makes: run it again'}")
        sys.exit(0 if same else 1)
    TARGET.write_bytes(content)
    for side in ("train", "validation", "test"):
        mine = arrays["alphabets"][arrays["parts"] == side].tolist()
        counts = ", ".join(f"{name} {mine.count(name)}" for name in dict.fromkeys(mine))
        print(f"{side}: {len(mine)} classes: {counts}")
    print(f"{len(arrays['parts'])} classes, {len(set(arrays['alphabets'].tolist()))} alphabets, {len(content):,} bytes")


if __name__ == "__main__":
    main()
