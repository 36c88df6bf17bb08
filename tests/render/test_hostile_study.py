"""A study of texts that machines stumble over, through the whole service's core, in every document.

1,000 sites and subjects, 2,000 preferred terms, formulas, markup, control characters, writing from
right to left, CJK, and verbatims as long as a cell: all of it accepted as events.
"""

import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser
from itertools import chain, cycle
from pathlib import Path

import builders
import jsonschema
import openpyxl
import pytest

from trial.definition.study import Study

SIZE = 1_000
TEXTS = (
    '=HYPERLINK("http://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "<script>alert(document.cookie)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "]]> & &amp; &#0; <!-- -->",
    "bell \x07, escape \x1b[31m, null \x00, delete \x7f",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\u5934\u75db\u3001\u6076\u5fc3 \u982d\u75db \ub450\ud1b5",
    "two\nlines\r\nand a third",
    "_x0041_ is not A",
    "\U0001f9ec\u0301 combined",
    "x" * 32_767,
    "W\u00fcrgereiz " * 2_700,
)
STANDARDS = Path(__file__).parents[1] / "standards" / "schemas"


def hostile() -> Study:
    return builders.tmb301(
        ("title", TEXTS[5] + TEXTS[9]),
        ("notice", f"{TEXTS[0]} {TEXTS[6]}"),
        ("tables/0/title", TEXTS[6]),
        ("tables/3/footnotes", [TEXTS[0], TEXTS[8].replace("\x00", "")]),
        ("tables/3/columns/0/label", TEXTS[10]),
        ("listings/0/title", TEXTS[7]),
        ("listings/0/columns/0/label", "=1+1"),
        ("figures/0/title", TEXTS[5]),
    )


@cache
def files() -> dict[str, bytes]:
    study, texts = hostile(), cycle(TEXTS)
    entries = []
    for number in range(SIZE):
        subject = f"S-{number:04}"
        entries += [
            builders.enrolment(subject=subject, site=f"{number:04}", age=50, sex="F"),
            builders.dose(subject=subject, treatment="ibalizumab"),
            builders.viral_load(0, 30_000, subject=subject),
            builders.viral_load(7, 29_000, subject=subject),
        ]
        for event in (f"AE-{2 * number}", f"AE-{2 * number + 1}"):
            text = next(texts)
            entries += [
                builders.adverse_event(10, event, subject, term=text, causality="RELATED"),
                builders.coding(f"{event} {text[:200]}", event, subject),
            ]
    return builders.files_of(builders.report_of(study, entries), study)


class Reader(HTMLParser):
    """Collects what a browser would run, or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        fetched = any(
            name in {"src", "href"} and str(value).startswith(("http", "javascript", "//"))
            for name, value in attrs
        )
        if tag in {"script", "img", "iframe", "object"} or fetched:
            self.active.append(tag)
        self.active += [name for name, _ in attrs if name.startswith("on")]


def test_every_event_is_shown_and_no_text_runs_anything():
    reader = Reader()
    reader.feed(files()["report.html"].decode())
    assert reader.active == []
    assert b"AE-1999 " in files()["report.html"]


@pytest.mark.parametrize("name", ["consort.svg", "report.html"])
def test_no_control_character_is_left_in_what_a_browser_reads(name):
    text = files()[name].decode()
    assert not {character for character in text if ord(character) < 32 or ord(character) == 127} - {
        "\n",
        "\t",
    }


def test_the_flow_is_well_formed():
    svg = ET.fromstring(files()["consort.svg"])  # noqa: S314 (our own)
    assert svg.tag.endswith("}svg")
    assert any("enrol" in (item.text or "").lower() for item in svg.iter())


def test_the_workbook_reads_back_with_every_text_as_text():
    book = openpyxl.load_workbook(io.BytesIO(files()["listings.xlsx"]))
    listing = book["16.2.7"]
    (column,) = (
        cell.column for row in listing.iter_rows(max_row=20) for cell in row
        if cell.value == "Reported term"
    )  # fmt: skip
    values = [row[0].value for row in listing.iter_rows(min_col=column, max_col=column)]
    assert sum(value is not None for value in values) >= 2 * SIZE
    for text in ('=HYPERLINK("http://evil.example","click")', "+1+1", "@SUM(A1:A9)", "x" * 32_767):
        assert text in values
    formulas = [
        cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row
        if cell.data_type == "f"
    ]  # fmt: skip
    assert formulas == []


def test_libreoffice_opens_the_workbook(tmp_path):
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    (tmp_path / "listings.xlsx").write_bytes(files()["listings.xlsx"])
    command = [office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
               "--convert-to", "ods", "--outdir", tmp_path, tmp_path / "listings.xlsx"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert (tmp_path / "listings.ods").stat().st_size > 10_000


def test_the_standards_hold():
    schema = json.loads((STANDARDS / "ars_ldm.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert list(validator.iter_errors(json.loads(files()["results.json"]))) == []
    data = {name: file for name, file in files().items() if name.endswith(".ndjson")}
    for content in data.values():
        first, *rows = content.decode().split("\n")[:-1]
        assert json.loads(first)["records"] == len(rows)
        width = len(json.loads(first)["columns"])
        assert {len(json.loads(row)) for row in rows} <= {width}
    result = chain.from_iterable(
        json.loads(row) for row in data["datasets/adae.ndjson"].decode().split("\n")[1:-1]
    )
    assert {*TEXTS} <= {*result}


def test_tables_and_summary_are_json_and_markdown_has_no_markup_of_theirs():
    for name in ("summary.json", "tables.json", "consort.json", "manifest.json"):
        json.loads(files()[name])
    assert b"<script>" not in files()["summary.md"]
