"""Lines of digits: pieces, frames, signs, several lines, and marks that may be no digit."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from lines import Style, draw_line  # noqa: E402

from mnist_s6.commands import start_predict  # noqa: E402
from mnist_s6.numbers import Box, Number, component_boxes, connected_components, ink_runs, read_number  # noqa: E402


def flooded(ink: torch.Tensor) -> torch.Tensor:
    """Components by flood fill."""
    labels, count = torch.zeros(ink.shape, dtype=torch.long), 0
    for start in ink.nonzero().tolist():
        waiting, count = [tuple(start)], count + (labels[tuple(start)] == 0).item()
        while waiting:
            row, column = waiting.pop()
            if 0 <= row < ink.shape[0] and 0 <= column < ink.shape[1] and ink[row, column] and not labels[row, column]:
                labels[row, column] = count
                waiting += [(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return labels


def pasted(*lines: tuple[torch.Tensor, int, int], size: tuple[int, int]) -> torch.Tensor:
    """Pictures put down on white paper at a row and a column."""
    sheet = torch.ones(size)
    for picture, row, column in lines:
        place = sheet[row : row + picture.shape[0], column : column + picture.shape[1]]
        place.copy_(torch.minimum(place, picture))
    return sheet


def digits_of(text: str, height: int = 60, seed: int = 3) -> torch.Tensor:
    """A line in black on white, in digits of one size, with a margin of 12 pixels."""
    style = Style(height=height, size=0, slant=0, wobble=0, pen=(0.09, 0.1), gap=(0.45, 0.5))
    picture = draw_line(text, style, seed)[0]
    picture = (picture / picture.max()).clamp(0, 1)
    picture = picture[(picture < 1).any(1)][:, (picture < 1).any(0)]
    return F.pad(picture, (12, 12, 12, 12), value=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 10**6))
def test_components_are_those_of_flood_fill(rows: int, columns: int, share: float, seed: int) -> None:
    """On any ink: the same numbers in the same order, and boxes that just hold them."""
    ink = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) < share
    labels = connected_components(ink)
    assert torch.equal(labels, flooded(ink))
    assert ink_runs(ink)[:, 2].sub(ink_runs(ink)[:, 1]).sum() == ink.sum()
    for number, box in enumerate(component_boxes(labels), 1):
        inside = labels[box.top : box.bottom, box.left : box.right] == number
        assert inside.sum() == (labels == number).sum()
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_a_spiral_and_a_comb_are_one_component() -> None:
    """Ink that meets only at its far end, and teeth that meet in the last row."""
    comb = torch.zeros(9, 31, dtype=torch.bool)
    comb[:, ::2], comb[-1] = True, True
    assert connected_components(comb).max() == 1
    assert connected_components(torch.zeros(4, 5, dtype=torch.bool)).max() == 0
    assert component_boxes(torch.zeros(4, 5, dtype=torch.long)) == []


@pytest.mark.parametrize("kind", ["tensor", "bytes", "array", "pillow", "file", "colour", "negative"])
def test_any_picture_is_taken(kind: str, tmp_path: Path) -> None:
    """The same number from each form of a picture."""
    line = digits_of("2046")
    pillow = Image.fromarray((255 * line).byte().numpy())
    pillow.save(tmp_path / "line.png")
    forms = {"tensor": line, "bytes": (255 * line).byte(), "array": line.numpy(), "pillow": pillow, "file": tmp_path / "line.png",
             "colour": pillow.convert("RGB"), "negative": 1 - line}
    found = read_number(forms[kind])
    assert found.digits == "2046" and not any(found.doubts) and 0 < found.probability <= 1
    assert len(found.boxes) == len(found.predictions) == 4


def test_boxes_are_in_the_pixels_of_the_picture() -> None:
    """On a large sheet, which is shrunk before anything is looked for; each box holds its digit's ink and no other."""
    line = digits_of("507", height=70)
    sheet = pasted((line, 900, 1300), size=(1500, 2400))
    found = read_number(sheet)
    assert found.digits == "507"
    exact = sorted(component_boxes(connected_components(sheet < 0.5)), key=lambda box: box.left)
    for box, true in zip(found.boxes, exact, strict=True):
        assert max(abs(a - b) for a, b in zip(box, true, strict=True)) <= 4


def test_a_single_digit_is_a_number_too() -> None:
    """Of one digit."""
    assert read_number(digits_of("8")).digits == "8"


def test_the_model_that_is_given_is_asked() -> None:
    """One that says 3 to everything."""

    class Three(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return 9 * F.one_hot(torch.full((len(images),), 3), 10).float()

    assert read_number(digits_of("507"), Three()).digits == "333"


def test_a_network_that_is_not_sure_gives_a_question_mark() -> None:
    """All scores alike: a probability of a tenth, a text that is no number, and a reason for each digit."""

    class Torn(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(images), 10)

    found = read_number(digits_of("50"), Torn())
    assert found.digits == "??" and all("network" in doubt for doubt in found.doubts)
    assert found.probability == pytest.approx(0.01)
    assert str(found).count("digit") == 2
    with pytest.raises(ValueError, match="invalid literal"):
        int(found.digits)


@pytest.mark.parametrize("gap", [2, 6])
def test_the_bar_of_a_5_belongs_to_it(gap: int) -> None:
    """Also where it doesn't reach the rest."""
    five = Image.new("L", (140, 120), 255)
    draw = ImageDraw.Draw(five)
    draw.line([(40, 20), (38, 52), (58, 48), (76, 62), (74, 84), (52, 98), (34, 90)], fill=0, width=8, joint="curve")
    draw.line([(44 + gap, 17), (84, 17)], fill=0, width=8)
    picture = torch.from_numpy(np.array(five)).float() / 255
    assert connected_components(picture < 0.5).max() == 2
    line = torch.cat([picture, picture], 1)
    assert read_number(line).digits == "55"


def test_a_broken_stroke_is_joined() -> None:
    """A thin pen that skipped twice in the middle digit, all across it."""
    line = digits_of("707", height=100)
    box = read_number(line).boxes[1]
    middle = (box.top + box.bottom) // 2
    line[middle - 1 : middle + 2, box.left : box.right] = 1
    found = read_number(line)
    assert len(found.boxes) == 3 and found.digits == "707"


def test_cells_of_a_form_are_ignored() -> None:
    """Separate cells, one of them empty."""
    sheet = torch.ones(150, 460)
    for cell, text in enumerate(["4", "", "2", "9"]):
        left = 10 + 112 * cell
        sheet[10:140, left : left + 100] = 0
        sheet[13:137, left + 3 : left + 97] = 1
        if text:
            digit = digits_of(text, height=70)
            sheet[20 : 20 + digit.shape[0], left + 6 : left + 6 + digit.shape[1]] = digit
    found = read_number(sheet)
    assert found.digits == "429"


@pytest.mark.parametrize(("marks", "signs"), [(".", "."), ("-", "-"), ("/", "/")])
def test_signs_of_a_date_are_ignored_and_told(marks: str, signs: str) -> None:
    """Dots, dashes and high slashes; each has a box among those that were ignored, but for dots that count as dust."""
    style = Style(height=80, size=0.05, gap=(0.25, 0.4), marks=marks)
    for seed in range(20):
        picture, text = draw_line("26112046", style, seed)
        if text.count(signs) >= 2:
            found = read_number(picture)
            assert found.digits == "26112046" and (signs == "." or len(found.ignored) == text.count(signs))
            return
    raise AssertionError("no line with two signs was drawn")


def test_a_stroke_that_is_a_slash_or_a_1_is_told() -> None:
    """Straight, leaning, between digits, and a little higher than they are."""
    picture = pasted((digits_of("8", height=80), 0, 0), (digits_of("6", height=80), 0, 170), size=(120, 330))
    ink = component_boxes(connected_components(picture < 0.5))
    page = Image.fromarray((255 * picture).byte().numpy())
    middle, top, bottom = (ink[0].right + ink[1].left) // 2, min(box.top for box in ink), max(box.bottom for box in ink)
    ImageDraw.Draw(page).line([(middle - 22, bottom + 3), (middle + 22, top - 3)], fill=0, width=8)
    found = read_number(page)
    assert found.digits == "8?6" and "slash" in found.doubts[1]


def test_specks_and_an_underline_change_nothing() -> None:
    """Dust on the paper, and a line under the number."""
    line = digits_of("380", height=80)
    dice = random.Random(0)
    for _ in range(12):
        row, column = dice.randrange(line.shape[0] - 3), dice.randrange(line.shape[1] - 3)
        line[row : row + 3, column : column + 3] = 0
    line[-4:-1, 10:-10] = 0
    assert read_number(line).digits == "380"


@pytest.mark.parametrize("second", [(150, 0), (150, 110)])
def test_several_lines_are_refused(second: tuple[int, int]) -> None:
    """One below the other, also where the second begins further right."""
    sheet = pasted((digits_of("404"), 0, 0), (digits_of("17"), *second), size=(330, 420))
    with pytest.raises(ValueError, match="one line"):
        read_number(sheet)


@pytest.mark.parametrize("slope", [-0.3, 0.3])
def test_a_line_may_rise_or_fall(slope: float) -> None:
    """Digits upright, the line slanted."""
    pieces = [(digits_of(digit), round(150 + slope * 90 * i), 110 * i) for i, digit in enumerate("40628")]
    assert read_number(pasted(*pieces, size=(450, 650))).digits == "40628"


def test_slanted_digits_that_overlap_in_columns_stay_apart() -> None:
    """Italics, close together."""
    style = Style(height=80, size=0, slant=0, wobble=0, pen=(0.08, 0.081), gap=(0.12, 0.13))
    line, _ = draw_line("48064", style, 1)
    page = Image.fromarray((255 * line).byte().numpy())
    wide = Image.new("L", (page.width + 80, page.height), int(255 * line[0, 0]))
    wide.paste(page, (60, 0))
    italic = wide.transform(wide.size, Image.Transform.AFFINE, (1, 0.35, -20, 0, 1, 0), Image.Resampling.BICUBIC, fillcolor=int(255 * line[0, 0]))
    assert len(read_number(italic).boxes) == 5


def test_what_is_no_number_is_refused() -> None:
    """Nothing, a mess, and several pictures."""
    with pytest.raises(ValueError, match="no ink"):
        read_number(torch.ones(60, 200))
    with pytest.raises(ValueError, match="there are 2 pictures; expected one"):
        read_number([digits_of("1"), digits_of("2")])
    mess = torch.ones(300, 520)
    for row in range(8, 290, 18):
        for column in range(8, 510, 18):
            mess[row : row + 8, column : column + 5] = 0
    with pytest.raises(ValueError, match="number of pieces of ink|no ink that could be"):
        read_number(mess)


def test_one_picture_may_be_a_list_or_a_batch_of_one() -> None:
    """As ToTensor gives it."""
    one = digits_of("1")
    assert read_number([one]).digits == read_number(one[None]).digits == read_number(one).digits


def test_the_strongest_ink_need_not_be_exactly_1() -> None:
    """By rounding it was 0.99999988 here; there is no digit in this one, but that is not what was said."""
    torch.manual_seed(220)
    with pytest.raises(ValueError, match="number of pieces of ink"):
        read_number(F.interpolate(torch.rand(1, 1, 42, 1), (300, 9), mode="bilinear")[0, 0])


@pytest.mark.parametrize("style", [Style(gap=(-0.12, -0.04)), Style(gap=(-0.12, -0.04), pen=(0.05, 0.06))])
def test_touching_digits_are_rarely_guessed(style: Style) -> None:
    """Of 40 pairs that overlap, at most a fifth comes back as a number other than the one that was written."""
    wrong = 0
    for seed in range(40):
        digits = f"{random.Random(seed).randrange(100):02}"
        found = read_number(draw_line(digits, style, seed)[0]).digits
        wrong += "?" not in found and found != digits
    assert wrong <= 8


def test_the_picture_shows_every_box() -> None:
    """A frame for each digit and for what is ignored; red where there is a doubt; a title and a sentence."""
    found = read_number(digits_of("46"))
    doubtful = Number(found.predictions, found.boxes, ("", "is a riddle"), (Box(1, 2, 5, 9),), found.picture)
    axes = doubtful.plot().axes[0]
    assert [line.get_color() for line in axes.lines] == ["tab:orange", "tab:blue", "tab:red"]
    assert axes.get_title().startswith("4?") and axes.get_xlabel() and axes.get_ylabel()
    assert doubtful.plot()._supxlabel.get_text().endswith(".")


def test_a_photo_of_twelve_megapixels() -> None:
    """A line that is small in a large photo is looked at twice."""
    photo = (255 * draw_line("1234567890", Style(height=150, paper=(3000, 4000)))[0]).byte()
    assert read_number(photo).digits == "1234567890"


def test_the_command_reads_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table or JSON; a number in doubt is refused in one line that says where."""
    good, doubtful = tmp_path / "good.png", tmp_path / "doubtful.png"
    Image.fromarray((255 * digits_of("2046")).byte().numpy()).save(good)
    Image.fromarray((255 * draw_line("42", Style(gap=(-0.1, -0.05)), 2)[0]).byte().numpy()).save(doubtful)
    assert start_predict(["--digits", "many", str(good), str(doubtful)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["digits", "probability", "file"] and out.splitlines()[1].split()[0] == "2046"
    assert len(out.splitlines()) == 2 and len(err.splitlines()) == 1
    assert "doubtful.png: in doubt: Number('?'" in err and "columns" in err
    assert start_predict(["--digits", "many", "--json", str(good)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["digits"] == "2046" and len(answer["boxes"]) == len(answer["probabilities"]) == 4
    assert [len(box) for box in answer["boxes"]] == [4] * 4
    with pytest.raises(SystemExit):
        start_predict(["--digits", "some", str(good)])


@pytest.mark.parametrize("length", range(2, 11))
def test_a_line_of_any_length_is_read(length: int) -> None:
    """On a strip that holds little but the line: the paper goes on at its edges, and no stroke there becomes a light."""
    digits = "8237281546"[:length]
    assert [read_number(draw_line(digits, Style(), seed)[0]).digits for seed in range(3)] == [digits] * 3


def side_by_side(digits: str, strengths: tuple[float, ...]) -> torch.Tensor:
    """Digits on white paper, each of so much black."""
    pieces = [(1 - strength * (1 - digits_of(digit)), 10, 10 + 80 * place) for place, (digit, strength) in enumerate(zip(digits, strengths))]
    return pasted(*pieces, size=(110, 20 + 80 * len(strengths)))


@pytest.mark.parametrize("strengths", [(1, 0.6), (0.6, 1), (1, 0.35), (1, *[0.35] * 4), (0.4, 1, 0.4, 1), (0.9, 0.3, 0.9, 0.3)])
def test_a_paler_digit_is_not_lost(strengths: tuple[float, ...]) -> None:
    """Written with less pressure, or with another pen."""
    assert read_number(side_by_side("35482", strengths)).digits == "35482"[: len(strengths)]


def test_what_shines_through_from_the_back_is_no_digit() -> None:
    front, back = (side_by_side(digits, (strength,) * 4) for digits, strength in (("3804", 0.9), ("6175", 0.15)))
    assert read_number((front + back.roll(40, 1) - 1).clamp(0, 1)).digits == "3804"


def test_a_solid_block_is_ignored() -> None:
    sheet = torch.cat([side_by_side("38", (0.9, 0.9)), torch.ones(110, 60), side_by_side("4", (0.9,))], 1)
    sheet[22:84, 182:232] = 0.1
    found = read_number(sheet)
    assert found.digits == "384" and len(found.ignored) == 1
    with pytest.raises(ValueError, match="number of pieces of ink in the line is 0; expected"):
        read_number(F.pad(torch.full((62, 50), 0.1), (80, 80, 60, 60), value=1))


def test_no_digit_of_a_line_is_lost() -> None:
    """At the left or right edge, where a shadow ends, and on a large sheet: as many as there are."""
    line = side_by_side("2463", (0.9,) * 4)   # (110, 340)
    columns = (line < 0.5).any(0).nonzero()
    shaded = line.clone()
    shaded[:, :150] *= 0.5
    sheet = torch.ones(1200, 1600)
    sheet[500:575, 600:832] = F.interpolate(line[None, None], (75, 232), mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    for picture in line[:, : columns.max() + 1], line[:, columns.min() :], shaded, sheet:
        assert read_number(picture).digits == "2463"


@pytest.mark.parametrize("turned", [0, 6])
def test_a_sheet_on_a_dark_table(turned: int) -> None:
    """Its line is read; a sheet without one holds none."""
    table = Image.new("L", (700, 420), 40)
    for text in "2463", "":
        ink = side_by_side(text, (0.9,) * 4) if text else torch.ones(110, 340)
        sheet = Image.fromarray((245 * F.pad(ink, (90, 90, 80, 80), value=1)).byte().numpy())
        sheet, mask = (it.rotate(turned, expand=True) for it in (sheet, Image.new("L", sheet.size, 255)))
        photo = table.copy()
        photo.paste(sheet, (60, 60), mask)
        if text:
            assert read_number(photo).digits == text
        else:
            with pytest.raises(ValueError, match="no ink"):
                read_number(photo)


def test_a_frame_without_digits_is_no_number() -> None:
    frames = torch.ones(200, 500)
    for left in 40, 180, 320:
        for row in 60, 140:
            frames[row : row + 3, left : left + 120] = 0.1
        for column in left, left + 117:
            frames[60:143, column : column + 3] = 0.1
    with pytest.raises(ValueError, match="no ink|no digit is in the line"):
        read_number(frames)
