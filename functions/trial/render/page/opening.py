"""What a reader meets first: which state of which study, its key results, its discrepancies."""

from collections.abc import Iterator, Sequence

from trial.render.markdown import interval
from trial.render.page.style import style_sheet
from trial.render.page.text import aside, css_string, text, unordered
from trial.tables.grid import Cut, KeyResult

# Nothing is fetched and nothing runs, whatever a title or a term tries.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def head(cut: Cut) -> str:
    """Write the head; a printed page tells at its margins which cut it is of."""
    state = cut.completion.state.lower()
    known = (cut.study, state, f"cut {cut.id}" if cut.id else "live", _dated(cut))
    margin = css_string(" \u00b7 ".join(each for each in known if each))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{text(f"{cut.study} ({state}): {cut.title}")}</title>
<style>
{style_sheet(notice=css_string(cut.notice), cut=margin)}</style>
</head>
"""


def _dated(cut: Cut) -> str:
    return f"data date {cut.data_date}" if cut.data_date else ""


def banner(cut: Cut, contradictions: int, notable: int) -> Iterator[str]:
    """Write notice, protocol, title, and which state of the study the page shows."""
    yield "<header>\n"
    if cut.notice:
        yield f'<p class="notice">{text(cut.notice)}</p>\n'
    yield f'<p class="study">{text(cut.study)}</p>\n<h1>{text(cut.title)}</h1>\n'
    yield f'<p class="completion">{text(cut.completion.text)}</p>\n'
    yield '<dl class="facts">\n'
    facts = (
        ("Registry", cut.registry),
        ("Data date", cut.data_date or "no data yet"),
        ("Clinical cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Audience", cut.audience),
        ("Cut", cut.id or "live"),
    )
    yield "".join(
        f"<div><dt>{name}</dt><dd>{text(fact)}</dd></div>\n" for name, fact in facts if fact
    )
    kinds = ((contradictions, "contradictory"), (notable, "notable"))
    told = ", ".join(f"{number} {word}" for number, word in kinds if number) or "none"
    yield f'<div><dt>Discrepancies</dt><dd><a href="#findings">{told}</a></dd></div>\n'
    yield "</dl>\n</header>\n"


def key_results(key_results: Sequence[KeyResult]) -> Iterator[str]:
    """Write the key results as cards, those of the primary end point before all others."""
    yield '<section aria-labelledby="key-results">\n<h2 id="key-results">Key results</h2>\n'
    primary = [key_result for key_result in key_results if key_result.primary]
    others = [key_result for key_result in key_results if not key_result.primary]
    yield unordered(map(_card, primary), "cards primary")
    yield unordered(map(_card, others), "cards")
    if not key_results:
        yield "<p>None defined.</p>\n"
    yield "</section>\n"


def _card(key_result: KeyResult) -> str:
    told = "(nominal)" if key_result.nominal else "" if key_result.unit == "%" else key_result.unit
    unit = (
        f' <span class="unit">{text(told)}</span>' if told and key_result.value is not None else ""
    )
    details = "".join(f'<p class="detail">{line}</p>\n' for line in _details(key_result))
    role = '<p class="role">Primary end point</p>\n' if key_result.primary else ""
    return f"""{role}<p class="label">{aside(key_result.label)}</p>
<p class="value">{text(key_result.text) or "\u2013"}{unit}</p>
{details}"""


def _details(key_result: KeyResult) -> Iterator[str]:
    yield " \u00b7 ".join(_counts(key_result))
    yield aside(key_result.population)
    how = key_result.imputation or key_result.method
    said = (how, key_result.left_out, key_result.rule, key_result.direction)
    if told := "; ".join(each for each in said if each):
        yield aside(told)


def _counts(key_result: KeyResult) -> Iterator[str]:
    if key_result.ci is not None:
        yield f'<span class="term">95% CI</span> {text(interval(key_result))}'
    if key_result.n is not None:
        shown = (
            ("n", f"{key_result.n}")
            if key_result.N is None
            else ("n/N", f"{key_result.n}/{key_result.N}")
        )
        yield '<span class="term">{}</span> {}'.format(*shown)


def discrepancies_section(contradictions: Sequence[str], notable: Sequence[str]) -> Iterator[str]:
    """Show what does not add up, apart from what may yet be right; or say that there is nothing."""
    yield '<section aria-labelledby="findings">\n<h2 id="findings">Discrepancies</h2>\n'
    yield (
        unordered((text(each) for each in contradictions), "findings")
        or '<p class="fine">None: the records agree with each other, and the flow adds up.</p>\n'
    )
    if notable:
        yield "<h3>Missing or unusual, and possibly right</h3>\n"
        yield unordered((text(each) for each in notable), "notable")
    yield "</section>\n"
