"""What the files of a publication are called, for those who write, keep and read them."""

from collections.abc import Iterable
from itertools import count, takewhile

PAGE = "report.html"
DEFINITION = "definition.json"
SUMMARY = "summary.json"
SUMMARY_MARKDOWN = "summary.md"
FLOW_SVG = "consort.svg"
FLOW_JSON = "consort.json"
FLOW_MARKDOWN = "consort.md"
CONSORT_CHECKLIST = "consort_checklist.json"
TABLES = "tables.json"
RESULTS = "results.json"
WORKBOOK = "listings.xlsx"
"""With the listings that it is not too small for; the others have workbooks of their own."""
NARRATIVES = "narratives.html"
"""Only of a study that defines narratives."""
MANIFEST = "manifest.json"
"""Names all the others with their SHA-256, and is written after them."""

_PARTS = "listings-"


def part_name(dataset: str, number: int) -> str:
    """Return the name of the workbook of a part of a long listing, by the name of its data."""
    return f"{_PARTS}{dataset}-{number}.xlsx"


def is_workbook(name: str) -> bool:
    """Return whether a file is the workbook of listings, or one of a long listing's parts."""
    return name == WORKBOOK or (name.startswith(_PARTS) and name.endswith(".xlsx"))


def parts_among(dataset: str, names: Iterable[str]) -> list[str]:
    """Return the workbooks of a listing's parts among files, the first first; of most are none."""
    known = frozenset(names)
    return list(takewhile(known.__contains__, (part_name(dataset, n) for n in count(1))))


LATEST = "latest.json"
"""Names the version of every live file of one publication, and is written last."""
HEADS, TRAIL, CHANGES = "heads.json", "audit.ndjson", "changes.xlsx"
"""What the order of arrival decides, kept apart: journal heads, audit trail, changes."""
SIGNATURE = "manifest.sig.json"
"""What is signed of a publication, and the public half of the key that signed it."""
CHANGES_SIGNATURE = "changes.sig.json"
"""What is signed of the changes of a report, which no manifest names."""
UNLISTED = frozenset({HEADS, TRAIL, SIGNATURE})
"""Files beside a publication that its manifest does not list."""
AUDIT_REPORT = "report.json"
"""What the last audit found."""
