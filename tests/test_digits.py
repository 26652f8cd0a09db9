"""Pictures of every kind, and the edges of what they may be: prepared as MNIST was, or refused in words."""

import io
import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageOps
from test_predict import ONE, PNG, drawing, encoded, png_of_zeros

from mnist_s6 import digits
from mnist_s6.digits import (
    _floats, _grey_images, _open_image, _picture_pixels, _to_grey, as_pixels, centre_of_mass, check_range, grey_image, grey_pictures,
    ink_box, is_prepared, photo_of, prepare_digit, prepare_image, prepare_images, prepare_steps,
)
from mnist_s6.files import check_file, read_idx, unpack_data
from mnist_s6.ink import digit_components, grown_ink, ink_on_black, otsu_threshold, shrunk, stroke_width, with_stroke
from mnist_s6.predict import predict

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
from drawings import Condition, draw  # noqa: E402

RAW = unpack_data(Path(__file__).resolve().parent.parent / "data")
IMAGES = read_idx(RAW / "t10k-images-idx3-ubyte")  # (10000, 28, 28)
PIXELS = IMAGES / 255
TRAIN = read_idx(RAW / "train-images-idx3-ubyte")[:2]
SEVEN = photo_of(IMAGES[0])  # (160, 160, 3)
NAN = math.nan


# ----------------------------------------------------------- numbers and shapes


def test_a_range_without_numbers_or_of_any_shape_is_fine() -> None:
    check_range(torch.zeros(0))
    check_range(torch.rand(2, 3, 4))
    check_range(torch.tensor([0.0, 65_535]), 65_535)


@pytest.mark.parametrize("bad", [torch.tensor([0.0, NAN]), torch.full((28, 28), NAN), -PIXELS[0], torch.full((5, 5), torch.inf), PIXELS[0] * 255])
def test_other_numbers_are_refused_in_one_wording(bad: torch.Tensor) -> None:
    """By each function that takes an image."""
    for take in check_range, as_pixels, _grey_images, prepare_digit, prepare_image, lambda pixels: prepare_images(pixels[None]), grey_pictures, predict:
        if bad.ndim == 1 and take not in (check_range, as_pixels):
            continue
        with pytest.raises(ValueError, match=r"values from .* to .*; expected 0 \(black\) to 1 \(white\). Divide bytes by 255; undo a normalisation"):
            take(bad)


def test_16_bits_are_checked_by_their_own_white() -> None:
    with pytest.raises(ValueError, match=r"expected 0 \(black\) to 65,535 \(white\)"):
        check_range(torch.tensor([70_000.0]), 65_535)


def test_numbers_of_every_kind() -> None:
    assert torch.equal(as_pixels(np.array([[0, 65_535]], dtype=">u2")), torch.tensor([[0.0, 1.0]]))  # the largest part first
    assert torch.equal(as_pixels(torch.tensor([[True, False]])), torch.tensor([[1.0, 0.0]]))
    assert as_pixels(PIXELS[0].double()).dtype == torch.float32
    assert as_pixels(IMAGES[0]).dtype == torch.uint8 and torch.equal(_floats(PIXELS[0]), PIXELS[0])


BAD_KINDS = [IMAGES[0].long(), IMAGES[0].numpy().astype("int32"), PIXELS[0] * 1j, np.array([[None]]), np.array([["a"]]), IMAGES[0].to_sparse(),
             IMAGES[0].tolist(), PIXELS[0].to("meta"), IMAGES[0].numpy().astype("longdouble")]


@pytest.mark.parametrize("bad", BAD_KINDS, ids=lambda bad: str(getattr(bad, "dtype", "list")))
def test_numbers_of_other_kinds_are_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="image is of type .*; expected a plain array or tensor of uint8"):
        as_pixels(bad)


@pytest.mark.parametrize("bad, said", [
    (IMAGES[0].long(), 'Tensor torch.int64; .* Use image.to(torch.uint8)'),
    (IMAGES[0].to_sparse(), 'torch.sparse_coo, on cpu; .* Use image.to_dense()'), (PIXELS[0].to("meta"), "on meta; .* Use another device than meta"),
    (IMAGES[0].numpy().astype("int32"), 'ndarray int32; .* Use np.asarray(image, "uint8")'), (IMAGES[0].tolist(), 'list; .* Use np.asarray(image, "uint8")'),
])
def test_how_to_convert_fits_what_was_given(bad: object, said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("(", r"\(").replace(")", r"\)")):
        as_pixels(bad)


@pytest.mark.parametrize("bad", [IMAGES[:2], torch.zeros(0, 28), torch.zeros(28)])
def test_the_steps_take_one_grey_image(bad: torch.Tensor) -> None:
    for take in grey_image, prepare_digit, prepare_steps, prepare_image:
        with pytest.raises(ValueError, match=r"image has shape .*; expected \(H, W\), H and W at least 1"):
            take(bad)


@pytest.mark.parametrize(("shape", "grey_shape", "many"), [
    ((9, 8), (1, 9, 8), False), ((9, 8, 3), (1, 9, 8), False), ((9, 8, 1), (1, 9, 8), False), ((3, 9, 8), (3, 9, 8), True),
    ((5, 1, 9, 8), (5, 9, 8), True), ((5, 9, 8, 4), (5, 9, 8), True), ((0, 9, 8), (0, 9, 8), True),
])
def test_what_a_shape_means(shape: tuple[int, ...], grey_shape: tuple[int, ...], many: bool) -> None:
    grey, found_many = _grey_images(torch.rand(shape))
    assert (tuple(grey.shape), found_many) == (grey_shape, many)


@pytest.mark.parametrize("bad", [(9,), (), (5, 7, 9, 8), (1, 1, 1, 9, 8), (5, 3, 9, 3)])
def test_other_shapes_are_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as caught:
        _grey_images(torch.rand(bad))
    assert f"images have shape {bad}; expected (H, W)" in str(caught.value) and "(784,) or (N, 784)" in str(caught.value)


@pytest.mark.parametrize("bad", [(0, 5), (5, 0), (2, 0, 9), (0, 5, 3)])
def test_images_without_pixels_are_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is 0; expected a whole number from 1 to 50,000,000"):
        _grey_images(torch.rand(bad))


def test_colours_become_luminance_over_white() -> None:
    colour, weights = torch.rand(28, 30, 3), torch.tensor([0.299, 0.587, 0.114])
    assert torch.allclose(_grey_images(colour)[0][0], colour @ weights, atol=1e-6)
    assert torch.allclose(_to_grey(torch.ones(2, 2, 3)), torch.ones(2, 2))  # white stays white
    assert torch.equal(_grey_images(torch.tensor([[[0.0, 0.0], [0.0, 1.0]]]))[0], torch.tensor([[[1.0, 0.0]]]))  # see-through black is white


# ------------------------------------------------------------ the steps of MNIST


def test_without_ink_the_box_is_the_image_and_the_centre_its_middle() -> None:
    assert ink_box(torch.zeros(4, 6)) == (0, 0, 4, 6)
    assert centre_of_mass(torch.zeros(4, 6)) == (1.5, 2.5)


def test_preparing_twice_is_preparing_once() -> None:
    """Of any drawing at all."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        height, width, dots = (torch.randint(1, n, (), generator=generator).item() for n in (300, 300, 9))
        sheet = torch.zeros(height, width)
        sheet.view(-1)[torch.randint(height * width, (dots,), generator=generator)] = torch.rand(dots, generator=generator)
        once = prepare_digit(sheet)
        assert torch.equal(prepare_digit(once), once)


def test_only_what_was_cut_off_changes() -> None:
    changed = [i for i, image in enumerate(IMAGES) if not torch.equal(prepare_digit(image), PIXELS[i])]
    assert changed == [4530, 9300, 9302]


def test_each_switch_does_what_it_says() -> None:
    large = torch.zeros(200, 280)
    large[20:104, 10:94] = F.interpolate(TRAIN[0][None, None] / 255, scale_factor=3)[0, 0]

    def shapes(**switches: bool) -> list[tuple[int, ...]]:
        return [tuple(step.shape) for step in prepare_steps(large, **switches)][1:3]

    assert shapes() == [(60, 60), (20, 20)]
    assert shapes(crop=False) == [(200, 280), (14, 20)]
    assert shapes(scale=False) == [(60, 60), (6, 6)]  # 28/280 of it
    assert shapes(crop=False, scale=False) == [(200, 280), (20, 28)]
    assert ink_box(prepare_digit(TRAIN[1], centre=False))[::2] == (4, 24)  # 20 rows, 4 black ones above and below
    moved = torch.roll(TRAIN[1], 3, 0)
    assert torch.equal(prepare_digit(moved, False, False, False), moved / 255)  # all off: 28×28 pixels stay as they are


def test_empty_dots_and_lines() -> None:
    assert torch.equal(prepare_digit(torch.zeros(280, 280)), torch.zeros(28, 28))
    dot = torch.zeros(280, 280)
    dot[3, 5] = 1
    assert prepare_digit(dot).sum() == 20 * 20
    assert 35 < prepare_digit(torch.ones(3000, 1)).sum() < 50  # a hair-thin 1 becomes as wide as MNIST's
    bar = prepare_digit(torch.ones(7, 280))
    assert torch.equal(prepare_digit(bar), bar) and bar.max() == 1  # rounding doesn't lift it above 1


# ----------------------------------------------------------------- ink and paper


def test_a_threshold_in_a_gap_is_in_its_middle() -> None:
    assert otsu_threshold(torch.tensor([0.0, 0.0, 1.0])) == 0.5


@pytest.mark.parametrize("empty", [torch.zeros(28, 28), torch.ones(50, 20), torch.full((1, 1), 0.5)])
def test_no_ink_is_told(empty: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="no ink"):
        ink_on_black(empty)


def test_faint_ink_and_specks_are_told() -> None:
    faint = torch.full((40, 40), 0.5)
    faint[10:30, 20] = 0.55
    with pytest.raises(ValueError, match="nothing stands out from its background by 10% or more, as on a blank sheet"):
        ink_on_black(faint)
    speck = 0.9 + 0.02 * torch.rand(40, 40, generator=torch.Generator().manual_seed(0))
    speck[20, 20] = 0
    with pytest.raises(ValueError, match="the only marks are specks"):
        ink_on_black(speck)


def test_large_images_are_shrunk_first() -> None:
    large = torch.zeros(2000, 1000)
    large[500:1500, 450:550] = 1
    assert ink_on_black(large).shape == (560, 280)


@pytest.mark.parametrize("kind", [torch.half, torch.double, torch.uint16, np.float32])
def test_large_images_may_be_of_any_kind_but_not_of_any_range(kind: object) -> None:
    large = F.interpolate(PIXELS[:1, None], (600, 600))[0, 0]
    given = large.numpy() if kind is np.float32 else (65535 * large).to(kind) if kind is torch.uint16 else large.to(kind)
    assert (prepare_image(given) - prepare_image(large)).abs().max() < 0.01
    with pytest.raises(ValueError, match="image has values from 0 to 255; expected 0 .black. to 1"):
        prepare_image(255 * large)


def test_ink_spreads_as_by_a_square() -> None:
    ink = torch.rand(30, 20, generator=torch.Generator().manual_seed(0)) > 0.95
    assert torch.equal(grown_ink(ink, 2), F.max_pool2d(ink[None, None].float(), 5, 1, 2)[0, 0])


# --------------------------------------------------------------------- in place


def test_in_place_means_as_long_as_mnists() -> None:
    assert is_prepared(PIXELS).all()
    half = F.interpolate(PIXELS[:100, None], (14, 14), mode="area")[:, 0]
    assert not is_prepared(F.pad(half, (7, 7, 7, 7))).any()  # half as large


def test_a_list_is_prepared_like_a_stack() -> None:
    mixed = torch.stack([PIXELS[0], 1 - PIXELS[1], PIXELS[2].roll(3, 0)])
    assert torch.equal(prepare_images(list(mixed)), prepare_images(mixed))
    assert prepare_images([]).shape == (0, 28, 28)
    assert torch.equal(prepare_images([IMAGES[0], SEVEN @ torch.tensor([0.299, 0.587, 0.114])])[0], PIXELS[0])


def test_preparing_leaves_what_was_given() -> None:
    given = PIXELS[:3].clone()
    prepare_images(given).fill_(5)
    assert torch.equal(given, PIXELS[:3])


def test_the_message_names_the_image_or_not() -> None:
    images = torch.stack([PIXELS[0], torch.zeros(28, 28)])
    for first, start in (0, "image 1: no ink"), (2000, "image 2001: no ink"), (None, "no ink"):
        with pytest.raises(ValueError, match=f"^{start}"):
            prepare_images(images, first)


# ------------------------------------------------------------- files and Pillow


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_every_mode_of_pillow_is_grey(mode: str) -> None:
    picture = Image.fromarray((255 * SEVEN).byte().numpy())
    grey = SEVEN @ torch.tensor([0.299, 0.587, 0.114])
    assert (_picture_pixels(picture.convert(mode))[0] / 255 - grey).abs().mean() < 0.05  # P has fewer colours


def test_an_open_file_is_one_picture(tmp_path: Path) -> None:
    """Whatever its size, and in a list, too; a text, or a file of something else, is refused."""
    (tmp_path / "a.png").write_bytes(PNG)
    with open(tmp_path / "a.png", "rb") as opened:
        assert predict(opened) == predict(io.BytesIO(PNG)) == predict([io.BytesIO(PNG)])[0] == predict(tmp_path / "a.png")
    for size in (784, 5), (3, 60), (1, 1):
        greys, many = grey_pictures(io.BytesIO(encoded(Image.new("L", size))))
        assert (greys.shape, many) == ((1, *size[::-1]), False)
    with pytest.raises(ValueError, match=r"'the file' is no image that can be read \(cannot identify image file\). Expected a whole PNG"):
        predict(io.BytesIO(b"no image"))
    with pytest.raises(TypeError, match="images is of type StringIO; expected a path, an open file of bytes, a Pillow image"):
        predict(io.StringIO("no image"))


def test_files_of_any_kind_may_be_open(tmp_path: Path) -> None:
    """Without a buffer, for a while only, as web servers keep what is sent to them, or with nothing but `read` and the like."""
    (tmp_path / "a.png").write_bytes(PNG)
    with open(tmp_path / "a.png", "rb", buffering=0) as bare, tempfile.NamedTemporaryFile() as named, tempfile.SpooledTemporaryFile() as kept:
        for file in named, kept:
            file.write(PNG)
            file.seek(0)
        assert predict(bare) == predict(named) == predict(kept) == predict(io.BytesIO(PNG))


def test_what_is_no_file_and_no_image(tmp_path: Path) -> None:
    for take in check_file, lambda path: _open_image(path, "name"), predict:
        with pytest.raises(OSError, match="No such file"):
            take(tmp_path / "none.png")
        with pytest.raises(ValueError, match="is no ordinary file but a folder; expected a file"):
            take(tmp_path)
        with pytest.raises(ValueError, match="null"):
            take("a\0b.png")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no ordinary file but a pipe or device"):
        check_file(tmp_path / "pipe")
    with pytest.raises(ValueError) as caught:
        _open_image(io.BytesIO(b"no image"), "text")
    assert str(caught.value).startswith("'text' is no image that can be read (cannot identify image file). Expected a whole PNG")


def test_a_picture_that_is_opened_but_cut_short_is_told() -> None:
    with pytest.raises(ValueError, match="'the picture' is no image that can be read"):
        grey_pictures(Image.open(io.BytesIO(PNG[:-200])))


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize(("pixels", "told"), [(255 * SEVEN[..., 0].numpy(), r"to 255; expected 0 \(black\) to 1 \(white\)"), (np.full((9, 9), 70_000, "int32"), "to 7e.04; expected 0")])
def test_a_picture_with_numbers_out_of_range_is_told_of_them_alone(pixels: np.ndarray, told: str, opened: bool, tmp_path: Path) -> None:
    """It can be read, and so can its file."""
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=f"^image has values from .* {told}"):
        grey_pictures(picture if opened else tmp_path / "a.tif")


def test_in_a_list_each_must_be_one_image() -> None:
    with pytest.raises(ValueError, match="image 0: there are 2 images in it; in a list, each must be one"):
        grey_pictures([IMAGES[:2]])
    with pytest.raises(TypeError, match="image 1: image 0: images is of type int; expected a path"):
        grey_pictures([IMAGES[0], [1, 2]])
    with pytest.raises(ValueError, match="image 1: there are 2 images in it"):
        grey_pictures([IMAGES[0], [IMAGES[1], IMAGES[2]]])


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_grey_image_is_prepared_or_has_no_ink(pixels: np.ndarray) -> None:
    try:
        prepared = prepare_image(torch.from_numpy(pixels) / 255)
    except ValueError as error:
        assert "no ink" in str(error)
        return
    assert prepared.shape == (28, 28) and 0 <= prepared.min() and prepared.max() <= 1 and prepared.any()
    top, left, bottom, right = ink_box(prepared)
    assert max(bottom - top, right - left) <= 20
    again = prepare_digit(prepared)
    assert torch.equal(again, prepared) or is_prepared(prepared[None]).item()


@given(hnp.arrays(np.uint8, (9, 8), elements=st.integers(0, 255)))
def test_ink_is_found_on_exact_black(pixels: np.ndarray) -> None:
    try:
        found = ink_on_black(torch.from_numpy(pixels) / 255)
    except ValueError:
        return
    assert found.shape == (9, 8) and found.max() == 1 and found.min() >= 0


@given(st.binary(min_size=1, max_size=30), st.integers(0, len(PNG) - 1))
def test_a_png_with_any_bytes_overwritten_is_read_or_refused(rubbish: bytes, place: int) -> None:
    content = PNG[:place] + rubbish + PNG[place + len(rubbish) :]
    try:
        assert _open_image(io.BytesIO(content), "x").ndim == 2
    except ValueError as error:
        assert "'x' is no image that can be read" in str(error)


def test_a_picture_that_lies_is_turned_up_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its right side
    ONE.rotate(90).save(tmp_path / "a.jpg", exif=exif)
    assert predict(tmp_path / "a.jpg").digit == 1
    pixels = _open_image(tmp_path / "a.jpg", "a")
    assert (pixels / 255 - torch.from_numpy(drawing() / 255)).abs().mean() < 0.02


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    """The size in its head is enough."""
    (tmp_path / "bomb.png").write_bytes(png_of_zeros(9_000, 9_000, 10))  # only ten rows: reading it would be another error
    with pytest.raises(ValueError, match="9000 rows × 9000 columns, is 81000000; expected a whole number from 1 to 50,000,000"):
        predict(tmp_path / "bomb.png")


def test_thin_pieces_keep_their_distance() -> None:
    """Two lines far apart, as of a digit whose bar hangs free, don't move together when they are widened."""
    digit = torch.zeros(100, 60)
    digit[0] = digit[-1] = 1
    scaled = with_stroke(digit)
    assert max(scaled.shape) == 20 and scaled[8:12].max() == 0


# ------------------------------------------------------- what the world brings

PLAIN = Condition()


@pytest.mark.parametrize("condition", [
    PLAIN._replace(stroke=2, height=0.8), PLAIN._replace(stroke=36, height=0.8), PLAIN._replace(light="slope", height=0.3),
    PLAIN._replace(light="vignette 50", height=0.3), PLAIN._replace(light="shadow", height=0.8), PLAIN._replace(grain=16),
    PLAIN._replace(light="vignette 15", height=0.1, stroke=2, ink=50, paper=130, side=600), PLAIN._replace(rim="ltrb0"),
    PLAIN._replace(rim="lb0"), PLAIN._replace(rim="ltrb255"), PLAIN._replace(box="field", height=0.5),
    PLAIN._replace(box="cell"), PLAIN._replace(box="squared"), PLAIN._replace(ink=255, paper=0), PLAIN._replace(ink=150),
], ids=str)
def test_drawings_are_read(condition: Condition) -> None:
    """Nine of ten digits at least, under each condition."""
    right = [predict(draw(digit, "round", condition, 1)).digit == digit for digit in range(10)]
    assert sum(right) >= 9


def ruled(lines: str, gap: int) -> list[torch.Tensor]:
    """The ten digits, each with dark lines beside it: at the left, top, right or bottom, from edge to edge where the letter is large."""
    pictures = []
    for digit in range(10):
        sheet = draw(digit, "round", PLAIN._replace(height=0.45), 2)
        ink = (sheet < 120).nonzero()
        (top, left), (bottom, right) = (ink.amin(0) - gap).tolist(), (ink.amax(0) + gap).tolist()
        sides = {"l": (slice(top, bottom), slice(left, left + 3)), "r": (slice(top, bottom), slice(right - 3, right)),
                 "t": (slice(top, top + 3), slice(left, right)), "b": (slice(bottom - 3, bottom), slice(left, right))}
        for line in lines:
            rows, columns = sides[line.lower()]
            whole = slice(None)
            sheet[(rows, columns) if line.islower() else (rows, whole) if line in "TB" else (whole, columns)] = 40
        pictures.append(sheet)
    return pictures


@pytest.mark.parametrize("gap", [12, 20])
@pytest.mark.parametrize("lines", ["b", "tb", "lb", "lt", "ltb", "lbr", "B", "L", "LTRB"])
def test_ruled_lines_are_left_out(lines: str, gap: int) -> None:
    """Boxes without some of their sides, underlines, margins and tables: nine of ten digits at least."""
    if gap == 12 and lines in ("b", "tb", "B", "L"):
        pytest.skip("a line must keep a distance, unless it goes up beside the digit")
    assert sum(predict(sheet).digit == digit for digit, sheet in enumerate(ruled(lines, gap))) >= 9


@pytest.mark.parametrize("strokes", [
    [[(100, 60), (100, 240)]], [[(80, 60), (200, 60), (200, 240)]],  # a 1 and a printed 7, which are lines as well
    [[(95, 60), (205, 60)], [(90, 72), (88, 140), (150, 130), (195, 175), (170, 225), (90, 230)]],  # the bar of a 5 that hangs free
], ids=["1", "7", "5"])
def test_straight_strokes_of_a_digit_are_kept(strokes: list[list[tuple[int, int]]]) -> None:
    """Whatever stands alone, or doesn't reach beyond the rest at both ends, with a distance."""
    picture = Image.new("L", (300, 300), "white")
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, fill=0, width=10, joint="curve")
    ink = torch.from_numpy(np.array(picture)) < 128
    assert torch.equal(digit_components(ink), ink)


def test_a_line_of_two_pixels_is_as_bright_and_as_wide_as_mnists() -> None:
    picture = Image.new("L", (300, 300), "white")
    ImageDraw.Draw(picture).line([(80, 60), (220, 60), (140, 250)], fill=0, width=2)
    prepared = prepare_images(grey_pictures(picture)[0])[0]
    assert prepared.max() > 0.99 and 1.5 < stroke_width(prepared) < 3
    assert predict(picture).digit == 7


def _blank(kind: str) -> torch.Tensor:
    """A sheet without a digit, (300, 300) in bytes."""
    sheet = torch.full((300, 300), 200.0)
    if kind == "grain":
        sheet += 8 * torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    elif kind == "rim":
        sheet[:6] = sheet[-6:] = sheet[:, :6] = sheet[:, -6:] = 0
    elif kind == "box":
        sheet[80:220, 90:200] = 30
        sheet[83:217, 93:197] = 200
    elif kind == "slope":
        sheet -= torch.linspace(0, 60, 300)
    else:
        sheet[100 : 100 + int(kind), 120 : 120 + int(kind)] = 30
    return sheet.clamp(0, 255).byte()


@pytest.mark.parametrize("kind", ["grain", "rim", "box", "slope", "1", "3", "6", "15"])
def test_a_sheet_without_a_digit_is_told(kind: str) -> None:
    """Also with a speck of so many pixels."""
    for sheet in _blank(kind), 255 - _blank(kind):
        why = {"slope": "nothing stands out", "grain": "(nothing stands out|the only marks are specks, grain)"}.get(kind, "the only marks are specks")
        with pytest.raises(ValueError, match=f"^no ink that could be a digit: {why}"):
            predict(sheet)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
def test_a_blank_sheet_is_told_so(level: float) -> None:
    """Of any grey, also with a mark that is hardly seen."""
    sheet = torch.full((100, 100), level)
    sheet[30:70, 40:45] *= 0.92
    for blank in torch.full((28, 28), level), sheet:
        with pytest.raises(ValueError, match="^no ink that could be a digit: nothing stands out from its background"):
            predict(blank)


def test_few_bits_are_stretched() -> None:
    """12 bits in a file for 16, and 0 to 16 in bytes, dark on light and light on dark."""
    for ink, paper in (0, 255), (255, 0):
        drawn = draw(7, "round", PLAIN._replace(ink=ink, paper=paper))
        assert predict(drawn.numpy().astype("uint16") * 16).digit == 7
        assert predict(drawn // 16).digit == 7
    digits = predict(IMAGES[:50]).digits
    assert torch.equal(predict(IMAGES[:50] // 16).digits, digits)


def test_rows_of_784_numbers_are_images() -> None:
    assert torch.equal(grey_pictures(IMAGES[:10].flatten(1))[0], IMAGES[:10])
    assert torch.equal(grey_pictures(IMAGES[:10].flatten(1).numpy())[0], IMAGES[:10])
    assert grey_pictures(IMAGES[0].flatten())[1] is False
    assert grey_pictures(torch.zeros(784, 784))[0].shape == (1, 784, 784)


def test_large_bytes_are_shrunk_like_floats() -> None:
    for shape in (900, 701), (3, 2000), (2000, 3):
        image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        assert shrunk(image).shape == shrunk(image / 255).shape and max(shrunk(image).shape) == 560


def test_images_are_looked_at_where_they_are() -> None:
    """Whatever PyTorch's default device is, and also while notes are taken for learning."""
    images = torch.zeros(2, 28, 28)
    images[0, 4:24, 13:15] = 1
    with torch.device("meta"):
        assert digits.is_prepared(images).tolist() == [True, False]
    assert digits.is_prepared(images.requires_grad_()).tolist() == [True, False]


@pytest.mark.parametrize("precision", [torch.float, torch.double])
@pytest.mark.parametrize("middle", [13, 15])
def test_a_centre_on_the_limit_is_in_place(middle: int, precision: torch.dtype) -> None:
    """Rounding decides nothing, so that an image alone is taken as among others."""
    half = torch.randint(1, 256, (500, 10, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = torch.zeros(500, 28, 28, dtype=torch.uint8)
    images[:, middle - 9 : middle + 10, 12:17] = torch.cat([half, half[:, :-1].flip(1)], 1)  # 19 rows, as bright above as below
    images[:, middle - 9 : middle + 10, 14] = 255
    images[..., 15:17] = images[..., 12:14].flip(2)
    pixels = images.to(precision) / 255
    assert is_prepared(pixels).all() and all(is_prepared(image[None]).item() for image in pixels)
    assert not is_prepared(pixels.roll(1 if middle == 15 else -1, 1)).any()


@pytest.mark.parametrize("turned", [0, 8])
@pytest.mark.parametrize("table", [0, 60])
def test_a_sheet_on_a_dark_table_is_paper(turned: int, table: int) -> None:
    """Also when it lies askew; it is no ring of ink."""
    sheet, mask = (it.rotate(turned, expand=True) for it in (drawing_on_paper(), Image.new("L", (300, 300), 255)))
    photo = Image.new("L", (480, 440), table)
    photo.paste(sheet, (70, 50), mask)
    assert predict(photo).digit == 7


def drawing_on_paper() -> Image.Image:
    """A 7 of a broad pen on light paper, 300×300."""
    paper = Image.new("L", (300, 300), 240)
    ImageDraw.Draw(paper).line([(90, 70), (210, 70), (140, 240)], fill=30, width=16, joint="curve")
    return paper


@pytest.mark.parametrize(("inset", "width"), [(0, 4), (6, 6), (10, 14), (14, 8), (30, 6)])
def test_a_frame_near_the_edge_makes_no_black_paper(inset: int, width: int) -> None:
    paper = drawing_on_paper()
    ImageDraw.Draw(paper).rectangle((inset, inset, 299 - inset, 299 - inset), outline=30, width=width)
    assert predict(paper).digit == predict(ImageOps.invert(paper)).digit == 7


def test_a_threshold_of_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="grey has values from 0 to 255; expected 0 to 1. Divide bytes by 255"):
        otsu_threshold(torch.tensor([0, 255], dtype=torch.uint8))


def test_a_thick_digit_that_fills_its_small_picture_is_no_sheet() -> None:
    """Light on dark, as MNIST's with strokes drawn thicker."""
    picture = Image.new("L", (60, 60))
    draw = ImageDraw.Draw(picture)
    draw.line([(30, 4), (17, 30), (17, 43)], fill=255, width=17)
    draw.ellipse((9, 21, 51, 53), fill=255)
    assert np.asarray(picture).mean() > 0.3 * 255
    assert predict(picture).probability > 0.3  # a sheet without ink would be told
