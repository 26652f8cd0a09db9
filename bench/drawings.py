"""Digits that the course draws itself, under many conditions: how many of them does a network read?

`python bench/drawings.py [SEEDS]` measures the network that is shipped and writes results/pictures.json. Everything is seeded:
the same call draws the same pictures.
"""

import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from machine import HERE, machine
from mnist_s6.datasets import MEAN, STD
from mnist_s6.digits import prepare_image
from mnist_s6.model import evaluating
from mnist_s6.weights import pretrained
from PIL import Image, ImageDraw
from torch import nn

#: Each hand's form of each digit, in strokes: points x,y in hundredths of the height, y downwards. A stroke that begins
#: with ~ is a smooth curve through its points, the others are straight from point to point.
HANDS = {
    "round": [
        "~30,0 8,15 0,50 8,85 30,100 52,85 60,50 52,15 30,0", "30,0 30,100",
        "~2,22 12,5 32,0 52,10 54,30 36,58 0,100; 0,100 58,100",
        "~4,12 24,0 48,8 52,27 42,42 20,47; ~20,47 46,52 58,72 46,93 22,100 0,90",
        "42,0 0,66 62,66; 44,36 44,100",
        "52,0 10,0 5,44; ~5,44 28,36 50,46 58,70 46,92 22,100 0,90",
        "~48,4 24,20 6,50 2,76 14,96 32,100 50,90 54,72 42,56 24,54 6,66",
        "0,0 58,0; ~58,0 40,32 26,66 20,100",
        "~52,14 34,0 12,8 8,26 26,44 48,60 54,80 40,98 20,99 4,86 8,66 30,46 48,28 52,14",
        "~52,22 38,2 16,2 2,20 6,42 24,52 42,46 52,22; ~52,22 51,60 44,100",
    ],
    "narrow": [
        "~24,0 6,20 0,55 8,90 22,100 38,88 46,50 40,14 24,0", "36,0 12,100",
        "~0,18 18,0 40,6 42,28 22,66 4,98; ~4,98 24,92 52,100",
        "0,2 46,2 18,40; ~18,40 42,46 50,68 38,94 16,100 0,88",
        "14,0 6,52 56,52; 40,22 36,100",
        "~6,2 30,3 52,0; 8,2 4,42; ~4,42 24,38 46,50 50,72 36,95 14,100 0,94",
        "~34,0 12,26 0,62 4,90 20,100 38,92 44,72 34,58 16,60 3,78",
        "~0,4 26,6 50,0; 50,0 16,100",
        "~24,0 8,10 8,30 24,44 40,62 44,84 24,100 4,84 8,62 26,44 40,28 38,8 24,0",
        "~44,6 20,2 4,18 6,40 22,48 40,36 46,8; 46,8 34,100",
    ],
    "wide": [
        "~40,2 14,12 0,44 10,84 36,100 66,88 78,50 66,12 40,2 30,6", "4,14 22,0 22,100",
        "~4,20 24,0 54,6 56,34 34,64 8,92 6,98 24,90 40,96 66,98",
        "~2,16 28,0 58,10 54,32 30,46 24,46; ~24,46 56,50 68,74 48,98 16,98 0,82",
        "26,0 0,60 70,56; 54,30 50,100",
        "62,0 16,4 12,40; ~12,40 40,34 66,50 64,80 40,100 10,98 0,86",
        "~58,0 30,14 8,42 0,74 14,98 42,100 60,82 54,62 30,58 6,76",
        "~0,10 6,4 38,4 68,0 62,14 40,44 30,72 28,100",
        "~62,10 36,0 14,8 12,26 36,42 62,58 66,80 44,98 18,96 4,80 14,60 42,44 60,26 62,10",
        "~58,14 36,0 10,8 2,28 14,46 38,44 56,24; ~58,14 60,50 50,82 26,100 8,94",
    ],
}
#: Forms that American schools don't teach, and that are rare in MNIST: a hooked 1, a barred 7, an open 4, a 9 with a foot
EUROPEAN = {1: "0,36 34,0 34,100", 4: "24,0 0,60 56,60; 36,40 36,100", 7: "0,0 56,0; ~56,0 38,40 22,100; 12,50 52,50",
            9: "~48,20 30,2 8,10 4,32 20,46 42,38 48,20; ~48,20 50,60 40,92 20,100 2,92"}


class Condition(NamedTuple):
    """How a digit is drawn. Lengths are in pixels of a picture that is 300 pixels high, whatever its size."""

    stroke: float = 8  # Width
    height: float = 0.6  # Share of the picture's
    light: str = "even"  # Or one of LIGHTS
    grain: float = 0  # Deviation, where white is 255
    rim: str = ""  # Sides with a rim, as in 'ltrb', and its grey, as in 'lb0'
    box: str = ""  # A form's 'field' around the digit, a 'cell' at the edges, or paper that is 'ruled' or 'squared'
    ink: int = 40
    paper: int = 200
    side: int = 300  # Height and width of the picture in pixels
    european: bool = False  # The forms of EUROPEAN, for the digits that have one
    blur: float = 0.6  # Radius, of the pen's edge and the lens


def _waves(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The soft folds of a sheet that doesn't lie flat."""
    return 0.88 + 0.12 * torch.cos(5 * x + 3 * y)


#: The share of the light that reaches a place, x and y from 0 to 1
LIGHTS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "even": lambda x, y: torch.ones_like(x + y),
    "slope": lambda x, y: 1 - 0.3 * x + 0 * y,  # 200 to 140
    "slant": lambda x, y: 1 - 0.45 * (x + y) / 2,  # 200 to 110 from corner to corner
    "vignette 15": lambda x, y: 1 - 0.15 * 2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    "vignette 50": lambda x, y: 1 - 0.5 * 2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    "shadow": lambda x, y: 1 - 0.35 * torch.sigmoid(((x + 0.4 * y) - 0.75) * 25),  # of a hand, with a soft edge
    "folds": _waves,
}


def _strokes(text: str) -> list[list[tuple[float, float]]]:
    """The points of each stroke; curves are Catmull-Rom splines with 12 points a piece."""
    strokes = []
    for stroke in text.split(";"):
        points = [tuple(float(v) / 100 for v in point.split(",")) for point in stroke.strip().lstrip("~").split()]
        strokes.append(_spline(points) if stroke.strip().startswith("~") else points)
    return strokes


def _spline(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A smooth curve through all points (Catmull and Rom 1974)."""
    ends = [points[-2], *points, points[1]] if points[0] == points[-1] else [points[0], *points, points[-1]]
    curve = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:]):
        for t in (i / 12 for i in range(12)):
            curve.append(tuple(0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)
                               for p, q, r, s in zip(a, b, c, d)))
    return [*curve, points[-1]]


def _written(digit: int, hand: str, european: bool, dice: random.Random) -> list[list[tuple[float, float]]]:
    """A digit's strokes as someone wrote them once: slanted, stretched and turned a little; from 0 to 1 in height."""
    form = EUROPEAN.get(digit, HANDS[hand][digit]) if european else HANDS[hand][digit]
    slant, stretch, turn, unrest = dice.uniform(-0.2, 0.2), dice.uniform(0.85, 1.2), dice.uniform(-0.1, 0.1), 0.012
    strokes = []
    for stroke in _strokes(form):
        wave = [(dice.uniform(-unrest, unrest), dice.uniform(0, 6.3)) for _ in range(4)]
        points = []
        for x, y in stroke:
            x, y = x * stretch + slant * (0.5 - y), y
            x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
            points.append((x + sum(a * math.sin(9 * y + p) for a, p in wave[:2]), y + sum(a * math.sin(9 * x + p) for a, p in wave[2:])))
        strokes.append(points)
    xs, ys = zip(*(point for stroke in strokes for point in stroke))
    return [[((x - min(xs)) / (max(ys) - min(ys)), (y - min(ys)) / (max(ys) - min(ys))) for x, y in stroke] for stroke in strokes]


def _inked(lines: list[tuple[list[tuple[float, float]], float]], side: int) -> torch.Tensor:  # (side, side), 0 to 1
    """How much of each pixel is covered by lines, given by points and width in pixels, with round ends."""
    times = 4 if side <= 300 else 2
    sheet = Image.new("L", (side * times, side * times))
    pen = ImageDraw.Draw(sheet)
    for points, width in lines:
        radius = max(0.5, width * times / 2)
        points = [(x * times, y * times) for x, y in points]
        pen.line(points, fill=255, width=max(1, round(2 * radius)))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return _pixels(sheet.reduce(times)) / 255


def _pixels(picture: Image.Image) -> torch.Tensor:  # (H, W), float
    """The numbers of a grey picture."""
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width).float()


def _lines(kind: str, box: tuple[float, float, float, float], side: int, dice: random.Random) -> list[tuple[list[tuple[float, float]], float]]:
    """The lines of a form's field, of a cell, or of ruled or squared paper, for a digit in a box (in pixels)."""
    unit, (left, top, right, bottom) = side / 300, box
    if kind in ("field", "cell"):
        gap = dice.uniform(14, 30) * unit
        edges = (left - gap, top - gap, right + gap, bottom + gap) if kind == "field" else (unit, unit, side - 2 * unit, side - 2 * unit)
        x, y, u, v = edges
        return [([(x, y), (u, y), (u, v), (x, v), (x, y)], dice.uniform(2, 4) * unit)]
    step, first = (dice.uniform(34, 60) * unit, dice.uniform(0, 34) * unit)
    places = [first + i * step for i in range(math.ceil(side / step))]
    rules = [([(0, y), (side, y)], 1.5 * unit) for y in places]
    return rules + [([(x, 0), (x, side)], 1.5 * unit) for x in places] if kind == "squared" else rules


def draw(digit: int, hand: str = "round", condition: Condition = Condition(), seed: int = 0) -> torch.Tensor:  # (side, side), uint8
    """A picture of a digit in one of HANDS, under a condition."""
    dice, side = random.Random(f"{digit} {hand} {seed}"), condition.side
    unit = side / 300
    tall = min(condition.height * side, side - condition.stroke * unit)
    strokes = _written(digit, hand, condition.european, dice)
    wide = max(x for stroke in strokes for x, _ in stroke) * tall
    free = max(0.0, side - wide - condition.stroke * unit), max(0.0, side - tall - condition.stroke * unit)
    left, top = (dice.uniform(0.3, 0.7) * room + condition.stroke * unit / 2 for room in free)
    lines = [([(left + x * tall, top + y * tall) for x, y in stroke], condition.stroke * unit) for stroke in strokes]
    pale = condition.box in ("ruled", "squared")   # printed lines are paler than a pen's
    printed = _lines(condition.box, (left, top, left + wide, top + tall), side, dice) if condition.box else []
    place = (torch.arange(side) + 0.5) / side
    sheet = condition.paper * LIGHTS[condition.light](place[None, :], place[:, None])
    line_grey = sheet * 0.8 if pale else torch.tensor(float(condition.ink))
    for covered, grey in ((_inked(printed, side), line_grey), (_inked(lines, side), torch.tensor(float(condition.ink)))):
        sheet = sheet + (grey - sheet) * covered
    return _finished(sheet, condition, seed * 10 + digit)


def _finished(sheet: torch.Tensor, condition: Condition, seed: int) -> torch.Tensor:  # (H, W), uint8
    """A drawn sheet as the camera or the scanner hands it over: with its rim, blurred, grainy, in bytes."""
    unit = condition.side / 300
    edge, sides, sheet = round(6 * unit), condition.rim.rstrip("0123456789"), sheet.clone()
    grey = float(condition.rim[len(sides):] or 0)
    for name, place in ("l", sheet[:, :edge]), ("r", sheet[:, -edge:]), ("t", sheet[:edge]), ("b", sheet[-edge:]):
        if name in sides:
            place.fill_(grey)
    spread = max(condition.blur * unit, 0.01)
    reach = math.ceil(2 * spread)
    weights = torch.exp(-torch.arange(-reach, reach + 1) ** 2 / (2 * spread**2))
    weights = weights / weights.sum()
    padded = F.pad(sheet[None, None], (reach,) * 4, mode="replicate")
    sheet = F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[0, 0]
    noise = torch.randn(sheet.shape, generator=torch.Generator().manual_seed(seed))
    return (sheet + condition.grain * noise).round().clamp(0, 255).byte()


def _table() -> dict[str, Condition]:
    """The rows: one thing is changed at a time, then several."""
    usual = Condition()
    rows = {f"stroke {width}": usual._replace(stroke=width, height=0.8) for width in (2, 3, 4, 6, 8, 12, 16, 24, 36)}
    rows |= {f"height {share:.0%}": usual._replace(height=share, stroke=max(2, round(12 * share))) for share in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1)}
    rows |= {f"light {name}": usual._replace(light=name, height=0.3, stroke=5) for name in LIGHTS if name != "even"}
    rows |= {f"light {name}, large": usual._replace(light=name, height=0.8) for name in LIGHTS if name != "even"}
    rows |= {f"light {name}, faint": usual._replace(light=name, height=0.1, stroke=2, ink=50, paper=130, side=600) for name in LIGHTS}
    rows |= {f"grain {grain}": usual._replace(grain=grain) for grain in (4, 8, 16, 30)}
    rows |= {f"rim {name}": usual._replace(rim=rim) for name, rim in
             {"black": "ltrb0", "black left": "l0", "black corner": "lb0", "white": "ltrb255", "grey": "ltrb100"}.items()}
    rows |= {f"box {name}": usual._replace(box=name, height=0.5) for name in ("field", "cell", "ruled", "squared")}
    rows |= {"white on black": usual._replace(ink=255, paper=0), "light on dark": usual._replace(ink=170, paper=70, grain=4),
             "pale ink": usual._replace(ink=150, paper=200), "black on white": usual._replace(ink=0, paper=255)}
    rows |= {f"side {side}": usual._replace(side=side, stroke=14, blur=8) for side in (28, 40)}
    rows |= {f"side {side}": usual._replace(side=side, stroke=stroke) for side, stroke in ((64, 12), (1200, 8), (2000, 4))}
    return rows | {"european": usual._replace(european=True)} | _mixed()


def _mixed(rows: int = 12) -> dict[str, Condition]:
    """Rows in which everything is drawn by lot at once."""
    dice, mixed = random.Random(13), {}
    for number in range(1, rows + 1):
        share = dice.choice((0.3, 0.45, 0.6, 0.8))
        mixed[f"mixed {number}"] = Condition(
            stroke=dice.choice([width for width in (2, 3, 4, 6, 8, 12, 16, 24) if width <= 0.15 * 300 * share]), height=share,
            light=dice.choice(list(LIGHTS)), grain=dice.choice((0, 3, 6)), rim=dice.choice(("", "", "ltrb0", "lt0")),
            box=dice.choice(("", "", "field", "ruled")), ink=dice.choice((20, 40, 60)), paper=dice.choice((180, 200, 240)),
            side=dice.choice((300, 600)))
    return mixed


#: The table of conditions
TABLE = _table()


def drawings(name: str, hands: tuple[str, ...] = tuple(HANDS), seeds: int = 1) -> Iterator[tuple[torch.Tensor, int]]:
    """The pictures of a row of TABLE, (H, W) in bytes, each with its digit: every digit in every hand."""
    for seed in range(seeds):
        for hand in hands:
            for digit in range(10):
                yield draw(digit, hand, TABLE[name], seed), digit


@lru_cache(maxsize=None)
def prepared_row(name: str, seeds: int = 1) -> tuple[torch.Tensor, torch.Tensor]:  # (N, 28, 28) and (N,)
    """A row's pictures as the network sees them, and their digits; a picture that was refused has the digit -1."""
    images, digits = [], []
    for picture, digit in drawings(name, seeds=seeds):
        try:
            images.append(prepare_image(picture))
            digits.append(digit)
        except ValueError:
            images.append(torch.zeros(28, 28))
            digits.append(-1)
    return torch.stack(images), torch.tensor(digits)


def accuracies(model: nn.Module | None = None, rows: tuple[str, ...] = tuple(TABLE), seeds: int = 1) -> dict[str, float]:
    """The share of a row's drawings that a network reads rightly, for each row; the shipped one if none is given.

    A network that is asked a second time is answered from pictures that are prepared already.
    """
    model, found = pretrained() if model is None else model, {}
    with evaluating(model) as quiet:
        for name in rows:
            images, digits = prepared_row(name, seeds)
            answers = quiet(((images - MEAN) / STD)[:, None]).argmax(1).cpu()
            found[name] = (answers == digits).float().mean().item()
    return found


def main(seeds: int = 1) -> None:
    """Measure the shipped network, with `seeds` drawings of each digit in each hand, and write what was found."""
    rows = accuracies(seeds=seeds)
    for name, share in rows.items():
        print(f"{name:28} {share:6.1%}")
    figure = sum(rows.values()) / len(rows)
    print(f"{'all':28} {figure:6.1%}")
    result = {"row": "pictures", "figure": figure, "rows": rows, "drawings_in_each_row": 30 * seeds, "machine": machine()}
    (HERE / "results" / "pictures.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
