"""A terminal's screen as a PNG: cells on whole pixels, as a good terminal draws them."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from glyphs import Colour, draw_glyph
from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from textual.app import App

_CELL_WIDTH, _CELL_HEIGHT = 17, 36
_FONT_PIXELS = 28
_BASELINE = 0.74
_MARGIN = 24
_REGULAR, _BOLD = 450, 700
_PALETTE = 128

Lines = list[list[Segment]]


def write_png(app: App[Any], path: Path) -> None:
    """Write what ``app`` shows now."""
    picture = draw(lines_of(app))
    small = picture.quantize(_PALETTE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def lines_of(app: App[Any]) -> Lines:
    """The screen's lines, a dialog with what is behind it; as Textual's own SVG has them."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert update is not None
    drawn = [segment for segment in console.render(update) if not segment.control]
    return list(Segment.split_lines(drawn))


def draw(lines: Lines) -> Image.Image:
    """Draw lines of segments.

    Raises :class:`LookupError` for a character that the font has not.
    """
    columns = max(sum(segment.cell_length for segment in line) for line in lines)
    size = (columns * _CELL_WIDTH + 2 * _MARGIN, len(lines) * _CELL_HEIGHT + 2 * _MARGIN)
    image = Image.new("RGB", size, _commonest_ground(lines))
    for row, line in enumerate(lines):
        left, top = _MARGIN, _MARGIN + row * _CELL_HEIGHT
        for text, style, _ in line:
            for character in text:
                right = left + cell_len(character) * _CELL_WIDTH
                box = (left, top, right, top + _CELL_HEIGHT)
                _draw_cell(image, box, character, style or Style())
                left = right
    return image


def _draw_cell(
    image: Image.Image, box: tuple[int, int, int, int], character: str, style: Style
) -> None:
    pen = ImageDraw.Draw(image)
    colour, ground = _colours(style)
    left, top, right, bottom = box
    pen.rectangle((left, top, right - 1, bottom - 1), fill=ground)
    if not character.isspace() and not draw_glyph(image, box, character, colour, ground):
        base = ((left + right) / 2, top + _CELL_HEIGHT * _BASELINE)
        pen.text(base, character, colour, _font_for(character, bool(style.bold)), anchor="ms")
    if style.underline:
        pen.rectangle((left, bottom - 6, right - 1, bottom - 5), fill=colour)


def _colours(style: Style) -> tuple[Colour, Colour]:
    theme = SVG_EXPORT_THEME
    colour: Colour = theme.foreground_color
    ground: Colour = theme.background_color
    if style.color is not None:
        colour = style.color.get_truecolor(theme)
    if style.bgcolor is not None:
        ground = style.bgcolor.get_truecolor(theme, foreground=False)
    if style.reverse:
        colour, ground = ground, colour
    if style.dim:
        mixed = [(c + g) // 2 for c, g in zip(colour, ground, strict=True)]
        colour = (mixed[0], mixed[1], mixed[2])
    return colour, ground


def _commonest_ground(lines: Lines) -> Colour:
    grounds: Counter[Colour] = Counter()
    for line in lines:
        for text, style, _ in line:
            grounds[_colours(style or Style())[1]] += len(text)
    return grounds.most_common(1)[0][0]


@cache
def _font_for(character: str, is_bold: bool) -> ImageFont.FreeTypeFont:
    font = _font(is_bold)
    if bytes(font.getmask(character)) == bytes(font.getmask("\uffff")):
        raise LookupError(f"The font has no {character!r}: draw it in glyphs.py.")
    return font


@cache
def _font(is_bold: bool) -> ImageFont.FreeTypeFont:
    with as_file(files("fontpkg_fira_code") / "files" / "FiraCode[wght].ttf") as path:
        font = ImageFont.truetype(str(path), _FONT_PIXELS, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([_BOLD if is_bold else _REGULAR])
    return font
