"""What a reader meets first: which state of which study, its key results, its discrepancies."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from trial.render.markdown import interval
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import css_string, unordered
from trial.render.page.style import style_sheet
from trial.tables.grid import Cut, KeyResult

# Nothing is fetched and nothing runs, whatever a title or a term tries.
_POLICY = html(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def head(cut: Cut, name: str = "", rules: Html = EMPTY) -> Html:
    """Write the head; the margins of a printed page name the cut that it shows.

    `name` says what a page is that is not the whole report, and `rules` are those of its own style.
    """
    state = cut.completion.state.lower()
    data_date = f"data date {cut.data_date}" if cut.data_date else ""
    names = (cut.study, state, f"cut {cut.id}" if cut.id else "live", data_date)
    margin = css_string(" \u00b7 ".join(name for name in names if name))
    return html(
        """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{}</title>
<style>
{}{}</style>
</head>
""",
        _POLICY,
        escape(f"{cut.study} ({state}): {f'{name}: ' if name else ''}{cut.title}"),
        style_sheet(notice=css_string(cut.notice), cut=margin),
        rules,
    )


def banner(cut: Cut, extra: Html = EMPTY) -> Iterator[Html]:
    """Write notice, protocol, title, and the state of the study; then `extra` facts."""
    yield html("<header>\n")
    if cut.notice:
        yield html('<p class="notice">{}</p>\n', escape(cut.notice))
    yield html('<p class="study">{}</p>\n<h1>{}</h1>\n', escape(cut.study), escape(cut.title))
    yield html('<p class="completion">{}</p>\n', escape(cut.completion.text))
    yield html('<dl class="facts">\n')
    facts = (
        ("Registry", cut.registry),
        ("Data date", cut.data_date or "no data yet"),
        ("Clinical cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Audience", cut.audience),
        ("Cut", cut.id or "live"),
    )
    yield joined(
        html("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(fact))
        for name, fact in facts
        if fact
    )
    yield extra
    yield html("</dl>\n</header>\n")


def discrepancies_fact(contradictions: int, notable: int) -> Html:
    """Write how many discrepancies there are, among the facts of the banner."""
    counts = ((contradictions, "contradictory"), (notable, "notable"))
    summary = ", ".join(f"{count} {severity}" for count, severity in counts if count) or "none"
    return html(
        '<div><dt>Discrepancies</dt><dd><a href="#discrepancies">{}</a></dd></div>\n',
        escape(summary),
    )


def key_results(
    key_results: Sequence[KeyResult], link: Callable[[KeyResult], Html] | None = None
) -> Iterator[Html]:
    """Write the key results as cards, those of the primary end point before all others.

    Where a `link` is given, each value leads to the address that it returns.
    """
    yield html('<section aria-labelledby="key-results">\n<h2 id="key-results">Key results</h2>\n')
    primary = [key_result for key_result in key_results if key_result.primary]
    secondary = [key_result for key_result in key_results if not key_result.primary]
    yield unordered(map(partial(_card, link=link), primary), "cards primary")
    yield unordered(map(partial(_card, link=link), secondary), "cards")
    if not key_results:
        yield html("<p>None defined.</p>\n")
    yield html("</section>\n")


def _card(key_result: KeyResult, link: Callable[[KeyResult], Html] | None) -> Html:
    value = escape(key_result.text or "\u2013")
    return html(
        """{}<p class="label">{}</p>
<p class="value">{}{}</p>
{}""",
        html('<p class="role">Primary end point</p>\n') if key_result.primary else EMPTY,
        bdi(key_result.label),
        value if link is None else html('<a href="{}">{}</a>', link(key_result), value),
        _unit(key_result),
        joined(html('<p class="detail">{}</p>\n', line) for line in _details(key_result)),
    )


def _unit(key_result: KeyResult) -> Html:
    unit = "" if key_result.unit == "%" else key_result.unit  # the text has the sign already
    unit = "(nominal)" if key_result.nominal else unit
    if not unit or key_result.value is None:
        return EMPTY
    return html(' <span class="unit">{}</span>', escape(unit))


def _details(key_result: KeyResult) -> Iterator[Html]:
    yield joined(_counts(key_result), html(" \u00b7 "))
    yield bdi(key_result.population)
    method = key_result.imputation or key_result.method
    remarks = (method, key_result.left_out, key_result.rule, key_result.direction)
    if line := "; ".join(remark for remark in remarks if remark):
        yield bdi(line)


def _counts(key_result: KeyResult) -> Iterator[Html]:
    if key_result.ci is not None:
        yield html(
            '<span class="term">{}</span> {}',
            escape(key_result.interval),
            escape(interval(key_result)),
        )
    if key_result.n is not None and key_result.N is None:
        yield html('<span class="term">n</span> {}', key_result.n)
    elif key_result.n is not None and key_result.N is not None:
        yield html('<span class="term">n/N</span> {}/{}', key_result.n, key_result.N)


def discrepancies_section(contradictions: Sequence[str], notable: Sequence[str]) -> Iterator[Html]:
    """Write what does not add up, and apart from it what may yet be right."""
    yield html(
        '<section aria-labelledby="discrepancies">\n<h2 id="discrepancies">Discrepancies</h2>\n'
    )
    yield unordered(map(escape, contradictions), "discrepancies") or html(
        '<p class="fine">None: the records agree with each other, and the flow adds up.</p>\n'
    )
    if notable:
        yield html("<h3>Missing or unusual, and possibly right</h3>\n")
        yield unordered(map(escape, notable), "notable")
    yield html("</section>\n")
