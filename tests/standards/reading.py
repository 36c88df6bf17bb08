"""Workbooks as each reader of them understands them: its sheets, and every cell that is not empty.

A day is its number, as the file holds it. Texts are as the reader gives them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pytest
import python_calamine

type Book = Mapping[str, Mapping[tuple[int, int], str | float]]
"""By the names of sheets: each cell's value by its row and column, from 1 on."""

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / ".local" / "readers"
SCRIPT = Path(__file__).parent / "readers" / "read.mjs"
SOFFICE = shutil.which("soffice")
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - days have no zone


def _value(value: Any) -> str | float:
    if isinstance(value, datetime):
        return (value - _DAY_ZERO).days
    if isinstance(value, date):
        return (datetime.combine(value, time()) - _DAY_ZERO).days
    return value if isinstance(value, str) else float(value)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)  # noqa: PLR0124


def _placed(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, int], str | float]:
    return {
        (row, column): _value(value)
        for row, values in enumerate(rows, 1)
        for column, value in enumerate(values, 1)
        if not _is_empty(value)
    }


# The file itself


def parsed(path: Path) -> Book:
    """Read what the file says, by its XML alone: what every reader has to find."""
    with ZipFile(path) as members:
        relations = {
            item.get("Id"): f"xl/{item.get('Target')}".replace("xl//", "")
            for item in _root(members, "xl/_rels/workbook.xml.rels")
        }
        strings = []
        if "xl/sharedStrings.xml" in members.namelist():
            strings = [_text(item) for item in _root(members, "xl/sharedStrings.xml")]
        sheets = _root(members, "xl/workbook.xml").findall("{*}sheets/{*}sheet")
        return {
            str(sheet.get("name")): dict(_cells(_root(members, _part(sheet, relations)), strings))
            for sheet in sheets
        }


def _root(members: ZipFile, name: str) -> ET.Element:
    return ET.fromstring(members.read(name))  # noqa: S314 (the service's own file)


def _part(sheet: ET.Element, relations: Mapping[str | None, str]) -> str:
    return relations[next(v for k, v in sheet.attrib.items() if k.endswith("}id"))]


def _text(item: ET.Element) -> str:
    return "".join(value.text or "" for value in item.iter() if value.tag.endswith("}t"))


def _cells(
    sheet: ET.Element, strings: Sequence[str]
) -> Iterator[tuple[tuple[int, int], str | float]]:
    for cell in sheet.iterfind("{*}sheetData/{*}row/{*}c"):
        row, column = openpyxl.utils.cell.coordinate_to_tuple(str(cell.get("r")))
        value = cell.findtext("{*}v")
        match cell.get("t"):
            case "inlineStr":
                text: Any = _text(cell)
            case "s":
                text = strings[int(value or "")]
            case _:
                text = None if value is None else float(value)
        if not _is_empty(text):
            yield (row, column), text


# Readers


def by_openpyxl(path: Path) -> Book:
    book = openpyxl.load_workbook(path)
    return {sheet.title: _placed(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def by_calamine(path: Path) -> Book:
    book = python_calamine.CalamineWorkbook.from_path(path)
    return {
        name: _placed(book.get_sheet_by_name(name).to_python(skip_empty_area=False))
        for name in book.sheet_names
    }


def by_pandas(path: Path, engine: Any) -> Book:
    frames = pd.read_excel(
        path, sheet_name=None, header=None, dtype=object, na_filter=False, engine=engine
    )
    return {
        str(name): _placed(frame.itertuples(index=False, name=None))
        for name, frame in frames.items()
    }


def by_libre_office(paths: Sequence[Path], folder: Path) -> list[Book]:
    """Have LibreOffice open all workbooks, started once, and write what it understood."""
    if SOFFICE is None:
        pytest.skip("LibreOffice (soffice) is not installed")
    command = [
        SOFFICE, f"-env:UserInstallation=file://{folder}/profile", "--headless",
        "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"),
        *map(str, paths),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=500)
    return [parsed(folder / "out" / path.name) for path in paths]


def by_node(reader: str) -> Callable[[Sequence[Path]], list[Book]]:
    def read(paths: Sequence[Path]) -> list[Book]:
        node = MODULES / "bin" / "node"
        if not (MODULES / ".ready").exists():
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing("readers of npm are not installed: make readers")
        command = [str(node), str(SCRIPT), str(MODULES), reader, *map(str, paths)]
        process = subprocess.run(command, check=True, capture_output=True, timeout=300)
        return [
            {
                name: {(row, column): _value(value) for row, column, value in cells if value != ""}
                for name, cells in book
            }
            for book in json.loads(process.stdout)
        ]

    return read
