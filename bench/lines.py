"""Lines of digits, drawn: by the hands of drawings.py, or with MNIST's own training digits, in a row on paper."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from drawings import HANDS, _pixels, _written
from mnist_s6.files import data_folder, read_idx, unpack_data
from mnist_s6.numbers import read_number
from PIL import Image, ImageDraw

@dataclass(frozen=True)
class Style:
    """How a line is written and photographed; lengths in parts of the digits' height."""

    height: int = 90  # Of a digit, in pixels
    pen: tuple[float, float] = (0.06, 0.14)  # Width, from and to
    gap: tuple[float, float] = (0.12, 0.5)  # Between the ink of neighbours, from and to; below 0 they touch
    size: float = 0.1  # A digit is up to so much smaller or larger
    slant: float = 0.2  # Up to so far to the right or left, for each step up
    slope: float = 0.0  # The line descends or ascends by up to so much for each step to the right
    wobble: float = 0.05  # Each digit stands up to so much higher or lower
    light: float = 0.0  # The paper's brightness falls by so much from side to side
    grain: float = 0.0  # Standard deviation of noise, where white is 1
    dark: bool = False  # Light ink on dark
    boxed: bool = False  # Each digit in a box of its own
    marks: str = ""  # Dots, dashes or slashes between some digits
    paper: tuple[int, int] = (0, 0)  # The picture is at least so many rows and columns


def written(digit: int, style: Style, chance: random.Random, hand: str, pen: float, slant: float) -> Image.Image:
    """One digit in white on black, cut to its ink, from strokes that shake a little."""
    height = 2 * style.height * (1 + chance.uniform(-style.size, style.size))
    side, width = int(3 * height), max(1, round(2 * pen * style.height))
    picture = Image.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    for stroke in _written(digit, hand, False, chance):
        points = [(height * (1 + x + slant * (1 - y)), height * (1 + y)) for x, y in stroke]
        draw.line(points, fill=255, width=width, joint="curve")
        for x, y in points:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    picture = picture.resize((side // 2, side // 2), Image.Resampling.BOX)
    return picture.crop(picture.getbbox())


def copied(digit: int, style: Style, chance: random.Random, images: torch.Tensor, labels: torch.Tensor) -> Image.Image:
    """One of MNIST's digits in white on black, cut to its ink, as high as the style says."""
    place = chance.choice((labels == digit).nonzero()[:, 0].tolist())
    picture = Image.fromarray(images[place].numpy()).resize((224, 224), Image.Resampling.BICUBIC)
    picture = picture.crop(picture.point(lambda v: 255 * (v > 100)).getbbox())
    height = round(style.height * (1 + chance.uniform(-style.size, style.size)))
    return picture.resize((max(1, round(picture.width * height / picture.height)), height), Image.Resampling.LANCZOS)


def gap_between(left: torch.Tensor, right: torch.Tensor) -> int:
    """The fewest empty columns in any row between two pieces of the same height that stand side by side."""
    reach = torch.arange(left.shape[1]) + 1
    ends = ((left > 90) * reach).amax(1)  # (h,), 0 without ink
    far = right.shape[1]
    starts = far - ((right > 90) * (far - torch.arange(far))).amax(1)  # (h,), far without ink
    spread = 6  # rows: two slanted strokes are near each other before they share a row
    ends = torch.nn.functional.max_pool1d(ends[None].float(), 2 * spread + 1, 1, spread)[0]
    starts = -torch.nn.functional.max_pool1d(-starts[None].float(), 2 * spread + 1, 1, spread)[0]
    near = (ends > 0) & (starts < far)
    return int((left.shape[1] - ends + starts)[near].min().item()) if near.any() else 0


def row_of(pieces: list[Image.Image], style: Style, chance: random.Random, text: str) -> tuple[torch.Tensor, list[tuple[int, int, int, int]]]:
    """Pieces side by side, white on black, with the gaps of the style, and where each stands: top, left, bottom, right."""
    unit, slope = style.height, chance.uniform(-style.slope, style.slope)
    rows, total = int(unit * (3 + 1.5 * style.slope * len(pieces))), sum(piece.width for piece in pieces) + int(unit * (len(pieces) + 2))
    canvas, boxes, left, before = torch.zeros(rows, total), [], unit, None
    for piece, sign in zip(pieces, text, strict=True):
        middle = rows / 2 + slope * (left - total / 2) + unit * chance.uniform(-style.wobble, style.wobble)
        top = round(middle + unit / 2 - piece.height)
        top = {".": top, "-": round(middle - piece.height / 2), "/": round(middle - piece.height / 2)}.get(sign, top)
        top = min(max(top, 0), rows - piece.height)
        layer = torch.zeros(rows, piece.width)
        layer[top : top + piece.height] = _pixels(piece)
        if before is not None:
            left -= 0 if style.boxed else min(gap_between(before, layer), unit // 2)
            left += round(unit * chance.uniform(*style.gap))
        canvas[:, left : left + piece.width] = torch.maximum(canvas[:, left : left + piece.width], layer)
        boxes.append((top, left, top + piece.height, left + piece.width))
        left += piece.width
        before = canvas[:, max(0, left - unit) : left]
    return canvas / 255, boxes


def mark(sign: str, style: Style, pen: float, slant: float) -> Image.Image:
    """A dot, a dash or a slash in white on black; a slash leans more than the digits do."""
    unit, width = style.height, max(2, round(pen * style.height))
    if sign == "/":
        height = int(1.45 * unit)
        across = max(0.15, slant + 0.37) * height
        picture = Image.new("L", (int(across) + 2 * width, height))
        ImageDraw.Draw(picture).line([(width, height), (across + width, 0)], fill=255, width=width)
        return picture.crop(picture.getbbox())
    return Image.new("L", (width + 1, width + 1) if sign == "." else (int(0.35 * unit), width), 255)


def photographed(ink: torch.Tensor, style: Style, chance: random.Random) -> torch.Tensor:
    """Ink (H, W), 1 where it is full, on paper with light and grain; (H, W), 0 to 1."""
    rows, columns = (max(side, least) for side, least in zip(ink.shape, style.paper, strict=True))
    top, left = chance.randint(0, rows - ink.shape[0]), chance.randint(0, columns - ink.shape[1])
    page = torch.zeros(rows, columns)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    paper = chance.uniform(0.75, 0.95) - style.light * torch.linspace(0, 1, columns) * 0.8
    dark = chance.uniform(0.05, 0.25)
    seen = paper * (1 - page) + dark * page
    if style.dark:
        seen = 1 - seen
    noise = torch.randn(rows, columns, generator=torch.Generator().manual_seed(chance.randrange(2**31)))
    return (seen + style.grain * noise).clamp(0, 1)


def draw_line(
    digits: str,
    style: Style = Style(),
    seed: int = 0,
    mnist: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> tuple[torch.Tensor, str]:
    """A picture of a line, (H, W) from 0 to 1, and its text with its marks; from strokes, or from MNIST's images and labels."""
    chance = random.Random(f"{seed} {digits}")
    hand, pen, slant = chance.choice(list(HANDS)), chance.uniform(*style.pen), chance.uniform(-style.slant, style.slant)
    text = digits[0] + "".join((chance.choice(style.marks) if style.marks and chance.random() < 0.4 else "") + digit for digit in digits[1:])
    pieces = [
        mark(sign, style, pen, slant) if not sign.isdigit() else copied(int(sign), style, chance, *mnist) if mnist else written(int(sign), style, chance, hand, pen, slant)
        for sign in text
    ]
    ink, boxes = row_of(pieces, style, chance, text)
    last = boxes[-1][3]
    ink = ink[:, : last + style.height]
    if style.boxed:
        frame = Image.new("L", (ink.shape[1], ink.shape[0]))
        draw, width = ImageDraw.Draw(frame), max(1, round(0.03 * style.height))
        top, bottom = min(box[0] for box in boxes) - 0.2 * style.height, max(box[2] for box in boxes) + 0.2 * style.height
        for _, left, _, right in boxes:
            draw.rectangle((left - 0.16 * style.height, top, right + 0.16 * style.height, bottom), outline=180, width=width)
        ink = torch.maximum(ink, _pixels(frame) / 255)
    rows = ink.amax(1).nonzero()[:, 0]
    margin = int(style.height * chance.uniform(0.3, 0.9))
    ink = ink[max(0, int(rows[0]) - margin) : int(rows[-1]) + margin]
    return photographed(ink, style, chance), text



APART = {
    "plain": Style(),
    "thin pen": Style(pen=(0.03, 0.045)),
    "thick pen": Style(pen=(0.15, 0.18)),
    "rising or falling": Style(slope=0.25),
    "large and small": Style(size=0.3),
    "close together": Style(gap=(0.07, 0.15)),
    "uneven light": Style(light=0.3, grain=0.02),
    "light on dark, grainy": Style(dark=True, grain=0.04),
    "small, 24 pixels high": Style(height=24),
    "on a large sheet": Style(height=70, paper=(1200, 1600)),
    "in boxes": Style(boxed=True, gap=(0.45, 0.7)),
    "with dots and dashes": Style(gap=(0.2, 0.5), marks=".-"),
    "with slashes": Style(gap=(0.2, 0.5), marks="/"),
}
TOUCHING = {"a little": Style(gap=(-0.03, 0)), "clearly": Style(gap=(-0.12, -0.04))}
KINDS = "right", "refused", "wrong"


def outcome(picture: torch.Tensor, digits: str) -> str:
    """What becomes of a line: one of KINDS."""
    try:
        found = read_number(picture).digits
    except ValueError:
        return "refused"
    return "right" if found == digits else "refused" if "?" in found else "wrong"


def counted(outcomes: Iterable[str]) -> dict[str, int]:
    """How many of each kind."""
    found = Counter(outcomes)
    return {kind: found[kind] for kind in KINDS}


def outcomes(style: Style, lengths: Iterable[int], times: int, seed: int, mnist: tuple[torch.Tensor, torch.Tensor] | None = None) -> list[tuple[int, str]]:
    """The length and the outcome of lines of a style, of any digits."""
    found = []
    for turn in range(times):
        for length in lengths:
            digits = "".join(random.Random(f"{seed} {turn} {length}").choices("0123456789", k=length))
            found.append((length, outcome(draw_line(digits, style, 1000 * seed + turn, mnist)[0], digits)))
    return found


def measure_lines(times: int = 5, seed: int = 0) -> dict:
    """How many lines of 2 to 10 digits are read from end to end, by condition and by length; and those that touch."""
    folder = unpack_data(data_folder())
    mnist = read_idx(folder / "train-images-idx3-ubyte")[55000:], read_idx(folder / "train-labels-idx1-ubyte")[55000:]
    found: dict[str, list[tuple[int, str]]] = {}
    for i, (name, style) in enumerate(APART.items()):
        found[name] = outcomes(style, range(2, 11), times, 100 * seed + i)
        print(f"  {name}: {counted(kind for _, kind in found[name])}", flush=True)
    found["MNIST's digits"] = outcomes(Style(), range(2, 11), times, 100 * seed + len(APART), mnist)
    touching = {f"{name}, {whose}": outcomes(style, (2,), 10 * times, seed, images)
                for name, style in TOUCHING.items() for whose, images in (("drawn", None), ("MNIST's", mnist))}
    every = [result for results in found.values() for result in results]
    return {
        "figure": 100 * counted(kind for _, kind in every)["right"] / len(every),
        "conditions": {name: counted(kind for _, kind in results) for name, results in found.items()},
        "lengths": {length: counted(kind for other, kind in every if other == length) for length in range(2, 11)},
        "touching": {name: counted(kind for _, kind in results) for name, results in touching.items()},
        "megapixels_12_seconds": seconds_of_a_photo(),
    }


def seconds_of_a_photo() -> float:
    """How long a line on a sheet of 12 megapixels takes, the quickest of five times."""
    photo = draw_line("1234567890", Style(height=150, grain=0.02, paper=(3000, 4000)))[0].mul(255).byte()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert read_number(photo).digits == "1234567890"
        seconds.append(time.perf_counter() - start)
    return min(seconds)
