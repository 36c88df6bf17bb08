"""A subject's profile as a picture: everything on one time axis, with its data in words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby, islice, takewhile

from trial.render.figures.axes import RIGHT, Scale, labels
from trial.render.figures.canvas import (
    LEADING,
    PAD,
    SANS,
    SIZE,
    WIDTH,
    Canvas,
    SeriesStyle,
    colour,
    coordinates,
    lines_of,
    non_overlapping,
    series_style,
    width_of,
)
from trial.render.markup import Html, escape, html, joined
from trial.tables.bidi import isolated
from trial.tables.profiles import Curve, Happening, Profile
from trial.tables.rounding import ticks

MOST_BARS, MOST_CURVES, MOST_ROWS = 24, 8, 10
"""How many adverse events or medications, curves and other rows are drawn; the table has all."""
_LEFT = 250.0
_BAR = 12.0
_CURVE = 96
_INSET = 8
_ALL = series_style(0)
_SERIOUS = series_style(1)
_OTHER = replace(series_style(5), colour=colour("muted"))
_PALE = 0.55
"""How opaque a bar is of which no end is recorded."""
_SAMPLE = 30.0


def profile_svg(profile: Profile) -> Html:
    """Draw a profile; of a subject without a dated record it says so."""
    canvas = Canvas()
    days = list(_days(profile))
    if not days:
        canvas.y += 3 * LEADING
        canvas.text(WIDTH / 2, canvas.y, "Nothing is dated yet", "middle", "muted")
        canvas.y += 2 * LEADING
        return _svg(canvas, profile)
    _legend(canvas, profile)
    rungs = ticks(min(days), max(days), 6)
    x = Scale(rungs[0], rungs[-1], _LEFT, RIGHT - 2 * PAD)
    _axis(canvas, profile, x, rungs)
    top, grid = canvas.y, len(canvas.parts)
    _marks(canvas, "Visits", profile.visits, x)
    _marks(canvas, "Doses", profile.doses, x)
    _amounts(canvas, profile.doses, x)
    _milestones(canvas, profile.milestones, x)
    _bars(canvas, profile, "Adverse events", profile.adverse_events, x)
    _bars(canvas, profile, "Medications", profile.medications, x)
    for curve in profile.curves[:MOST_CURVES]:
        _curve(canvas, curve, x)
    _more(canvas, len(profile.curves) - MOST_CURVES, "parameters")
    canvas.parts[grid:grid] = _grid(profile, x, rungs, (top, canvas.y))
    return _svg(canvas, profile)


def _days(profile: Profile) -> Iterator[int]:
    """Yield the days that the axis has to hold; what began before the study is cut off."""
    for happening in (*profile.visits, *profile.doses, *profile.adverse_events):
        yield from (day for day in (happening.first, happening.last) if day is not None)
    yield from (h.first for h in profile.milestones if h.first is not None and not _history(h))
    yield from (point.day for c in profile.curves for point in c.points if point.day is not None)
    if profile.last_contact is not None:
        yield profile.last_contact


def _legend(canvas: Canvas, profile: Profile) -> None:
    """Draw the legend of bars and marks whose row has no label: as many on a line as fit."""
    events = [event for event in profile.adverse_events if event.first is not None]
    dated = [medication for medication in profile.medications if medication.first is not None]
    entries = [
        (style, opacity, text)
        for style, opacity, text, is_drawn in (
            (_ALL, 1, "adverse event, its grade after it", any(not _serious(e) for e in events)),
            (_SERIOUS, 1, "serious adverse event", any(map(_serious, events))),
            (_ALL, _PALE, "no end recorded", any(bar.last is None for bar in (*events, *dated))),
        )
        if is_drawn
    ]
    beyond = any(point.beyond for curve in profile.curves for point in curve.points)
    entries += [(_OTHER, 0, "not quantified: the limit")] if beyond else []
    place = RIGHT + 1
    for style, opacity, text in entries:
        width = _SAMPLE + width_of(text) + 3 * PAD
        if place + width - 3 * PAD > RIGHT:
            place, canvas.y = float(PAD), canvas.y + LEADING
        middle = canvas.y - 12
        if opacity:
            _box(canvas, (place, place + _SAMPLE - PAD), middle, style, opacity)
        else:
            canvas.mark(place + (_SAMPLE - PAD) / 2, middle, style)
        canvas.text(place + _SAMPLE, canvas.y - 6, text, ink="muted")
        place += width


def _serious(happening: Happening) -> bool:
    return dict(happening.details).get("serious") == "Y"


def _history(happening: Happening) -> bool:
    """Return whether a record may have begun long before the study."""
    return happening.kind in ("medical-history.reported", "procedure.recorded")


def _axis(canvas: Canvas, profile: Profile, x: Scale, rungs: Sequence[Decimal]) -> None:
    title = f"Days since {profile.origin_label} ({profile.origin})"
    title += "; dashed: first dose" if profile.first_dose is not None else ""
    canvas.paragraph(x.end, lines_of(title, x.end - PAD), "end", "muted")
    texts = labels(rungs)
    canvas.y += LEADING
    places = [(x(rung), width_of(text)) for rung, text in zip(rungs, texts, strict=True)]
    for i in non_overlapping(places):
        canvas.text(places[i][0], canvas.y - 5, texts[i], "middle", "muted")
    canvas.line((x.start, canvas.y), (x.end, canvas.y), "ink", width=1.5)


def _grid(
    profile: Profile, x: Scale, rungs: Sequence[Decimal], ends: tuple[float, float]
) -> list[Html]:
    """Draw the days' lines behind everything, and that of the first dose."""
    uprights = Canvas()
    for rung in rungs:
        uprights.line((x(rung), ends[0]), (x(rung), ends[1]))
    if profile.first_dose is not None:
        day = x(Decimal(profile.first_dose))
        uprights.line((day, ends[0]), (day, ends[1]), "ink", "6 4", 1.5)
    return uprights.parts


def _name(canvas: Canvas, text: str, ink: str = "ink") -> None:
    """Write what a row is, at its left."""
    line = next(iter(lines_of(text, _LEFT - 3 * PAD, 1)), "")
    canvas.text(_LEFT - PAD, canvas.y - 6, line, "end", ink)


def _marks(canvas: Canvas, name: str, happenings: Sequence[Happening], x: Scale) -> None:
    """Draw what has one day in a row."""
    dated = [happening for happening in happenings if happening.first is not None]
    if not dated:
        return
    canvas.y += LEADING
    _name(canvas, name)
    style = _ALL if name == "Doses" else _OTHER
    for happening in dated:
        canvas.mark(x(Decimal(happening.first or 0)), canvas.y - 12, style, _told(happening))


def _amounts(canvas: Canvas, doses: Sequence[Happening], x: Scale) -> None:
    """Write below the doses what they were of: where it changes, and where there is room."""
    dated = [dose for dose in doses if dose.first is not None and dose.label != "dose"]
    if not dated:
        return
    canvas.y += LEADING
    shared = _shared_words([dose.label.split() for dose in dated])
    if shared:
        _name(canvas, " ".join(shared), "muted")
    free = x.start
    for label, alike in groupby(dated, lambda dose: " ".join(dose.label.split()[len(shared) :])):
        width, place = width_of(label), x(Decimal(next(alike).first or 0))
        left = max(min(place - width / 2, x.end - width), free)
        # Moved aside a little it still belongs to its dose; farther, it would seem another's.
        if left <= place + width and left + width <= RIGHT:
            canvas.text(left, canvas.y - 6, label, ink="muted")
            free = left + width + PAD


def _shared_words(labels: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the words that all begin with, an amount and its unit left over for each."""
    longest = max(min(map(len, labels)) - 2, 0)
    alike = takewhile(lambda words: len({*words}) == 1, zip(*labels, strict=False))
    return [words[0] for words in islice(alike, longest)]


def _milestones(canvas: Canvas, happenings: Sequence[Happening], x: Scale) -> None:
    """Draw other records, those that are called alike in one row."""
    by_label: dict[str, list[Happening]] = {}
    for happening in happenings:
        if happening.first is not None and x.holds(Decimal(happening.first)):
            by_label.setdefault(happening.label, []).append(happening)
    for label, alike in list(by_label.items())[:MOST_ROWS]:
        canvas.y += LEADING
        _name(canvas, label, "muted")
        for happening in alike:
            place = x(Decimal(happening.first or 0))
            canvas.mark(place, canvas.y - 12, series_style(3), _told(happening))
    _more(canvas, len(by_label) - MOST_ROWS, "kinds of record")


def _bars(
    canvas: Canvas, profile: Profile, title: str, happenings: Sequence[Happening], x: Scale
) -> None:
    """Draw what lasts, a row each, from its first day to its last; what has no end stays open."""
    dated = [happening for happening in happenings if happening.first is not None]
    if not dated:
        return
    canvas.y += PAD
    canvas.paragraph(PAD, [title], ink="muted")
    for happening in dated[:MOST_BARS]:
        canvas.y += LEADING
        _name(canvas, happening.label)
        _bar(canvas, profile, happening, x)
    _more(canvas, len(dated) - MOST_BARS, title.lower())


def _bar(canvas: Canvas, profile: Profile, happening: Happening, x: Scale) -> None:
    details = dict(happening.details)
    style = _SERIOUS if _serious(happening) else _ALL
    style = _OTHER if happening.kind == "conmed.recorded" else style
    first, last = happening.first or 0, happening.last
    until = last if last is not None else max(profile.last_contact or first, first)
    start = max(x(Decimal(first)), x.start)
    end = min(max(x(Decimal(until)), start + 3), x.end)
    middle = canvas.y - 12
    opacity = 1 if last is not None else _PALE
    _box(canvas, (start, end), middle, style, opacity, _told(happening))
    grade = details.get("grade") or details.get("severity") or ""
    if grade and end + width_of(grade) + 2 * PAD < RIGHT:
        canvas.text(end + PAD / 2, middle + 6, grade, "start", "muted")


def _box(
    canvas: Canvas, ends: tuple[float, float], middle: float, style: SeriesStyle, opacity: float,
    title: str = "",
) -> None:  # fmt: skip
    """Draw a bar; that of a serious event has an outline, for whom its colour does not tell."""
    top, foot = middle - _BAR / 2, middle + _BAR / 2
    corners = (coordinates(ends[0], top), *map(coordinates, (ends[1], foot, ends[0])))
    shape = "M{} H{} V{} H{} Z".format(*corners)
    canvas.area(shape, style.colour, opacity, title)
    if style is _SERIOUS:
        canvas.path(shape, colour("ink"), width=2)


def _curve(canvas: Canvas, curve: Curve, x: Scale) -> None:
    """Draw results over time; one that was not quantified is a grey triangle at its limit."""
    points = [point for point in curve.points if point.day is not None]
    if not points:
        return
    canvas.y += PAD
    name = f"{curve.label} ({curve.unit})" if curve.unit else curve.label
    canvas.paragraph(PAD, lines_of(name, RIGHT, 1), ink="muted")
    values = [Decimal(point.value) for point in points]
    rungs = ticks(min(values), max(values), 2)
    y = Scale(rungs[0], rungs[-1], canvas.y + _CURVE - _INSET, canvas.y + _INSET)
    for rung, text in zip(rungs, labels(rungs), strict=True):
        canvas.line((x.start, y(rung)), (x.end, y(rung)))
        canvas.text(_LEFT - PAD, y(rung) + 6, text, "end", "muted")
    places = [(x(Decimal(p.day or 0)), y(p.value)) for p in points]
    if len(places) > 1:
        canvas.path("M" + " L".join(coordinates(*place) for place in places), _ALL.colour)
    for point, place in zip(points, places, strict=True):
        style = _OTHER if point.beyond else _ALL
        canvas.mark(*place, style, f"{point.collected}: {isolated(point.result or point.value)}")
    canvas.y += _CURVE


def _more(canvas: Canvas, number: int, noun: str) -> None:
    if number > 0:
        canvas.paragraph(PAD, [f"and {number} more {noun}: see the table"], ink="muted")


def _told(happening: Happening) -> str:
    """Return what happened when, for a pointer over it."""
    until = f" to {happening.end}" if happening.end else ""
    return f"{isolated(happening.label)}, {happening.start or 'not dated'}{until}"


def description(profile: Profile) -> str:
    """Return in words what the picture shows."""
    counts = (
        (len(profile.visits), "visits"),
        (len(profile.doses), "doses"),
        (len(profile.adverse_events), "adverse events"),
        (len(profile.medications), "medications"),
        (len(profile.milestones), "other records"),
    )
    parts = [f"{count} {noun}" for count, noun in counts if count]
    serious = [event for event in profile.adverse_events if _serious(event)]
    if serious:
        parts.append("serious: " + ", ".join(isolated(event.label) for event in serious[:5]))
    for curve in profile.curves[:MOST_CURVES]:
        first, last = curve.points[0], curve.points[-1]
        name = isolated(curve.label)
        parts.append(f"{name}: {len(curve.points)} results, from {first.value} to {last.value}")
    return "; ".join(parts) + ". The table below has all of them." if parts else "No records."


def _svg(canvas: Canvas, profile: Profile) -> Html:
    return joined(
        (
            html(
                '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}"'
                ' viewBox="0 0 {0} {1}" role="img" aria-labelledby="profile-title"'
                ' aria-describedby="profile-description" font-family="{2}" font-size="{3}"'
                ' fill="{4}" direction="ltr">',
                WIDTH,
                round(canvas.y) + 2 * PAD,
                SANS,
                SIZE,
                colour("ink"),
            ),
            html('<title id="profile-title">Profile of {}</title>', escape(profile.subject)),
            html('<desc id="profile-description">{}</desc>', escape(description(profile))),
            *canvas.parts,
            html("</svg>\n"),
        ),
        html("\n"),
    )
