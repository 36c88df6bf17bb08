"""What a listing's row costs, beside openpyxl's write-only mode; memory and files of long ones.

Instructions are counted by callgrind from one row to another, so that what a workbook costs once,
and the first rows, which decide its widths, do not count. Making the row itself does, on both
sides. The packages at hand are those of a deployment: openpyxl would import NumPy if it were there.
"""

import json

from benchmarks import ROOT
from benchmarks.instructions import READY, instructions_once_ready, packages, run
from benchmarks.rows import Measured

RUN = 128  # rows that are compressed together
OURS_ROWS = 16 * RUN, 24 * RUN
"""From which row on until which: what is read ahead is written by then."""
THEIRS_ROWS = 40, 160
LARGE_OURS, LARGE_THEIRS = (16 * RUN, 64 * RUN), (2_000, 6_000)
SHORT, LONG = 2_000, 20_000
LARGE_SHORT, LARGE_LONG = 10_000, 500_000
_PACKAGES = (
    "openpyxl", "et_xmlfile", "defusedxml",
    "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection",
)  # fmt: skip
_ROWS = """
from decimal import Decimal
def made(n):
    for i in range(n):
        yield (
            f"TMB301-{i // 9:06}", f"Site {101 + i % 97}", f"{23 + i % 40}/M/WHITE",
            f"loose stools after infusion {i}", "Diarrhoea", "Gastrointestinal disorders",
            "2016-03" if i % 7 == 0 else f"2016-03-{i % 28 + 1:02}", i % 160 + 1,
            None if i % 5 == 0 else f"2016-04-{i % 28 + 1:02}", None if i % 5 == 0 else i % 37,
            i % 5 + 1, "Y" if i % 9 else "N", "NOT RELATED" if i % 3 else "RELATED",
            "RECOVERED/RESOLVED" if i % 5 else "NOT RECOVERED/NOT RESOLVED",
            Decimal(i * 7 % 100003) / 1000,
        )
"""
_WHOLE = (
    _ROWS
    + """
import sys
def rows():
    return made(int(sys.argv[1]))
"""
)
_COUNTED = (
    _ROWS
    + f"""
import atexit, gc, os, sys
def rows():
    first, last = map(int, sys.argv[1:])
    for i, row in enumerate(made(last + 1)):
        if i == first:
            gc.collect()
            gc.freeze()
            {READY}
        if i == last:
            atexit._run_exitfuncs()
            os._exit(0)
        yield row
"""
)
OURS = """
import json, os, resource, sys
opened = []
def watch(event, found):
    if event == "open" and found[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        opened.append(found[0])
from trial.render.workbook import workbook
from trial.tables.grid import Cut, Flow, Listing, ListingColumn, Report
class Rows:
    def __iter__(self):
        return rows()
kinds = {6: "date", 7: "number", 8: "date", 9: "number", 10: "number", 14: "number"}
columns = tuple(ListingColumn(f"c{i}", f"Column {i}", kinds.get(i, "text")) for i in range(15))
listing = Listing("16.2.7", "Adverse events", "Safety", columns, Rows())
cut = Cut("c", "TMB-301", "t", "", "", "d", 1, "open", 1, "r", "2016-12-20")
sys.addaudithook(watch)
size = sum(map(len, workbook(Report(cut, (), Flow("", "", (), ()), (), (listing,)))))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"size": size, "memory": memory / 1024, "opened": len(opened)}))
"""
WRITE_ONLY = """
from io import BytesIO
from openpyxl import Workbook
book = Workbook(write_only=True)
sheet = book.create_sheet()
for row in rows():
    sheet.append(row)
book.save(BytesIO())
"""


def measure(*, large: bool = False) -> list[Measured]:
    """Count rows of both, then make a short listing and a long one."""
    row = _per_row(OURS, *(LARGE_OURS if large else OURS_ROWS))
    write_only = _per_row(WRITE_ONLY, *(LARGE_THEIRS if large else THEIRS_ROWS))
    ratio = Measured(
        "instructions per listing row / write-only",
        row / write_only,
        0.14,
        f"{row:,.0f} / {write_only:,.0f} instructions",
    )
    return [ratio, *(_long(LARGE_SHORT, LARGE_LONG) if large else _long(SHORT, LONG))]


def _per_row(program: str, first: int, last: int) -> float:
    with packages(*_PACKAGES) as directory:
        counted = instructions_once_ready(
            _COUNTED + program, [ROOT / "functions", directory], str(first), str(last)
        )
    return counted / (last - first)


def _long(short: int, rows: int) -> list[Measured]:
    short_run, long_run = map(_whole, (short, rows))
    growth = (
        f"{short_run['memory']:.0f} MiB at {short:,} rows, {long_run['memory']:.0f} at {rows:,}"
    )
    size = f"{rows:,} rows, {long_run['size'] / rows:.0f} bytes a row"
    return [
        Measured(
            "peak memory of a long listing / of a short one",
            long_run["memory"] / short_run["memory"],
            1.1,
            growth,
        ),
        Measured("files opened for writing", long_run["opened"], 0),
        Measured("size of the workbook, MB", long_run["size"] / 1e6, None, size),
    ]


def _whole(rows: int) -> dict[str, float]:
    with packages(*_PACKAGES) as directory:
        printed = run(_WHOLE + OURS, [ROOT / "functions", directory], "-S", arguments=[str(rows)])
    figures: dict[str, float] = json.loads(printed)
    return figures
