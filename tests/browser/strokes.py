"""Digits as lines through points, given as fractions of a sheet from its upper left."""

import math

from playwright.sync_api import Locator, expect

Line = list[tuple[float, float]]


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> Line:
    """Part of an oval about (x, y), between two angles in degrees; 0 is at its right, 90 at its bottom."""
    angles = [math.radians(start + (end - start) * step / 12) for step in range(13)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


STROKES: dict[int, list[Line]] = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    1: [[(0.53, 0.18), (0.47, 0.82)]],
    2: [[*arc(0.5, 0.35, 0.18, 0.16, -170, 30), (0.3, 0.8), (0.72, 0.8)]],
    3: [[*arc(0.48, 0.34, 0.17, 0.15, -150, 90), *arc(0.48, 0.66, 0.19, 0.17, -90, 150)]],
    4: [[(0.38, 0.18), (0.3, 0.52), (0.7, 0.52)], [(0.62, 0.2), (0.6, 0.85)]],
    5: [[(0.68, 0.2), (0.38, 0.2), (0.35, 0.48), *arc(0.47, 0.63, 0.2, 0.18, -110, 140)]],
    6: [[(0.6, 0.16), (0.42, 0.35), (0.34, 0.6), *arc(0.5, 0.66, 0.16, 0.15, -180, 180)]],
    7: [[(0.28, 0.22), (0.72, 0.22), (0.46, 0.82)]],
    8: [[*arc(0.5, 0.34, 0.15, 0.15, 90, -270), *arc(0.5, 0.66, 0.18, 0.17, -90, 270)]],
    9: [[*arc(0.5, 0.36, 0.16, 0.16, 0, -360), (0.64, 0.6), (0.58, 0.84)]],
}


def draw(canvas: Locator, lines: list[Line]) -> None:
    """Draw lines on a sheet with the mouse."""
    canvas.hover()  # waits until it neither moves nor is covered
    box, mouse = canvas.bounding_box(), canvas.page.mouse
    for line in lines:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in line]
        mouse.move(*places[0])
        mouse.down()
        expect(canvas).to_be_focused()  # it has the pen
        for place in places[1:]:
            mouse.move(*place)
        mouse.up()
