"""Instructions per listing row / the same row by openpyxl's write-only mode: 0.25 at most.

By callgrind, as the difference between a listing of `MORE` rows and one of `FEW`, so that what a
workbook costs once does not count.
"""

import importlib.util
from pathlib import Path

from benchmarks import ROOT
from benchmarks.instructions import instructions
from benchmarks.rows import Measured

FEW, MORE = 40, 160
_ROWS = """
rows = [(f"TMB301-{i:03}", "ADVERSE EVENT", f"2015-06-{i % 28 + 1:02}", i % 97, "mild headache",
         "RECOVERED/RESOLVED", i % 5, "NOT RELATED") for i in range({n})]
"""
OURS = (
    _ROWS
    + """
from trial.render import excel
from trial.tables.grid import Cut, Flow, Listing, ListingColumn, Report
columns = tuple(ListingColumn(f"c{i}", f"Column {i}", "number" if i in (3, 6) else "text")
                for i in range(8))
listing = Listing("16.2.7", "Adverse events", "Safety", columns, rows)
cut = Cut("c", "TMB-301", "t", "", "", "d", 1, "open", 1, "r", "2016-12-20")
excel.workbook(Report(cut, (), Flow("", "", (), ()), (), (listing,)))
"""
)
WRITE_ONLY = (
    _ROWS
    + """
from io import BytesIO
from openpyxl import Workbook
book = Workbook(write_only=True)
sheet = book.create_sheet()
for row in rows:
    sheet.append(row)
book.save(BytesIO())
"""
)


def measure(*, large: bool = False) -> list[Measured]:
    """Count both, at two sizes each."""
    few, more = (FEW, 10 * MORE) if large else (FEW, MORE)
    site = Path(str(importlib.util.find_spec("openpyxl").origin)).parents[1]  # type: ignore[union-attr]
    paths = [ROOT / "functions", ROOT / "tests" / "render", ROOT / "tests", site]
    counted = {
        (program, n): instructions(program.replace("{n}", str(n)), paths, "-S")
        for program in (OURS, WRITE_ONLY)
        for n in (few, more)
    }
    ours, theirs = (
        (counted[program, more] - counted[program, few]) / (more - few)
        for program in (OURS, WRITE_ONLY)
    )
    detail = f"{ours:,.0f} / {theirs:,.0f} instructions"
    return [Measured("instructions per listing row / write-only", ours / theirs, 0.25, detail)]
