"""A listing as data: CDISC Dataset-JSON 1.1, one JSON array a line (NDJSON).

Its first line describes the data set, each further line is a row. Numbers that are not whole go
as strings, as the standard has it, so that no reader makes binary fractions of them; partial dates
stay text; what is missing is null.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

from trial.definition.outputs import default_dataset_name
from trial.tables.grid import Absent, Cut, Listing, ListingColumn, Value

VERSION = "1.1.0"
NO_DATE = "1970-01-01"
_SYSTEM = "LiveTLF"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dataset_name(listing: Listing) -> str:
    """Return the name of a listing's data: `adae`, or `l16-2-7` where the definition has none."""
    return listing.dataset or default_dataset_name(listing.id)


def file_name(listing: Listing) -> str:
    """Return the name of the file of a listing's data among the documents of a cut."""
    return f"datasets/{dataset_name(listing)}.ndjson"


def variable_set(name: str) -> str:
    """Write a data set's name as data sets are cited: ADAE."""
    return name.upper()


def dataset(listing: Listing, cut: Cut, records: int) -> Iterator[bytes]:
    """Yield the lines of a listing's data set; `records` is the number of its rows.

    The file is a function of the cut, so it was created on the cut's data date, at midnight; where
    nothing is recorded yet there is none, and the epoch stands for it.
    """
    yield _line(_description(listing, cut, records))
    converters = [_converter(column) for column in listing.columns]
    for row in listing.rows:
        yield _line([converter(value) for converter, value in zip(converters, row, strict=True)])


def _line(value: object) -> bytes:
    # A lone surrogate cannot be UTF-8; its backslash form is the JSON escape for it.
    return _encode(value).encode("utf-8", "backslashreplace") + b"\n"


def _description(listing: Listing, cut: Cut, records: int) -> dict[str, object]:
    """Describe a data set, its members in the order that the standard asks for."""
    name = variable_set(dataset_name(listing))
    return {
        "datasetJSONCreationDateTime": f"{cut.data_date or NO_DATE}T00:00:00",
        "datasetJSONVersion": VERSION,
        "fileOID": f"{cut.study}.{cut.audience}.{cut.completion.state.lower()}.{cut.id}.{name}",
        "sourceSystem": {"name": _SYSTEM, "version": str(cut.contribution_version)},
        "studyOID": cut.study,
        "metaDataVersionOID": f"MDV.{cut.definition}",
        "itemGroupOID": f"IG.{name}",
        "records": records,
        "name": name,
        "label": listing.title,
        "columns": [_column(column, name) for column in listing.columns],
    }


def _column(column: ListingColumn, dataset: str) -> dict[str, object]:
    document: dict[str, object] = {
        "itemOID": f"IT.{dataset}.{column.id}",
        "name": column.id,
        "label": column.label,
        **_type(column),
    }
    if column.key:
        document["keySequence"] = column.key
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


def _converter(column: ListingColumn) -> Callable[[Value], Value]:
    if column.kind != "number":
        return _text
    return _integer if column.integer else _decimal


def _text(value: Value) -> Value:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return None if value is None or isinstance(value, Absent) else str(value)


def _integer(value: Value) -> Value:
    return int(value) if isinstance(value, int | Decimal) else None


def _decimal(value: Value) -> Value:
    """Write a number with the digits that it has; a note in its place is no number."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int) else None
