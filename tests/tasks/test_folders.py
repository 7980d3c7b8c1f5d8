"""A folder of images: what is read from it, what is left out, how classes are split, what is refused."""

import ast
import re

import numpy as np
import pytest
import torch
from PIL import Image

from metalearn_course import Episodes, images_from_folder
from metalearn_course.tasks import check_tasks

SHADES = {"ant": 0, "bee": 51, "cat": 102, "dog": 153, "eel": 204, "fox": 255}
ALL = {"test": 1.0}


def save(folder, name, image, **options):
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / name, **options)


@pytest.fixture
def zoo(tmp_path):
    """Six classes of 2 to 7 plain images, the shade of a class, the red of its number, in several sizes."""
    for i, (name, shade) in enumerate(SHADES.items()):
        for j in range(2 + i):
            save(tmp_path / "zoo" / name, f"{j}.png", Image.new("RGB", (20 + j, 31 - i), (shade, 10 * j, 255 - shade)))
    return tmp_path / "zoo"


def only(tmp_path, image, name="a.png", **read):
    """What is made of one image: the two others of its class are white, those of the other class, too."""
    for other in ("mine/b.png", "mine/c.png", "other/a.png", "other/b.png"):
        save((tmp_path / other).parent, (tmp_path / other).name, Image.new("L", (4, 4), 255))
    if image is not None:
        save(tmp_path / "mine", name, image)
    return images_from_folder(tmp_path, **{"splits": ALL} | read).of_class("mine")[0]


def test_classes_of_unequal_size_in_order_and_in_color(zoo, capsys):
    data = images_from_folder(zoo, size=8, color=True, splits=ALL)
    assert data.names == list(SHADES) and data.counts.tolist() == [2, 3, 4, 5, 6, 7]
    assert data.images.shape == (27, 3, 8, 8) and data.images.dtype == torch.uint8
    for i, (name, shade) in enumerate(SHADES.items()):
        expected = torch.tensor([(shade, 10 * j, 255 - shade) for j in range(2 + i)]) / 255
        assert data.of_class(name).allclose(expected[:, :, None, None].expand(-1, 3, 8, 8))
    assert capsys.readouterr().out == (
        "zoo, 27 images of 6 classes, 8x8 color; 2 to 7 images a class; classes by split: test 6.\n"
    )


def test_gray_is_the_luma_of_the_color(zoo):
    pixels = images_from_folder(zoo, splits=ALL).of_class("eel")[3]
    assert pixels.shape == (1, 28, 28)
    assert pixels.unique().item() * 255 == pytest.approx(0.299 * 204 + 0.587 * 30 + 0.114 * 51, abs=1)


def test_episodes_of_unequal_classes_repeat_no_image(zoo):
    tasks = Episodes(images_from_folder(zoo, 4, True, splits=ALL), 6, 1, 1, "test").sample(
        500, torch.Generator().manual_seed(0)
    )
    check_tasks(tasks)
    drawn = [x[..., 0, 0].mul(255).round().long() for x in (tasks.support.x, tasks.query.x)]
    shades = torch.tensor(list(SHADES.values()))
    for pixels, labels in zip(drawn, (tasks.support.y, tasks.query.y), strict=True):
        assert pixels[..., 0].equal(shades[tasks.classes.gather(1, labels)])
    both = torch.cat([100 * pixels[..., 0] + pixels[..., 1] // 10 for pixels in drawn], 1).sort(1).values
    assert (both.diff(dim=1) > 0).all()  # 12 different images
    for place, shade in enumerate(SHADES.values()):  # every image of a class, equally often
        count = 2 + place
        numbers = torch.bincount((both[both // 100 == shade] % 100).flatten(), minlength=count).float()
        assert len(numbers) == count
        expected = 1000 / count
        assert ((numbers - expected).square() / expected).sum() < 22.5  # 6 degrees at most, p = 0.001


def test_a_class_with_too_few_images_for_an_episode_is_named(zoo):
    data = images_from_folder(zoo, splits=ALL)
    assert Episodes(data, 5, 1, 1, "test").sample(1, torch.Generator()).query.y.shape == (1, 5)
    with pytest.raises(ValueError) as caught:
        Episodes(data, 5, 1, 3, "test")
    assert str(caught.value) == (
        "1 shots and 3 queries need 4 examples of a class; 'ant' has 2, 'bee' has 3. Lower shots or queries."
    )


def test_files_that_are_no_images_are_named_and_left_out(zoo, capsys):
    whole = np.random.RandomState(0).randint(0, 256, (40, 40), np.uint8)
    save(zoo / "ant", "9.png", Image.fromarray(whole))
    content = (zoo / "ant" / "9.png").read_bytes()
    (zoo / "ant" / "9.png").write_bytes(content[: len(content) // 2])
    (zoo / "bee" / "note.txt").write_text("four bees")
    (zoo / "cat" / "none.jpg").touch()
    (zoo / "dog" / "bad.bmp").write_bytes(b"BM" + bytes(60))
    (zoo / "eel" / ".DS_Store").write_bytes(b"hidden")
    (zoo / ".ipynb_checkpoints").mkdir()
    data = images_from_folder(zoo, splits=ALL)
    assert data.counts.tolist() == [2, 3, 4, 5, 6, 7]
    warning, summary = capsys.readouterr().out.splitlines()
    assert warning.startswith("Warning: 4 files cannot be read as an image and were left out: ant/9.png (")
    assert "truncated" in warning and "cat/none.jpg (no image)" in warning and "bee/note.txt (no image)" in warning
    assert "dog/bad.bmp (" in warning and "DS_Store" not in warning
    assert summary.startswith("zoo, 27 images of 6 classes")


def test_one_that_is_left_out_and_many(zoo, capsys):
    (zoo / "ant" / "x.png").touch()
    images_from_folder(zoo, splits=ALL)
    assert capsys.readouterr().out.splitlines()[0] == (
        "Warning: 1 file cannot be read as an image and was left out: ant/x.png (no image)."
    )
    for i in range(24):
        (zoo / "bee" / f"x{i:02}.png").touch()
    images_from_folder(zoo, splits=ALL)
    assert capsys.readouterr().out.splitlines()[0].endswith("bee/x18.png (no image) and 5 more.")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (9, 9), 1), 255),
        (Image.new("L", (300, 9), 77), 77),
        (Image.new("LA", (9, 9), (0, 0)), 255),  # transparent: white, whatever is under it
        (Image.new("RGBA", (9, 9), (0, 0, 0, 51)), 204),  # a fifth of black over white
        (Image.new("I;16", (9, 9), 257 * 40), 40),
    ],
    ids=["1", "L", "LA", "RGBA", "16 bits"],
)
def test_modes(tmp_path, image, expected):
    assert only(tmp_path, image).mul(255).unique().tolist() == pytest.approx([expected], abs=1)


def test_a_palette_with_transparency_and_a_cmyk_jpeg(tmp_path):
    palette = Image.new("P", (9, 9), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    save(tmp_path / "mine", "a.png", palette, transparency=0)
    assert only(tmp_path, None, color=True)[:, 4, 4].mul(255).tolist() == pytest.approx([200, 0, 0])
    save(tmp_path / "mine", "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)))
    assert only(tmp_path, None, color=True)[:, 4, 4].mul(255).tolist() == pytest.approx([255, 0, 0], abs=3)


def test_floats_of_unknown_scale_are_left_out(tmp_path, capsys):
    only(tmp_path, Image.new("F", (9, 9), 0.5), name="a.tiff")
    assert "mine/a.tiff (values from 0.5 to 0.5; save it in 8 bits, 255 for white)" in capsys.readouterr().out


def halves(width, height):
    """Black on the left, white on the right."""
    image = Image.new("L", (width, height), 0)
    image.paste(255, (width // 2, 0, width, height))
    return image


def test_crop_keeps_the_middle_and_pad_all_of_it(tmp_path):
    image = Image.new("L", (30, 10), 255)
    image.paste(0, (10, 0, 20, 10))
    assert only(tmp_path, image, size=10, fit="crop").max() == 0
    padded = only(tmp_path, image, size=30)[0]
    black = (padded < 0.5).nonzero()
    assert black.min(0).values.tolist() == [10, 10] and black.max(0).values.tolist() == [19, 19]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("light", [False, True])
def test_a_tall_or_wide_image_keeps_its_object_on_the_paper_of_its_border(tmp_path, turned, light):
    """A square at one end, which a crop of the middle would lose: a third of 90 x 30, so 100 of 30 x 30 pixels."""
    ink, paper = ((250, 240, 230), (0, 40, 80)) if light else ((0, 40, 80), (250, 240, 230))
    image = Image.new("RGB", (90, 30), paper)
    image.paste(ink, (0, 0, 30, 30))
    image = image.rotate(90, expand=True) if turned else image
    pixels = only(tmp_path, image, size=30, color=True).permute(1, 2, 0).mul(255).round()
    near = [(pixels - torch.tensor(color, dtype=torch.float)).abs().amax(-1) < 30 for color in (ink, paper)]
    assert near[0].sum().item() == pytest.approx(100, abs=12)
    assert (near[0] | near[1]).float().mean() > 0.95  # no third color but where the two meet
    edge = torch.cat([pixels[0], pixels[-1]] if not turned else [pixels[:, 0], pixels[:, -1]])
    assert (edge == torch.tensor(paper)).all()


def test_a_border_of_two_colors_gives_one_of_them(tmp_path):
    image = halves(20, 10)
    assert set(only(tmp_path, image, size=20)[0, 0].mul(255).tolist()) <= {0.0, 255.0}


# --- transparent


def drawn(ink, around=(0, 0, 0, 0)):
    """A square of ink on transparent."""
    image = Image.new("RGBA", (40, 40), around)
    image.paste(ink, (10, 10, 30, 30))
    return image


@pytest.mark.parametrize(
    ("ink", "color", "paper"),
    [
        ((0, 0, 0, 255), False, 255),
        ((255, 255, 255, 255), False, 0),
        ((255, 255, 255, 255), True, 0),
        ((240, 240, 245, 100), False, 0),  # half transparent, and nearly white
        ((255, 255, 0, 255), True, 255),  # yellow differs from white in blue, and in gray by a tenth
        ((255, 255, 160, 255), False, 0),
        ((128, 128, 128, 255), False, 255),
    ],
)
def test_transparent_becomes_a_paper_that_the_ink_differs_from(tmp_path, capsys, ink, color, paper):
    for around in ((0, 0, 0, 0), (255, 255, 255, 0)):  # what lies under the transparent part is of no account
        pixels = only(tmp_path, drawn(ink, around), color=color, size=40).mul(255).round()
        assert pixels[:, 0, 0].tolist() == [paper] * len(pixels)
        expected = [ink[3] / 255 * c + (1 - ink[3] / 255) * paper for c in ink[:3]]
        expected = expected if color else [0.299 * expected[0] + 0.587 * expected[1] + 0.114 * expected[2]]
        assert pixels[:, 20, 20].tolist() == pytest.approx(expected, abs=2)
        said = "1 image is nearly white on transparent and put on black: mine/a.png.\n" in capsys.readouterr().out
        assert said == (paper == 0)


def test_all_of_a_folder_of_white_drawings_are_seen(tmp_path, capsys):
    for name in ("one", "two"):
        for i in range(12):
            save(tmp_path / name, f"{i:02}.png", drawn((255, 255, 255, 255)))
    data = images_from_folder(tmp_path, splits=ALL)
    assert all(data.of_class(name).amax((1, 2, 3)).eq(1).all() for name in data.names)
    assert all(data.of_class(name).amin((1, 2, 3)).eq(0).all() for name in data.names)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("24 images are nearly white on transparent and put on black: one/00.png, one/01.png")
    assert line.endswith("two/07.png and 4 more.")


def test_nothing_drawn_and_nothing_transparent_is_put_on_white(tmp_path, capsys):
    assert only(tmp_path, Image.new("RGBA", (9, 9), (0, 0, 0, 0))).unique().item() == 1
    assert only(tmp_path, Image.new("RGBA", (9, 9), (255, 255, 255, 255))).unique().item() == 1
    assert "on black" not in capsys.readouterr().out


def test_upright_as_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top of the picture is on the right of the file
    save(tmp_path / "mine", "a.jpg", halves(32, 32), exif=exif)
    pixels = only(tmp_path, None, size=16)[0]
    assert pixels[2].mean() < 0.05 and pixels[13].mean() > 0.95


def test_a_large_jpeg_gives_what_the_whole_of_it_gives(tmp_path):
    image = halves(2000, 2000).rotate(30)
    save(tmp_path / "mine", "a.jpg", image)
    expected = np.asarray(image.resize((28, 28), Image.Resampling.LANCZOS)) / 255
    assert np.abs(only(tmp_path, None)[0].numpy() - expected).mean() < 0.01


def test_inverted_and_a_remark_where_paper_is_light(tmp_path, capsys):
    dark = only(tmp_path, Image.new("L", (9, 9), 200), invert=True)
    assert dark.mul(255).unique().tolist() == pytest.approx([55])
    line = capsys.readouterr().out
    assert "28x28 gray, inverted" in line and "mostly light" not in line
    only(tmp_path, None)
    assert "They are mostly light (mean 0.96)" in capsys.readouterr().out
    only(tmp_path, None, color=True)
    assert "mostly light" not in capsys.readouterr().out


# --- splits


def test_splits_by_fractions_of_the_classes(tmp_path):
    for i in range(10):
        for j in range(2):
            save(tmp_path / f"class{i}", f"{j}.png", Image.new("L", (4, 4)))
    data, again, other = (images_from_folder(tmp_path, seed=seed) for seed in (0, 0, 1))
    assert {name: len(ids) for name, ids in data.splits.items()} == {"train": 6, "validation": 2, "test": 2}
    assert sorted(torch.cat([*data.splits.values()]).tolist()) == list(range(10))
    assert all(data.splits[name].equal(again.splits[name]) for name in data.splits)
    assert not all(data.splits[name].equal(other.splits[name]) for name in data.splits)
    part = images_from_folder(tmp_path, splits={"train": 0.5, "test": 0.3})
    assert {name: len(ids) for name, ids in part.splits.items()} == {"train": 5, "test": 3}
    protocols = [Episodes(found, 2, 1, 1).protocol for found in (data, other)]
    assert "classes 0.6/0.2/0.2, seed 0" in protocols[0] and "seed 1" in protocols[1]


def test_splits_by_names(zoo):
    data = images_from_folder(zoo, splits={"train": ["fox", "ant"], "test": ("dog", "cat", "bee")})
    assert {name: ids.tolist() for name, ids in data.splits.items()} == {"train": [0, 5], "test": [1, 2, 3]}
    assert set(Episodes(data, 2, 1, 1).sample(50, torch.Generator()).classes.flatten().tolist()) == {0, 5}
    other = images_from_folder(zoo, splits={"train": ["fox", "bee"], "test": ("dog", "cat", "ant")})
    assert Episodes(data, 2, 1, 1).protocol != Episodes(other, 2, 1, 1).protocol


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        (None, "splits=None; expected a dict, as in splits={'train': 0.6, 'test': 0.4}."),
        ({}, "splits={}; expected a dict, as in splits={'train': 0.6, 'test': 0.4}."),
        ({"test": "ant"}, "splits names 'ant' alone; expected a fraction, or a list of class names: ['ant']."),
        (
            {"train": 0.5, "test": ["ant"]},
            "splits={'train': 0.5, 'test': ['ant']} mixes fractions and lists of class names; give one kind.",
        ),
        (
            {"train": ["ant", "doge"]},
            "There is no class 'doge'; there are 6 others, such as 'dog'.",
        ),
        (
            {"train": ["ant", "bee"], "test": ["cat", "bee"]},
            "The class 'bee' is in split 'train' and again in 'test'; expected every class once, or the test leaks.",
        ),
        (
            {"train": 0.8, "test": 0.4},
            "The fractions of splits={'train': 0.8, 'test': 0.4} add up to 1.2; expected at most 1.",
        ),
        (
            {"train": 0.5, "test": -0.5},
            "splits['test']=-0.5; expected a number between 0 and inf, both excluded. Change splits['test'].",
        ),
        (
            {"train": 0.8, "test": 0.2},
            "The split 'test' gets 1 of 6 classes; an episode needs at least 2. Change splits: splits={'train': 0.6, "
            "'test': 0.4} gives 4 and 2.",
        ),
        (
            {"train": ["ant", "bee"], "test": ["cat"]},
            "The split 'test' gets 1 of 6 classes; an episode needs at least 2. Name more classes for it.",
        ),
    ],
)
def test_splits_that_do_not_fit(zoo, splits, says):
    with pytest.raises(ValueError) as caught:
        images_from_folder(zoo, splits=splits)
    assert str(caught.value) == says


def of_classes(folder, count):
    for i in range(count):
        for j in range(2):
            save(folder / f"class{i:02}", f"{j}.png", Image.new("L", (4, 4)))
    return folder


def advised(error):
    """The splits that a message advises, and the sizes that it promises."""
    found = re.search(r"splits=(\{.*?\})(?: gives (\d+) and (\d+))?", str(error.value))
    return ast.literal_eval(found[1]), [int(n) for n in found.groups()[1:] if n]


@pytest.mark.parametrize("count", range(2, 9))
def test_the_splits_that_are_advised_for_few_classes_leave_some_to_train_on(tmp_path, count):
    """Up to 8 classes the default leaves a split with one; from 4 on there is one for training and one for test."""
    folder = of_classes(tmp_path, count)
    with pytest.raises(ValueError, match=r"an episode needs at least 2\. Change splits: ") as caught:
        images_from_folder(folder)
    splits, promised = advised(caught)
    data = images_from_folder(folder, splits=splits)
    assert list(data.splits) == (["train", "test"] if count >= 4 else ["test"])
    if count >= 4:
        assert [len(ids) for ids in data.splits.values()] == promised
    else:
        assert "take 4 or more" in str(caught.value)


@pytest.mark.parametrize("count", range(9, 13))
def test_few_classes_for_the_ways_of_a_test_are_split_otherwise(tmp_path, count):
    """With 9 to 12 the default leaves two for validation or test; nobody is sent to test on what was trained on."""
    data = images_from_folder(of_classes(tmp_path, count))
    with pytest.raises(
        ValueError, match=rf"^3-way .* has 2\. Lower ways, or split the {count} classes other"
    ) as caught:
        Episodes(data, ways=3, shots=1, queries=1, split="test")
    assert "split='train'" not in str(caught.value)
    splits, promised = advised(caught)
    data = images_from_folder(tmp_path, splits=splits)
    assert [len(ids) for ids in data.splits.values()] == promised
    for split in ("train", "test"):
        Episodes(data, ways=3, shots=1, queries=1, split=split)
    with pytest.raises(ValueError, match=rf"for training and others for test take 14 or more; .* keeps all {count} "):
        Episodes(data, ways=7, shots=1, queries=1, split="test")


@pytest.mark.parametrize(("count", "splits"), [(13, None), (12, (0.6, 0.4)), (7, (0.6, 0.4)), (6, (0.5, 0.5))])
def test_the_numbers_of_classes_that_the_documents_say_suffice_for_3_ways(tmp_path, count, splits):
    given = {} if splits is None else {"splits": dict(zip(("train", "test"), splits, strict=True))}
    data = images_from_folder(of_classes(tmp_path, count), **given)
    for split in ("train", "test"):
        assert Episodes(data, ways=3, shots=1, queries=1, split=split).ways == 3


# --- refused


def test_a_class_with_one_image_is_named(zoo, capsys):
    (zoo / "ant" / "0.png").write_bytes(b"broken")
    (zoo / "gnu").mkdir()
    with pytest.raises(ValueError) as caught:
        images_from_folder(zoo)
    assert str(caught.value) == (
        "At least 2 images a class are needed, one to learn from and one to be asked about; too few in 'ant' (1), "
        "'gnu' (0). Add images, or take these classes away."
    )
    assert capsys.readouterr().out.startswith("Warning: 1 file cannot be read as an image")


def test_folders_of_another_form(tmp_path, zoo):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist; expected a folder that holds a sub-folder"):
        images_from_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"0\.png is a file; expected a folder"):
        images_from_folder(zoo / "ant" / "0.png")
    with pytest.raises(ValueError, match="ant holds 0 sub-folders and 2 files; expected at least 2 sub-folders"):
        images_from_folder(zoo / "ant")
    for name in ("train", "test"):
        (tmp_path / "high" / name / "ant").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"hold no files.* Is the folder one level too high\? Try 'test' in it\."):
        images_from_folder(tmp_path / "high")


def test_other_arguments(zoo):
    with pytest.raises(ValueError, match="size=0; expected at least 1, a whole number"):
        images_from_folder(zoo, size=0)
    with pytest.raises(ValueError, match="fit='stretch' is unknown; choose one of 'pad', 'crop'"):
        images_from_folder(zoo, fit="stretch")
    with pytest.raises(ValueError, match="seed=-1"):
        images_from_folder(zoo, seed=-1)


def test_embedded_gives_features(zoo):
    data = images_from_folder(zoo, 4, splits=ALL)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    tasks, plain = (
        Episodes(d, 3, 1, 1, "test").sample(5, torch.Generator().manual_seed(0)) for d in (data.embedded(encoder), data)
    )
    assert tasks.query.x.shape == (5, 3, 3)
    assert tasks.query.x.allclose(encoder(plain.query.x.flatten(0, 1)).unflatten(0, (5, 3)), atol=1e-6)
