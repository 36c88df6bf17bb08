"""What stands last: the listings of the workbook, where everything comes from, the other files."""

from collections.abc import Iterator, Sequence

from trial.render.page.text import aside, link, text, unordered
from trial.tables.grid import Cut, Listing, Section

_WORKBOOK = "listings.xlsx"
_MANIFEST = "manifest.json"
_SAYS = {
    "definition.json": "the study's definition, of which all the others are made",
    "summary.json": "key results and discrepancies, as data",
    "summary.md": "the summary on a page, as text",
    "consort.svg": "the participant flow, as a picture",
    "consort.json": "the participant flow, as data",
    "consort.md": "the participant flow, as text",
    "consort_checklist.json": "what fills each item of CONSORT, as data",
    _WORKBOOK: "every table and every listing",
    "tables.json": "every table, raw and as read",
    "results.json": "analysis results (CDISC ARS)",
    _MANIFEST: "size and SHA-256 of every file of this cut",
}


def methods(sections: Sequence[Section]) -> Iterator[str]:
    """Write the Methods, each part a table that can be folded."""
    if not sections:
        return
    yield '<section aria-labelledby="methods">\n<h2 id="methods">Methods</h2>\n'
    yield "<p>How every number is counted, written from the study's definition.</p>\n"
    for section in sections:
        yield f'<details open class="table method"><summary>{text(section.title)}</summary>\n'
        yield f'<div class="scroll" role="region" tabindex="0" aria-label="{text(section.title)}">'
        heads = "".join(f'<th scope="col">{text(each)}</th>' for each in section.heads)
        yield f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        yield from map(_told, section.rows)
        yield "</tbody></table></div>\n</details>\n"
    yield "</section>\n"


def _told(row: Sequence[str]) -> str:
    name, *rest = row
    cells = "".join(f"<td>{aside(each)}</td>" for each in rest)
    return f'<tr><th scope="row">{aside(name)}</th>{cells}</tr>\n'


def listings(found: Sequence[Listing], files: Sequence[str]) -> Iterator[str]:
    """Name the listings: their rows are in the workbook alone."""
    yield '<section aria-labelledby="listings">\n<h2 id="listings">Listings</h2>\n'
    where = f'<a href="{link(_WORKBOOK)}">{_WORKBOOK}</a>' if _WORKBOOK in files else "the workbook"
    yield f"<p>Each is a sheet of {where}.</p>\n" if found else "<p>None defined.</p>\n"
    yield unordered((_listing(each) for each in found), "listings")
    yield "</section>\n"


def _listing(listing: Listing) -> str:
    population = f'<span class="quiet"> \u00b7 {aside(listing.population)}</span>'
    number = f'<span class="number">{text(listing.id)}</span>'
    return f"{number} <span>{aside(listing.title)}{population}</span>"


def provenance(cut: Cut, files: Sequence[str]) -> Iterator[str]:
    """Tell what the page follows from, how that is verified, and which files belong to it."""
    yield '<section aria-labelledby="provenance">\n<h2 id="provenance">Provenance</h2>\n'
    facts = (
        ("Cut", cut.id or "live"),
        ("Content root", cut.content_root),
        ("Accepted revisions", str(cut.accepted)),
        ("Interim or final", cut.completion.text),
        ("Data date", cut.data_date),
        ("Clinical cut-off", cut.cutoff),
        ("As recorded by", cut.as_of),
        ("Definition", cut.definition),
        ("Contribution version", str(cut.contribution_version)),
        ("Audience", cut.audience),
    )
    yield '<dl class="source">\n'
    yield "".join(f"<dt>{name}</dt><dd>{text(fact)}</dd>\n" for name, fact in facts if fact)
    if cut.dictionaries:
        named = "".join(f"<dd>{text(each)}</dd>" for each in cut.dictionaries)
        yield f"<dt>Dictionaries</dt>{named}\n"
    yield "</dl>\n"
    yield from _verifying(files)
    if files:
        yield '<h3 id="files">Files of this cut</h3>\n'
        yield unordered(map(_file, files), "files")
    yield "</section>\n"


def _verifying(files: Sequence[str]) -> Iterator[str]:
    manifest = f'<a href="{link(_MANIFEST)}">{_MANIFEST}</a>' if _MANIFEST in files else _MANIFEST
    yield '<h3 id="verify">How to verify</h3>\n'
    steps = (
        f"Compare the SHA-256 of each file with {manifest}.",
        "Recount any table from the listings of the workbook: both come from the same records.",
        "Prove the content root, the SHA-256 over the accepted revisions, by the audit trail.",
        "Publish the cut again: the same records, definition and code give the same bytes.",
    )
    yield f"<ol>{''.join(f'<li>{step}</li>' for step in steps)}</ol>\n"


def _file(name: str) -> str:
    says = _SAYS.get(name, "")
    told = f'<span class="quiet"> \u00b7 {says}</span>' if says else ""
    return f'<a href="{link(name)}">{text(name)}</a>{told}'
