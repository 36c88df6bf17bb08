"""Figures as pictures: one inline SVG each, with its data in words for those who do not see it."""

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
    series_style,
    shade,
    width_of,
)
from trial.render.figures.plots import PLOTS
from trial.render.markup import Html, escape, html, joined
from trial.tables.grid import Figure

_SAMPLE = 34  # width of a legend's sample


def figure_svg(figure: Figure) -> Html:
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
    """Draw the names of the series beside samples of them, as many on a line as fit.

    A name of several lines has a row of the legend to itself.
    """
    x = float(PAD)
    for number, series in enumerate(figure.series):
        lines = lines_of(alt_text.name(series), WIDTH - 3 * PAD - _SAMPLE)
        width = _SAMPLE + PAD + max(map(width_of, lines), default=0)
        if number == 0 or len(lines) > 1 or x + width > RIGHT:
            x = PAD
            canvas.y += LEADING if number else 0
        ordered = figure.kind == "stacked"
        style = shade(number, len(figure.series)) if ordered else series_style(number)
        canvas.sample(x, canvas.y + SIZE - 6, _SAMPLE, style, figure.kind)
        for line_number, line in enumerate(lines):
            canvas.y += LEADING if line_number else 0
            canvas.text(x + _SAMPLE + PAD, canvas.y + SIZE, line)
        x = x + width + 2 * PAD if len(lines) == 1 else WIDTH
    canvas.y += LEADING + PAD


def _svg(canvas: Canvas, figure: Figure) -> Html:
    title_id, description_id = (
        escape(f"chart-{figure.id}-{part}") for part in ("title", "description")
    )
    return joined(
        (
            html(
                '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"'
                ' viewBox="0 0 {0} {1}" role="img" aria-labelledby="{2}" aria-describedby="{3}"'
                ' font-family="{4}" font-size="{5}" fill="{6}" direction="ltr">',
                WIDTH,
                round(canvas.y) + PAD,
                title_id,
                description_id,
                SANS,
                SIZE,
                colour("ink"),
            ),
            html('<title id="{}">{}</title>', title_id, escape(figure.title)),
            html('<desc id="{}">{}</desc>', description_id, escape(alt_text.description(figure))),
            *canvas.parts,
            html("</svg>\n"),
        ),
        html("\n"),
    )
