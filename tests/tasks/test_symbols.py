"""The learner's own symbols: shipped ones, saved ones, and strokes that become images."""

import numpy as np
import pytest
import torch

from metalearn_course.tasks import Episodes, my_symbols
from metalearn_course.tasks.symbols import save_symbols, strokes_to_image


def five(drawings=3, value=200):
    images = np.zeros((5, drawings, 28, 28), np.uint8)
    images[:, :, 5:20, 10:12] = value
    return images


def test_shipped_symbols_give_episodes(tmp_path):
    symbols = my_symbols(tmp_path)
    assert symbols.source == "shipped symbols"
    assert symbols.images.shape[0] == 5
    assert symbols.images.shape[1] >= 4
    episodes = Episodes(symbols, ways=5, shots=1, queries=2, split="test")
    task = episodes.sample(3, torch.Generator().manual_seed(0))
    assert task.query.x.shape == (3, 10, 1, 28, 28)
    assert episodes.protocol == "5-way 1-shot, 2 queries a class, shipped symbols, test split"


def test_ones_own_symbols_come_back(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path / "mine"))
    path = save_symbols(five())
    assert path == tmp_path / "mine" / "symbols.npz"
    symbols = my_symbols()
    assert symbols.source == "my symbols"
    np.testing.assert_array_equal(symbols.images.numpy(), five())
    save_symbols(torch.from_numpy(five(4)))
    assert my_symbols().images.shape[1] == 4
    assert [p.name for p in path.parent.iterdir()] == ["symbols.npz"]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (five()[:4], "There are 4 symbols; expected 5"),
        (five(1), "There is 1 drawing of each symbol; expected at least 2"),
        (five().astype(np.float32), "Symbols are float32"),
        (five()[..., :20], r"shape \(5, 3, 28, 20\)"),
        (five() * (np.arange(5) != 3)[:, None, None, None].astype(np.uint8), "Drawing 1 of symbol 4 is blank"),
    ],
)
def test_unusable_symbols_are_named_and_the_old_ones_kept(tmp_path, images, says):
    save_symbols(five(), tmp_path)
    with pytest.raises(ValueError, match=says) as caught:
        save_symbols(images, tmp_path)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(my_symbols(tmp_path).images.numpy(), five())


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "symbols.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"symbols.npz holds no symbols .* draw your symbols again"):
        my_symbols(tmp_path)


def test_a_vertical_stroke_is_as_wide_as_omniglots():
    """Median over the 20 drawings of Latin I, T and l at 28 x 28: 1.44 pixels."""
    image = strokes_to_image([[(0.5, 0.1), (0.52, 0.9)]])
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    width = np.median(image[8:20].sum(1) / 255)
    assert width == pytest.approx(1.44, abs=0.12)
    assert image[:, :10].max() == 0
    assert image.max() == 255


def test_strokes_stand_where_they_were_drawn_and_dots_show():
    image = strokes_to_image([[(0.25, 0.75)]])
    y, x = np.unravel_index(image.argmax(), image.shape)
    assert abs(x - 6.5) <= 1
    assert abs(y - 20.5) <= 1
    assert strokes_to_image([]).max() == 0
    assert strokes_to_image([[(-3.0, 0.5), (4.0, 0.5)]])[:, 0].max() > 200
    turned = strokes_to_image([[(0.1, 0.5), (0.9, 0.5)]])
    assert (turned[12:16].max(0) > 0).sum() > 20


def test_a_folder_that_is_not_there_is_named_and_not_replaced_by_shipped_symbols(tmp_path):
    with pytest.raises(ValueError, match=r"^home='.*nothing' is no folder\. Give the one that symbols were drawn in"):
        my_symbols(tmp_path / "nothing")
