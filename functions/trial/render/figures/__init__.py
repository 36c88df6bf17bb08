"""Figures as pictures: one inline SVG each, with its data in words for those who do not see it."""

from html import escape

from trial.render import legible
from trial.render.figures import alt_text
from trial.render.figures.axes import RIGHT
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    SANS,
    SIZE,
    WIDTH,
    Canvas,
    colour,
    lines_of,
    look,
    width_of,
)
from trial.render.figures.plots import PLOTS
from trial.tables.grid import Figure

_SAMPLE = 34  # width of a legend's sample


def figure_svg(figure: Figure) -> str:
    """Draw a figure; without data it says so.

    Colours are CSS variables with a fallback: `canvas.LIGHT` and `canvas.DARK` name them.
    """
    canvas = Canvas()
    _legend(canvas, figure)
    if alt_text.drawn(figure):
        PLOTS[figure.kind](canvas, figure)
    else:
        canvas.y += 3 * LEADING
        canvas.text(WIDTH / 2, canvas.y, alt_text.NO_DATA, "middle", "muted")
        canvas.y += 2 * LEADING
    return _svg(canvas, figure)


def _legend(canvas: Canvas, figure: Figure) -> None:
    """Name the series beside samples of them, as many on a line as fit."""
    x = float(PAD)
    for number, series in enumerate(figure.series):
        lines = lines_of(alt_text.name(series), WIDTH - 3 * PAD - _SAMPLE)
        width = _SAMPLE + PAD + max(map(width_of, lines), default=0)
        if number == 0 or len(lines) > 1 or x + width > RIGHT:
            x = PAD
            canvas.y += LEADING if number else 0
        canvas.sample(x, canvas.y + SIZE - 6, _SAMPLE, look(number), figure.kind)
        for i, line in enumerate(lines):
            canvas.y += LEADING if i else 0
            canvas.text(x + _SAMPLE + PAD, canvas.y + SIZE, line)
        x = x + width + 2 * PAD if len(lines) == 1 else WIDTH
    canvas.y += LEADING + PAD


def _svg(canvas: Canvas, figure: Figure) -> str:
    height = round(canvas.y) + PAD
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    title, told = f"chart-{figure.id}-title", f"chart-{figure.id}-description"
    named = f'role="img" aria-labelledby="{title}" aria-describedby="{told}"'
    ink = f'font-family="{SANS}" font-size="{SIZE}" fill="{colour("ink")}" direction="ltr"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named} {ink}>',
            f'<title id="{title}">{escape(legible(figure.title))}</title>',
            f'<desc id="{told}">{escape(legible(alt_text.description(figure)))}</desc>',
            *canvas.parts,
            "</svg>\n",
        )
    )
