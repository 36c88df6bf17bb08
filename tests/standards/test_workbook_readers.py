"""Each reader of workbooks finds every cell: of every shipped study's, and of a hostile one."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import hostile
import pytest
import reading
from reading import Book
from studies import STUDIES, report_of

from trial.render.workbook import workbook

BOOKS = (*STUDIES, "hostile")
READERS = (
    "openpyxl",
    "calamine",
    "pandas",
    "pandas by calamine",
    "LibreOffice",
    "exceljs",
    "SheetJS",
)
LAST_BIT = 1e-15  # of a number that LibreOffice writes again


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("books")
    for name in BOOKS:
        report = hostile.report() if name == "hostile" else report_of(name)
        (folder / f"{name}.xlsx").write_bytes(b"".join(workbook(report)))
    return {name: folder / f"{name}.xlsx" for name in BOOKS}


@pytest.fixture(scope="module")
def books_by_name(paths: Mapping[str, Path]) -> Mapping[str, Book]:
    return {name: reading.parsed(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def read_by(
    paths: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Mapping[str, Book]]:
    """Give what a reader finds in every workbook; it is started once."""

    def each(reader: Callable[[Path], Book]) -> Callable[[Sequence[Path]], list[Book]]:
        return lambda paths: [reader(path) for path in paths]

    readers = {
        "openpyxl": each(reading.by_openpyxl),
        "calamine": each(reading.by_calamine),
        "pandas": each(partial(reading.by_pandas, engine="openpyxl")),
        "pandas by calamine": each(partial(reading.by_pandas, engine="calamine")),
        "LibreOffice": partial(reading.by_libre_office, folder=tmp_path_factory.mktemp("office")),
        "exceljs": reading.by_node("exceljs"),
        "SheetJS": reading.by_node("xlsx"),
    }

    @cache
    def found(reader: str) -> Mapping[str, Book]:
        return dict(zip(paths, readers[reader](list(paths.values())), strict=True))

    return found


def is_same(value: Any, counterpart: Any, slack: float) -> bool:
    if isinstance(value, float) and isinstance(counterpart, float):
        return abs(value - counterpart) <= slack * abs(value)
    return bool(plain(value) == plain(counterpart))


def plain(value: Any) -> Any:
    """Give a text without escapes: not every reader takes away what stands for a plain "_"."""
    return value.replace("_x005F_", "_") if isinstance(value, str) else value


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("reader", READERS)
def test_it_finds_every_cell_and_no_other(
    reader: str,
    name: str,
    read_by: Callable[[str], Mapping[str, Book]],
    books_by_name: Mapping[str, Book],
) -> None:
    book, expected = read_by(reader)[name], books_by_name[name]
    assert list(book) == list(expected)
    slack = LAST_BIT if reader == "LibreOffice" else 0
    for sheet, cells in expected.items():
        assert book[sheet].keys() == cells.keys(), sheet
        differences = [
            (sheet, place, value, book[sheet][place])
            for place, value in cells.items()
            if not is_same(value, book[sheet][place], slack)
        ]
        assert differences == []
    assert sum(map(len, expected.values())) > (20 if name == "hostile" else 5_000)
