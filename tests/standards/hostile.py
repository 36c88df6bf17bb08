"""A report of texts that people type and machines stumble over."""

import hashlib

import studies
import toy

from trial.definition import Definition, study
from trial.render import ars, datasets
from trial.tables.grid import (
    Cell,
    Column,
    Cut,
    Figure,
    Flow,
    Grid,
    Listing,
    ListingColumn,
    Mark,
    Report,
    Row,
    Series,
    Statistic,
)
from trial.tables.rows.kinds import row_id

TEXTS = {
    "",
    '=HYPERLINK("http://x")',
    "<script>alert('1')</script>",
    "a/b=c,d",
    "line\nbreak\r\ttab",
    "separators \u2028 \u2029 \x85",
    "null \x00 and bell \x07",
    "lone \ud800 surrogate",
    "\u202eright to left \u05d0\u05d1",
    "\u4e2d\u6587",
    "x" * 32767,
    "\\ud800 as typed",
    "_x0041_ as typed",
    'what stands between rows, ],[ and "],["',
}  # fmt: skip
CUT = Cut("c1", "S&<1>", "T", "", "'\"\u2028", "d" * 64, 1, "open", 3, "r" * 64, "2024-02-29")
FIGURE = Figure(
    id="14.2.2",
    title="Means by visit",
    population="All",
    kind="line",
    x_label="Day",
    y_label="Value",
    series=(Series("a", "A", (Mark("0", "1"),)),),
    source="14.2.4",
)


def definition() -> Definition:
    """Give a definition that knows nothing of these tables."""
    return study.load(toy.definition("S-1")).definition


def report() -> Report:
    """Put every text where a table, a listing and a title may have one."""
    rows = tuple(
        Row(
            row_id("term", text),
            text,
            0,
            (Cell("a", (Statistic("n", i, str(i)), Statistic("odd one", text, text))),),
            (("level", text),),
        )
        for i, text in enumerate(sorted(TEXTS))
    )
    titles = tuple(sorted(TEXTS))
    grids = (Grid("14.1", titles[1], titles[2], (Column("a", titles[3], 3),), rows, titles),)
    return Report(CUT, (), Flow("", "", ()), grids, (listing(),))


def listing() -> Listing:
    """List every text, with numbers and dates beside it; some of them missing, some odd."""
    columns = (
        ListingColumn("USUBJID", "Subject \u2028", key=1),
        ListingColumn("TERM", "Term"),
        ListingColumn("N", "Number", "number", integer=True),
        ListingColumn("X", "Value", "number"),
        ListingColumn("DTC", "Date", "date"),
        ListingColumn("DT", "Day", "day"),
    )
    rows = [
        (f"S-{i}", text, i, None if i % 2 else text, "2024-02", "2024-02-29" if i % 3 else None)
        for i, text in enumerate(sorted(TEXTS))
    ]
    return Listing("16.2/7 \u4e2d", "Texts", "All", columns, rows)


def digest_with_another() -> str:
    """Hash the results of a shipped study and of this one, and the data of the former."""
    shipped, defined = studies.report_of("airway-2x2"), studies.defined("airway-2x2").definition
    pieces = [*ars.results(shipped, defined), *ars.results(report(), definition())]
    for listing in shipped.listings:
        pieces += datasets.dataset(listing, shipped.cut)
    return hashlib.sha256(b"".join(pieces)).hexdigest()
