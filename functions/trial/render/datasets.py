"""Listings and what the tables are of as data: CDISC Dataset-JSON 1.1, and Parquet beside it.

Dataset-JSON is one JSON array a line. Its first line describes the data set, each further line is a
row. Numbers that are not whole go as strings, as the standard has it, so that no reader makes
binary fractions of them; partial dates stay text; what is missing is null. Parquet has the same
rows for readers who compute: there numbers are binary fractions, and whole dates are dates. Its
types follow from the columns alone, so they are the same whatever the rows are.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import NoneType

from trial.definition.outputs import default_dataset_name
from trial.render import parquet
from trial.render.parquet import pages
from trial.render.parquet.pages import ColumnType
from trial.tables import row_blocks
from trial.tables.analysis.variables import COLUMNS as STANDARD_VARIABLES
from trial.tables.grid import Absent, Cut, Listing, ListingColumn, Report, Value
from trial.tables.listings.naming import variable_names

VERSION = "1.1.0"
NO_DATE = "1970-01-01"
_SYSTEM = "LiveTLF"
_STUDY = ListingColumn("STUDYID", "Study identifier")
_LONGEST_LABEL = 40
_DESCRIPTION = "Dataset-JSON"
"""Under which key a Parquet file has what the first line of the Dataset-JSON says."""

Labels = Mapping[str, str]
"""The label of each variable, by its name: it has one, whatever data set it is in."""

_BETWEEN = "],["
"""What stands between rows that are encoded together."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dataset_name(listing: Listing) -> str:
    """Return the name of a listing's data: `adae`, or `l1627` where the definition has none."""
    return listing.dataset or default_dataset_name(listing.id)


def file_name(listing: Listing) -> str:
    """Return the name of the file of a listing's data among the documents of a cut."""
    return f"datasets/{dataset_name(listing)}.ndjson"


def parquet_name(listing: Listing) -> str:
    """Return the name of the file that has the same data as Parquet."""
    return f"datasets/{dataset_name(listing)}.parquet"


def variable_set(name: str) -> str:
    """Write a data set's name as data sets are cited: ADAE."""
    return name.upper()


def labels(report: Report) -> Labels:
    """Return the labels of all variables: of those of one name the first, in order of data sets.

    Those of the analysis data come before all: they are called so wherever they stand.
    """
    labels_by_name = {column.id: column.label for column in STANDARD_VARIABLES}
    for listing in (*report.listings, *report.analysis_data):
        for name, column in _variables(listing).items():
            labels_by_name.setdefault(name, _shortened(column.label))
    return labels_by_name


def dataset(listing: Listing, cut: Cut, labels_by_name: Labels | None = None) -> Iterator[bytes]:
    """Yield the pieces of a listing's data set.

    It was created on the cut's data date, at midnight; where nothing is recorded yet there is none,
    and the epoch stands for it. The cut is not named: data that did not change keep their bytes.
    """
    yield _head(listing, cut, labels_by_name or {})
    for block in row_blocks.blocks_of(listing.rows):
        yield lines(listing, cut.study, block) if block.lines is None else block.lines


def parquet_file(
    listing: Listing, cut: Cut, labels_by_name: Labels | None = None
) -> Iterator[bytes]:
    """Yield the pieces of a listing's data set as Parquet; what describes it is in its footer."""
    columns = {name: _column_type(column) for name, column in _variables(listing).items()}
    head = _head(listing, cut, labels_by_name or {}).decode().rstrip()
    blocks = (
        packed_pages(listing, values(listing, cut.study, block))
        if block.pages is None
        else block.pages
        for block in row_blocks.blocks_of(listing.rows)
    )
    yield from parquet.file(columns, blocks, {_DESCRIPTION: head})


def packed_pages(listing: Listing, data: Sequence[Sequence[Value]]) -> bytes:
    """Return some rows of a data set, its values by column, as they stand in its Parquet file."""
    return pages.pack([_column_type(column) for column in _variables(listing).values()], data)


def inputs(listing: Listing, cut: Cut, labels_by_name: Labels) -> str:
    """Return the digest of all that decides a data set whose blocks are known; '' of others.

    It decides the Parquet file too.
    """
    digests = [block.digest for block in row_blocks.blocks_of(listing.rows)]
    if not all(digests):
        return ""
    head = _head(listing, cut, labels_by_name)
    return hashlib.sha256(head + " ".join(digests).encode()).hexdigest()


def _head(listing: Listing, cut: Cut, labels_by_name: Labels) -> bytes:
    return _line(_description(listing, cut, row_blocks.count(listing.rows), labels_by_name))


def lines(listing: Listing, study: str, rows: Iterable[tuple[Value, ...]]) -> bytes:
    """Return some rows of a listing as they stand in its data set."""
    return written(values(listing, study, rows))


def written(data: Sequence[Sequence[Value]]) -> bytes:
    """Return some rows of a data set, its values by column, as the lines of it."""
    rows = list(zip(*data, strict=True))
    text = _encode(rows)
    if text.count(_BETWEEN) != len(rows) - 1:  # a text has what stands between rows, or none is
        return b"".join(map(_line, rows))
    return _bytes(text[1:-1].replace(_BETWEEN, "]\n[")) + b"\n"


def values(
    listing: Listing, study: str, rows: Iterable[tuple[Value, ...]]
) -> list[Sequence[Value]]:
    """Return some rows of a listing by column, with the values that its data set has."""
    by_column = list(zip(*rows, strict=True)) or [()] * len(listing.columns)
    data = [
        _converter(column)(column_values)
        for column, column_values in zip(listing.columns, by_column, strict=True)
    ]
    return data if _STUDY.id in _names(listing) else [[study] * len(by_column[0]), *data]


def _names(listing: Listing) -> list[str]:
    return variable_names([column.id for column in listing.columns])


def _variables(listing: Listing) -> dict[str, ListingColumn]:
    """Return the columns of a data set by the names of their variables; the study is the first."""
    columns = dict(zip(_names(listing), listing.columns, strict=True))
    return columns if _STUDY.id in columns else {_STUDY.id: _STUDY, **columns}


def _shortened(label: str) -> str:
    return label[:_LONGEST_LABEL].rstrip()


def _line(value: object) -> bytes:
    return _bytes(_encode(value)) + b"\n"


def _bytes(text: str) -> bytes:
    # A lone surrogate cannot be UTF-8; its backslash form is the JSON escape for it.
    return text.encode("utf-8", "backslashreplace")


def _description(
    listing: Listing, cut: Cut, records: int, labels_by_name: Labels
) -> dict[str, object]:
    """Describe a data set, its members in the order that the standard asks for."""
    name = variable_set(dataset_name(listing))
    keys = 1 if any(column.key for column in listing.columns) else 0
    columns = [
        _column(name, variable, column, labels_by_name, keys)
        for variable, column in _variables(listing).items()
    ]
    return {
        "datasetJSONCreationDateTime": f"{cut.data_date or NO_DATE}T00:00:00",
        "datasetJSONVersion": VERSION,
        "fileOID": f"{cut.study}.{cut.audience}.{cut.completion.state.lower()}.{name}",
        "sourceSystem": {"name": _SYSTEM, "version": str(cut.contribution_version)},
        "studyOID": cut.study,
        "metaDataVersionOID": f"MDV.{cut.definition}",
        "itemGroupOID": f"IG.{name}",
        "records": records,
        "name": name,
        "label": _shortened(listing.title),
        "columns": columns,
    }


def _column(
    dataset: str, name: str, column: ListingColumn, labels_by_name: Labels, keys: int
) -> dict[str, object]:
    """Describe a variable; where rows have keys (`keys` is 1), the study is the first of them."""
    document: dict[str, object] = {
        "itemOID": f"IT.{dataset}.{name}",
        "name": name,
        "label": labels_by_name.get(name, _shortened(column.label)),
        **_type(column),
    }
    if keys and (column is _STUDY or column.key):
        document["keySequence"] = 1 if column is _STUDY else column.key + 1
    return document


def _type(column: ListingColumn) -> dict[str, object]:
    match column.kind:
        case "number" if column.integer:
            return {"dataType": "integer"}
        case "number":
            return {"dataType": "decimal", "targetDataType": "decimal"}
        case "day":
            return {"dataType": "date", "targetDataType": "integer", "displayFormat": "E8601DA."}
        case _:
            return {"dataType": "string"}


def _column_type(column: ListingColumn) -> ColumnType:
    match column.kind:
        case "number":
            return ColumnType.INTEGER if column.integer else ColumnType.NUMBER
        case "day":
            return ColumnType.DAY
        case _:
            return ColumnType.TEXT


type _Converter = Callable[[Sequence[Value]], Sequence[Value]]


def _converter(column: ListingColumn) -> _Converter:
    if column.kind != "number":
        return _texts
    return _integers if column.integer else _decimals


def _texts(column: Sequence[Value]) -> Sequence[Value]:
    return column if _are(column, str) else [_text(value) for value in column]


def _integers(column: Sequence[Value]) -> Sequence[Value]:
    if _are(column, int):
        return column
    return [int(value) if isinstance(value, int | Decimal) else None for value in column]


def _decimals(column: Sequence[Value]) -> Sequence[Value]:
    """Write numbers with the digits that they have; a note in the place of one is no number."""
    return [_digits(value) if isinstance(value, int | Decimal) else None for value in column]


def _are(column: Sequence[Value], kind: type) -> bool:
    """Return whether all values that there are, are of a kind, and of none that is more special."""
    return set(map(type, column)) <= {kind, NoneType}


def _text(value: Value) -> str | None:
    if isinstance(value, Decimal):
        return _digits(value)
    return None if value is None or isinstance(value, Absent) else str(value)


def _digits(value: int | Decimal) -> str:
    text = str(value)
    return f"{value:f}" if "E" in text else text
