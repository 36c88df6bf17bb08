"""Where two files that should be the same differ first, in words for whoever has to look."""

import json
import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import zip_longest
from typing import Any
from zipfile import BadZipFile, ZipFile

import polars as pl
from polars.exceptions import PanicException, PolarsError

_CELL = re.compile(rb'<c r="([A-Z]+[0-9]+)".*?(?:/>|</c>)', re.DOTALL)
_SHOWN = 40


def unlike(name: str, published: bytes, remade: bytes) -> str:
    """Return where a file differs from the one made again; '' where it holds the same.

    Workbooks and Parquet files are compressed: two that hold the same may be packed otherwise on
    another machine.
    """
    if published == remade:
        return ""
    if name.endswith(".parquet"):
        return _in_parquet(published, remade)
    if name.endswith(".xlsx"):
        return _in_archive(published, remade)
    if name.endswith(".json"):
        return _in_json(published, remade)
    return _in_lines(published, remade)


def lines(content: bytes) -> bytes:
    """Unpack a Parquet file: what its footer says of it, its types, and a JSON object a row.

    Raises `ValueError` where it is none.
    """
    try:
        described = pl.read_parquet_metadata(BytesIO(content))
        table = pl.read_parquet(BytesIO(content))
    except (PolarsError, PanicException) as error:
        raise ValueError("is not a Parquet file") from error
    types = {name: str(kind) for name, kind in table.schema.items()}
    # As JSON what is no number, or an infinite one, would be null, as a missing value is.
    table = table.with_columns(pl.col(pl.Float64).cast(pl.String))
    head = json.dumps([sorted(described.items()), types], ensure_ascii=False)
    return head.encode() + b"\n" + table.write_ndjson().encode()


def _in_parquet(published: bytes, remade: bytes) -> str:
    try:
        published_lines = lines(published)
    except ValueError as error:
        return str(error)
    remade_lines = lines(remade)
    return "" if published_lines == remade_lines else _in_lines(published_lines, remade_lines)


def members(content: bytes) -> dict[str, bytes]:
    """Unpack an archive: its members by name; raises `BadZipFile`."""
    try:
        with ZipFile(BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadZipFile("a member is damaged") from error


def _in_archive(published: bytes, remade: bytes) -> str:
    try:
        published_members, remade_members = members(published), members(remade)
    except BadZipFile:
        return "is not a workbook"
    for name in sorted(published_members.keys() | remade_members.keys()):
        if name not in published_members or name not in remade_members:
            return f"{name}: is {'missing' if name in remade_members else 'unexpected'}"
        if published_members[name] != remade_members[name]:
            return f"{name}{_cell(published_members[name], remade_members[name])}"
    return ""


def _cell(published: bytes, remade: bytes) -> str:
    """Return which cell of a sheet is the first to differ."""
    cells = zip_longest(_CELL.finditer(published), _CELL.finditer(remade))
    for stated_cell, remade_cell in cells:
        if stated_cell is None or remade_cell is None or stated_cell[0] != remade_cell[0]:
            cell_match = stated_cell or remade_cell
            return f", cell {cell_match[1].decode()}" if cell_match else ""
    return ""


def _in_json(published: bytes, remade: bytes) -> str:
    try:
        published_value, remade_value = json.loads(published), json.loads(remade)
    except ValueError:
        return "is not JSON"
    return next(
        _differences(published_value, remade_value, ""), "has the same content in other bytes"
    )


def _differences(published: Any, remade: Any, pointer: str) -> Iterator[str]:  # noqa: ANN401 (JSON)
    if isinstance(published, dict) and isinstance(remade, dict):
        for name in [*remade, *(published.keys() - remade.keys())]:
            yield from _differences(published.get(name), remade.get(name), f"{pointer}/{name}")
    elif isinstance(published, list) and isinstance(remade, list):
        for i, (stated_element, remade_element) in enumerate(zip_longest(published, remade)):
            yield from _differences(stated_element, remade_element, f"{pointer}/{i}")
    elif published != remade or type(published) is not type(remade):
        yield f"{pointer}: {_short(published)}, not {_short(remade)}"


def _short(value: Any) -> str:  # noqa: ANN401 (JSON)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _in_lines(published: bytes, remade: bytes) -> str:
    pairs = zip_longest(published.split(b"\n"), remade.split(b"\n"))
    number, stated_line, remade_line = next(
        (n, a, b) for n, (a, b) in enumerate(pairs, 1) if a != b
    )
    if stated_line is None or remade_line is None:
        return f"line {number}: is {'missing' if stated_line is None else 'unexpected'}"
    column = next(
        (i for i, (a, b) in enumerate(zip(stated_line, remade_line, strict=False)) if a != b), 0
    )
    start = max(column - _SHOWN // 2, 0)
    texts = (
        line[start : start + _SHOWN].decode(errors="replace") for line in (stated_line, remade_line)
    )
    return f"line {number}: …{'…, not …'.join(texts)}…"
