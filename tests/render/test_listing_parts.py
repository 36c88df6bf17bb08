"""Listings that one workbook is not for: which leave it, where they are split, what says so."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import samples
from builders import files_of
from openpyxl import load_workbook

from trial.render import documents
from trial.render.page import page
from trial.render.workbook import parts
from trial.render.workbook.parts import ListingPart, parts_of
from trial.tables.file_names import part_name
from trial.tables.grid import Listing, ListingColumn, Report

CSV_OF_ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
COLUMNS = (ListingColumn("subject", "Subject"), ListingColumn("visit", "Visit", "number"))


@dataclass(frozen=True)
class Block:
    """Rows that are kept."""

    rows: tuple[Any, ...]
    lines = pages = columns = None

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self.rows).encode()).hexdigest()

    def template(self, _: str, make: Callable[[], list[str]]) -> list[str]:
        return make()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)


@dataclass(frozen=True)
class Blocked:
    blocks: list[Block]

    def __iter__(self) -> Iterator[Any]:
        return (row for block in self.blocks for row in block)


def listing(id_: str, *counts: int, start: int = 0) -> Listing:
    blocks = [
        Block(tuple((f"S-{start + n:04}", visit) for visit in range(count)))
        for n, count in enumerate(counts)
    ]
    return Listing(id_, f"Listing of {id_}", "ITT", COLUMNS, Blocked(blocks), ("Sorted.",))


def of(*listings: Listing) -> Report:
    return replace(samples.trial(), grids=(), figures=(), listings=listings)


def rows_of(listing_parts: Any) -> list[list[Any]]:
    return [list(part.listing.rows) for part in listing_parts]


def test_the_longest_leave_and_as_few_as_will_do() -> None:
    long, longer, short = listing("b", *[5] * 8), listing("c", *[5] * 10), listing("a", 3, 2)
    assert parts_of([short, long, longer], 95) == {}
    assert list(parts_of([short, long, longer], 94)) == ["c"]
    assert list(parts_of([short, long, longer], 44)) == ["c", "b"]
    assert list(parts_of([listing("x", 9), listing("y", 9)], 10)) == ["x"]
    assert parts_of([replace(long, rows=[("S", 1)] * 99)], 10) == {}  # nobody knows how many


@pytest.mark.parametrize(
    "counts",
    [
        [5] * 40, [1, 0, 9] * 14, [0] * 9 + [10, 10, 10], [30, 1, 30],
        [0, 30, 0, 5, 0], [30, 0, 0], [0, 0, 30], [0, 30, 0, 30, 0],
    ],
)  # fmt: skip
def test_parts_hold_all_rows_once_and_none_has_more_than_are_allowed(counts: list[int]) -> None:
    whole = listing("16.2.8", *counts)
    (result,) = parts_of([whole], 20).values()
    assert [row for rows in rows_of(result) for row in rows] == list(whole.rows)
    assert [part.records for part in result] == [len(rows) for rows in rows_of(result)]
    assert [part.number for part in result] == [*range(1, len(result) + 1)]
    assert {part.total for part in result} == {len(result)}
    for part in result:
        assert part.records
        assert part.records <= 20 or len([b for b in part.listing.rows.blocks if b.count]) == 1
        if max(counts) <= 10:
            assert part.records > 10 - 9 or part is result[-1]


def test_a_row_more_changes_its_part_alone_but_where_it_decides_where_that_ends() -> None:
    counts = [3 + n % 5 for n in range(400)]
    before = parts_of([listing("x", *counts)], 200)["x"]
    assert len(before) > 8
    changed = []
    for place in range(0, 400, 20):
        more = [count + (n == place) for n, count in enumerate(counts)]
        after = parts_of([listing("x", *more)], 200)["x"]
        old, new = ({repr(rows) for rows in rows_of(either)} for either in (before, after))
        changed.append(len(new - old))
    assert changed.count(1) >= 16


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.setattr(parts, "MOST_RECORDS", 60)
    return files_of(of(listing("16.2.6", *[5] * 30), listing("16.2.7", 4, 4)))


def test_every_workbook_says_which_part_it_is_and_where_the_others_are(
    published: dict[str, bytes],
) -> None:
    names = [name for name in published if name.startswith("listings-")]
    assert names == [part_name("l1626", n) for n in range(1, len(names) + 1)]
    assert len(names) > 2
    main = load_workbook(BytesIO(published["listings.xlsx"]))
    assert "16.2.7" in main.sheetnames
    assert "16.2.6" not in main.sheetnames
    contents = {row[0].value: row for row in main["Cover"].iter_rows() if row[0].hyperlink}
    rows, records = [], []
    for number, name in enumerate(names, 1):
        line = contents[f"Listing 16.2.6, part {number} of {len(names)}"]
        assert line[0].hyperlink.target == name
        assert line[1].value.endswith(f", in {name}")
        book = load_workbook(BytesIO(published[name]))
        assert book.sheetnames == ["Cover", "16.2.6"]
        texts = [cell.value for row in book["Cover"].iter_rows() for cell in row if cell.value]
        assert f"{samples.CUT.study}: Listing 16.2.6, part {number} of {len(names)}" in texts
        targets = {
            row[0].hyperlink.target
            for row in book["Cover"].iter_rows()
            if row[0].hyperlink and row[0].hyperlink.target
        }
        assert targets == {"listings.xlsx", "manifest.json", *names} - {name}
        sheet = book["16.2.6"]
        first, last = (
            int("".join(filter(str.isdigit, at))) for at in sheet.auto_filter.ref.split(":")
        )
        rows += [(a.value, b.value) for a, b in sheet.iter_rows(first + 1, last)]
        records.append(line[3].value)
        assert records[-1] == last - first
        head = [str(row[0].value) for row in sheet.iter_rows(1, first)]
        assert f"Part {number} of {len(names)}, in {name}; listings.xlsx names all parts" in head
    assert rows == list(listing("16.2.6", *[5] * 30).rows)
    assert sum(records) == 150
    assert [name for name in names if f'"{name}"'.encode() not in published["manifest.json"]] == []


def test_the_page_and_the_standard_lead_to_the_parts(published: dict[str, bytes]) -> None:
    text = published["report.html"].decode()
    assert 'href="./listings-l1626-2.xlsx"' in text.split('id="provenance"')[0]
    assert b'"listings-l1626-2.xlsx"' in published["results.json"]
    plain = "".join(map(str, page(of(listing("16.2.6", 5)), ["listings.xlsx", "manifest.json"])))
    assert "but for the long ones" in text
    assert "but for the long ones" not in plain


def test_a_part_without_a_cut_of_its_own_does_not_change_with_the_cut() -> None:
    cut = replace(samples.CUT, as_of="")
    (part, *_) = parts_of([listing("x", *[5] * 30)], 60)["x"]
    later = replace(cut, id="another", content_root="f" * 64, accepted=cut.accepted + 1)
    shown, shown_later = documents.part_cut(cut), documents.part_cut(later)
    assert part.inputs(shown, (9, 9)) == part.inputs(shown_later, (9, 9)) != ""
    content = [b"".join(documents.part_workbook(part, c, (9, 9))) for c in (shown, shown_later)]
    assert content[0] == content[1]
    others: list[tuple[ListingPart, Any]] = [
        (replace(part, total=9), (9, 9)), (part, (9, 8)),
        (replace(part, listing=replace(part.listing, footnotes=())), (9, 9)),
    ]  # fmt: skip
    digests = {other.inputs(shown, widths) for other, widths in others}
    assert len(digests | {part.inputs(shown, (9, 9))}) == 4


def test_libre_office_opens_a_part(published: dict[str, bytes], tmp_path: Path) -> None:
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    source = tmp_path / "listings-l1626-2.xlsx"
    source.write_bytes(published[source.name])
    command = [
        program, f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless",
        "--convert-to", CSV_OF_ALL_SHEETS,
        "--outdir", str(tmp_path), str(source),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (listed,) = tmp_path.glob("*16.2.6*.csv")
    assert "S-00" in listed.read_text(encoding="utf-8")
