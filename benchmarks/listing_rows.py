"""What a listing's row costs, beside openpyxl's write-only mode; memory and files of long ones.

Instructions are counted by callgrind as the difference between two lengths of a listing, so that
what a workbook costs once does not count; the first rows, which decide its widths, are in both.
"""

import importlib.util
import json
from pathlib import Path

from benchmarks import ROOT
from benchmarks.instructions import instructions, run
from benchmarks.rows import Measured

OURS_FEW, OURS_MORE = 2_000, 2_400
THEIRS_FEW, THEIRS_MORE = 40, 160
LARGE_FEW, LARGE_MORE = 2_000, 6_000
SHORT, LONG = 2_000, 20_000
LARGE_SHORT, LARGE_LONG = 10_000, 500_000
_ROWS = """
from decimal import Decimal
def rows():
    for i in range({n}):
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
OURS = (
    _ROWS
    + """
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
)
WRITE_ONLY = (
    _ROWS
    + """
from io import BytesIO
from openpyxl import Workbook
book = Workbook(write_only=True)
sheet = book.create_sheet()
for row in rows():
    sheet.append(row)
book.save(BytesIO())
"""
)


def measure(*, large: bool = False) -> list[Measured]:
    """Count both at two lengths each, then make a short listing and a long one."""
    own_sizes = (LARGE_FEW, LARGE_MORE) if large else (OURS_FEW, OURS_MORE)
    write_only_sizes = (LARGE_FEW, LARGE_MORE) if large else (THEIRS_FEW, THEIRS_MORE)
    row, write_only = _per_row(OURS, *own_sizes), _per_row(WRITE_ONLY, *write_only_sizes)
    ratio = Measured(
        "instructions per listing row / write-only",
        row / write_only,
        0.14,
        f"{row:,.0f} / {write_only:,.0f} instructions",
    )
    return [ratio, *(_long(LARGE_SHORT, LARGE_LONG) if large else _long(SHORT, LONG))]


def _long(short: int, rows: int) -> list[Measured]:
    short_run, long_run = (json.loads(run(_of(OURS, n), _paths(), "-S")) for n in (short, rows))
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


def _of(program: str, rows: int) -> str:
    return program.replace("{n}", str(rows))


def _paths() -> list[Path]:
    site = Path(str(importlib.util.find_spec("openpyxl").origin)).parents[1]  # type: ignore[union-attr]
    return [ROOT / "functions", site]


def _per_row(program: str, low: int, high: int) -> float:
    counted = [instructions(_of(program, n), _paths(), "-S") for n in (low, high)]
    return (counted[1] - counted[0]) / (high - low)
