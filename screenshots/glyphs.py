"""Lines, blocks, dots and signs, drawn to the pixel so that cells join without a seam."""

from __future__ import annotations

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Cell = tuple[int, int, int, int]
"""Left, top, right and bottom, the last two exclusive."""

_N, _E, _S, _W = 1, 2, 4, 8
_LIGHT = {
    "─": _E | _W,
    "│": _N | _S,
    "┌": _S | _E,
    "┐": _S | _W,
    "└": _N | _E,
    "┘": _N | _W,
    "├": _N | _S | _E,
    "┤": _N | _S | _W,
    "┬": _E | _W | _S,
    "┴": _E | _W | _N,
    "┼": _N | _E | _S | _W,
    "╴": _W,
    "╵": _N,
    "╶": _E,
    "╷": _S,
}
_HEAVY = {
    "━": _E | _W,
    "┃": _N | _S,
    "┏": _S | _E,
    "┓": _S | _W,
    "┗": _N | _E,
    "┛": _N | _W,
    "╸": _W,
    "╹": _N,
    "╺": _E,
    "╻": _S,
}
_ROUND = {"╭": (1, 1), "╮": (-1, 1), "╰": (1, -1), "╯": (-1, -1)}
"""Where the two ends lie, seen from the middle."""
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
_QUADRANTS = dict(zip("▘▝▀▖▌▞▛▗▚▐▜▄▙▟█", range(1, 16), strict=True))
_BRAILLE = 0x2800
_BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
_SIGNS = {
    "✓": (((0.14, 0.56), (0.40, 0.72), (0.90, 0.30)),),
    "✗": (((0.16, 0.30), (0.84, 0.72)), ((0.84, 0.30), (0.16, 0.72))),
}
"""Strokes, in parts of a cell: fonts have none, or odd ones."""
_TRIANGLES = {"▸": ((0.25, 0.36), (0.85, 0.51), (0.25, 0.66))}
_SMOOTH = 8


def draw_glyph(
    image: Image.Image, cell: Cell, character: str, colour: Colour, ground: Colour
) -> bool:
    """Draw ``character`` where it is one of these; False where it is not."""
    draw = ImageDraw.Draw(image)
    if character in _LIGHT:
        _arms(draw, cell, _LIGHT[character], _light(cell), colour)
    elif character in _HEAVY:
        _arms(draw, cell, _HEAVY[character], _light(cell) * 2, colour)
    elif character in _ROUND:
        _corner(image, cell, _ROUND[character], colour)
    elif character in _QUADRANTS:
        _quadrants(draw, cell, _QUADRANTS[character], colour)
    elif "▁" <= character <= "▇":
        _eighths(draw, cell, ord(character) - 0x2580, 0, colour)
    elif "▉" <= character <= "▏":
        _eighths(draw, cell, 0, 0x2590 - ord(character), colour)
    elif character in _SHADES:
        share = _SHADES[character]
        mixed = [round(g + (c - g) * share) for c, g in zip(colour, ground, strict=True)]
        _fill(draw, cell, (mixed[0], mixed[1], mixed[2]))
    elif character in _SIGNS or character in _TRIANGLES:
        _sign(image, cell, character, colour)
    elif _BRAILLE < ord(character) < _BRAILLE + 256:
        _dots(draw, cell, ord(character) - _BRAILLE, colour)
    else:
        return False
    return True


def _light(cell: Cell) -> int:
    return max(1, round((cell[2] - cell[0]) / 8))


def _middle(cell: Cell, thick: int) -> tuple[int, int]:
    left, top, right, bottom = cell
    return (left + right - thick) // 2, (top + bottom - thick) // 2


def _fill(draw: ImageDraw.ImageDraw, box: Cell, colour: Colour) -> None:
    if box[2] > box[0] and box[3] > box[1]:
        draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=colour)


def _arms(draw: ImageDraw.ImageDraw, cell: Cell, arms: int, thick: int, colour: Colour) -> None:
    left, top, right, bottom = cell
    x, y = _middle(cell, thick)
    for arm, box in (
        (_N, (x, top, x + thick, y + thick)),
        (_E, (x, y, right, y + thick)),
        (_S, (x, y, x + thick, bottom)),
        (_W, (left, y, x + thick, y + thick)),
    ):
        if arms & arm:
            _fill(draw, box, colour)


def _corner(image: Image.Image, cell: Cell, ends: tuple[int, int], colour: Colour) -> None:
    left, top, right, bottom = cell
    thick = _light(cell)
    x, y = _middle(cell, thick)
    to_side, to_end = ends
    radius = (right - left) // 2
    # The arc as a mask, drawn large and made small: Pillow's own has steps.
    wide, high = (right - left) * _SMOOTH, (bottom - top) * _SMOOTH
    mask = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(mask)
    inner_x, inner_y = (x - left) * _SMOOTH, (y - top) * _SMOOTH
    far, width = radius * _SMOOTH, thick * _SMOOTH
    centre_x = inner_x + width // 2 + to_side * far
    centre_y = inner_y + width // 2 + to_end * far
    reach = far + width // 2
    start = {(1, 1): 180, (-1, 1): 270, (1, -1): 90, (-1, -1): 0}[ends]
    pen.arc(
        (centre_x - reach, centre_y - reach, centre_x + reach - 1, centre_y + reach - 1),
        start,
        start + 90,
        fill=255,
        width=width,
    )
    down = (centre_y, high) if to_end > 0 else (0, centre_y)
    pen.rectangle((inner_x, down[0], inner_x + width - 1, down[1] - 1), fill=255)
    aside = (centre_x, wide) if to_side > 0 else (0, centre_x)
    if aside[1] > aside[0]:
        pen.rectangle((aside[0], inner_y, aside[1] - 1, inner_y + width - 1), fill=255)
    small = mask.resize((right - left, bottom - top), Image.Resampling.BOX)
    image.paste(colour, (left, top), small)


def _sign(image: Image.Image, cell: Cell, character: str, colour: Colour) -> None:
    left, top, right, bottom = cell
    wide, high = (right - left) * _SMOOTH, (bottom - top) * _SMOOTH
    mask = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(mask)
    for stroke in _SIGNS.get(character, ()):
        points = [(x * wide, y * high) for x, y in stroke]
        pen.line(points, 255, _light(cell) * _SMOOTH * 3 // 2, "curve")
    if character in _TRIANGLES:
        pen.polygon([(x * wide, y * high) for x, y in _TRIANGLES[character]], 255)
    small = mask.resize((right - left, bottom - top), Image.Resampling.BOX)
    image.paste(colour, (left, top), small)


def _quadrants(draw: ImageDraw.ImageDraw, cell: Cell, which: int, colour: Colour) -> None:
    left, top, right, bottom = cell
    x, y = (left + right) // 2, (top + bottom) // 2
    boxes = ((left, top, x, y), (x, top, right, y), (left, y, x, bottom), (x, y, right, bottom))
    for bit, box in enumerate(boxes):
        if which >> bit & 1:
            _fill(draw, box, colour)


def _eighths(draw: ImageDraw.ImageDraw, cell: Cell, high: int, wide: int, colour: Colour) -> None:
    left, top, right, bottom = cell
    if high:
        top = bottom - round((bottom - top) * high / 8)
    if wide:
        right = left + round((right - left) * wide / 8)
    _fill(draw, (left, top, right, bottom), colour)


def _dots(draw: ImageDraw.ImageDraw, cell: Cell, which: int, colour: Colour) -> None:
    left, top, right, bottom = cell
    across, down = (right - left) / 2, (bottom - top) / 4
    half = max(1.0, across / 4)
    for bit, (column, row) in enumerate(_BRAILLE_DOTS):
        if which >> bit & 1:
            x, y = left + across * (column + 0.5), top + down * (row + 0.5)
            draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)
