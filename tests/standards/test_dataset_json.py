"""Listings as data conform to Dataset-JSON 1.1, in both of its forms, and hold the same rows."""

import json
import re
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import builders
import hostile
import jsonschema
import pytest
import studies
from selecting import delivered
from studies import STUDIES, Json, data, report_of

from trial.definition import study
from trial.errors import Rejected
from trial.render import datasets
from trial.tables.grid import Absent, Cut, Listing, ListingColumn
from trial.tables.listings.naming import free_dataset, variable_names
from trial.tables.row_blocks import BlockedRows

SCHEMAS = Path(__file__).parent / "schemas"
ORDER = [
    "datasetJSONCreationDateTime", "datasetJSONVersion", "fileOID", "sourceSystem", "studyOID",
    "metaDataVersionOID", "itemGroupOID", "records", "name", "label", "columns",
]  # fmt: skip
VALUES: dict[tuple[str, str | None], type] = {
    ("string", None): str,
    ("integer", None): int,
    ("decimal", "decimal"): str,
    ("date", "integer"): str,
}
"""The combinations of types that the standard supports, of those in use, and their JSON types."""


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def mended(published: Json) -> Json:
    """Put the definitions of the NDJSON schema where its references point."""
    corrected = deepcopy(published)
    described = corrected["$defs"]["DatasetMetadata"]["properties"]
    for place in (described["columns"]["items"], described["sourceSystem"]):
        for name in [name_defined for name_defined in place if name_defined[0].isupper()]:
            corrected["$defs"][name] = place.pop(name)
    return corrected


WHOLE = jsonschema.Draft201909Validator(schema("dataset.schema.json"))
LINES = mended(schema("dataset-ndjson-schema.json"))
FIRST_LINE = jsonschema.Draft201909Validator(LINES)
STRICT = jsonschema.Draft201909Validator(
    {"$defs": LINES["$defs"], "$ref": "#/$defs/DatasetMetadata"}
)
ROW = jsonschema.Draft201909Validator({"$defs": LINES["$defs"], "$ref": "#/$defs/RowData"})
VALUE = jsonschema.Draft201909Validator(
    schema("dataset.schema.json")["$defs"]["Row"]["properties"]["value"]
)


def errors(described: Json, rows: list[list[Any]]) -> list[str]:
    """Judge both forms: line by line, and as one document; and values as the standard means them.

    The schemas leave values free: `Row` says what they may be in a place that no row has.
    """
    problems = [
        *FIRST_LINE.iter_errors(described),
        *STRICT.iter_errors(described),
        *WHOLE.iter_errors(described | {"rows": rows}),
        *(error for row in rows for error in ROW.iter_errors({"rows": row})),
        *(
            error
            for row in rows
            for error in VALUE.iter_errors([value for value in row if value is not None])
        ),
    ]
    return [problem.message for problem in problems]


def as_listed(column: ListingColumn, value: Any) -> Any:
    """Say what a value of a listing must read as in its data set."""
    if column.kind == "number":
        return Decimal(value) if isinstance(value, int | Decimal) else None
    return None if isinstance(value, Absent) else value


def as_read(column: ListingColumn, value: Any) -> Any:
    return Decimal(value) if column.kind == "number" and value is not None else value


@pytest.mark.parametrize("name", STUDIES)
def test_every_listing_conforms_and_has_the_rows_of_the_listing(name: str) -> None:
    report = report_of(name)
    for listing in delivered(report):
        described, rows = data(listing, report)
        assert errors(described, rows) == []
        assert described["records"] == len(rows)
        columns = listing.columns
        assert {row[0] for row in rows} <= {report.cut.study}
        assert [
            [as_read(*pair) for pair in zip(columns, row[1:], strict=True)] for row in rows
        ] == [[as_listed(*pair) for pair in zip(columns, row, strict=True)] for row in listing.rows]


@pytest.mark.parametrize("name", STUDIES)
def test_values_are_of_the_type_that_their_column_declares(name: str) -> None:
    kinds = set()
    for listing in delivered(report_of(name)):
        described, rows = data(listing, report_of(name))
        for place, column in enumerate(described["columns"]):
            kind = column["dataType"], column.get("targetDataType")
            for row in rows:
                assert row[place] is None or type(row[place]) is VALUES[kind]
            kinds |= {kind} if any(row[place] is not None for row in rows) else set()
    assert kinds >= {("string", None), ("integer", None)}


@pytest.mark.parametrize("name", STUDIES)
def test_keys_tell_the_rows_apart(name: str) -> None:
    for listing in report_of(name).listings:
        described, rows = data(listing, report_of(name))
        keys = [
            place for place, column in enumerate(described["columns"]) if "keySequence" in column
        ]
        if keys:
            key_values = [tuple(row[place] for place in keys) for row in rows]
            assert len(set(key_values)) == len(key_values)
            assert sorted(column["keySequence"] for column in described["columns"]
                          if "keySequence" in column) == [*range(1, len(keys) + 1)]  # fmt: skip


def test_the_first_line_describes_the_data_set_in_the_standards_order() -> None:
    report = report_of("tmb-301")
    (listing,) = (listing for listing in report.listings if listing.id == "16.2.7")
    described, _ = data(listing, report)
    assert list(described) == ORDER
    assert datasets.dataset_name(listing) == "adae"
    assert datasets.file_name(listing) == "datasets/adae.ndjson"
    assert described["datasetJSONCreationDateTime"] == f"{report.cut.data_date}T00:00:00"
    assert described["name"] == "ADAE"
    assert described["itemGroupOID"] == "IG.ADAE"
    columns = {column.pop("name"): column for column in described["columns"]}
    assert columns["USUBJID"] == {
        "itemOID": "IT.ADAE.USUBJID",
        "label": "Subject",
        "dataType": "string",
        "keySequence": 2,
    }
    assert columns["STUDYID"]["keySequence"] == 1
    assert columns["AESPID"]["keySequence"] == 3
    assert columns["AETOXGR"]["dataType"] == "integer"
    assert columns["AESTDTC"]["dataType"] == "string"
    assert columns["WEIGHT"] | {"itemOID": "", "label": ""} == {
        "itemOID": "", "label": "", "dataType": "decimal", "targetDataType": "decimal",
    }  # fmt: skip


def test_a_partial_date_stays_the_text_that_was_collected() -> None:
    described, rows = data(hostile.listing(), hostile.report())
    assert described["columns"][5]["dataType"] == "string"
    assert {row[5] for row in rows} == {"2024-02"}


def test_a_day_is_a_date_for_readers_who_count_in_days() -> None:
    columns = (ListingColumn("ASTDT", "Onset", "day"),)
    listing = Listing("16.2.7", "Events", "All", columns, [("2024-02-29",), (None,)])
    described, rows = data(listing, report_of("tmb-301"))
    assert errors(described, rows) == []
    assert rows == [["TMB-301", "2024-02-29"], ["TMB-301", None]]
    assert described["columns"][1] == {
        "itemOID": "IT.L1627.ASTDT",
        "name": "ASTDT",
        "label": "Onset",
        "dataType": "date",
        "targetDataType": "integer",
        "displayFormat": "E8601DA.",
    }


def test_numbers_keep_the_digits_they_have() -> None:
    columns = (ListingColumn("X", "X", "number"), ListingColumn("N", "N", "number", integer=True))
    values = [(Decimal("0.10"), 3), (Decimal("1E-7"), Decimal("50.0")), (7, None), ("none", "none")]
    _, rows = data(Listing("1", "", "", columns, values), report_of("tmb-301"))
    numbers = [row[1:] for row in rows]
    assert numbers == [["0.10", 3], ["0.0000001", 50], ["7", None], [None, None]]


def test_a_study_without_events_has_empty_data_sets() -> None:
    empty = studies.reported(studies.defined("tmb-301"), [])
    assert empty.cut.data_date == ""
    for listing in empty.listings:
        described, rows = data(listing, empty)
        assert errors(described, rows) == []
        assert (described["records"], rows) == (0, [])
        assert described["datasetJSONCreationDateTime"] == "1970-01-01T00:00:00"


def test_hostile_texts_are_a_line_each_and_come_back_as_they_were() -> None:
    listing, report = hostile.listing(), hostile.report()
    described, rows = data(listing, report)
    assert errors(described, rows) == []
    assert {row[2] for row in rows} == hostile.TEXTS
    assert described["label"] == "Texts"
    assert datasets.dataset_name(listing) == "l1627"
    assert all(row[4] is None for row in rows)


def test_rows_are_made_while_they_are_written_and_no_more_are_held_than_some() -> None:
    values_made = []

    class Rows:
        def __iter__(self) -> Any:
            for i in range(10_000):
                values_made.append(i)
                yield (i,)

    listing = Listing("1", "", "", (ListingColumn("N", "N", "number", integer=True),), Rows())
    pieces = datasets.dataset(listing, report_of("tmb-301").cut)
    assert json.loads(next(pieces))["records"] == 10_000
    values_made.clear()
    assert next(pieces).startswith(b'["TMB-301",0]\n["TMB-301",1]\n')
    assert len(values_made) < 1_000


def test_the_same_cut_gives_the_same_bytes() -> None:
    backwards = builders.subjects(reversed(studies.entries("tmb-301")))
    repeated_report = studies.reported(studies.defined("tmb-301"), backwards)
    for listing, repeated in zip(
        report_of("tmb-301").listings, repeated_report.listings, strict=True
    ):
        cut: Cut = repeated_report.cut
        assert list(datasets.dataset(listing, report_of("tmb-301").cut)) == list(
            datasets.dataset(repeated, cut)
        )


@pytest.mark.parametrize("name", STUDIES)
def test_names_are_short_and_no_two_listings_share_one(name: str) -> None:
    names = [datasets.dataset_name(listing) for listing in delivered(report_of(name))]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9]{0,7}", dataset_name) for dataset_name in names)


@pytest.mark.parametrize("name", STUDIES)
def test_variables_have_short_names_and_one_label_whatever_data_set_they_are_in(name: str) -> None:
    report, labels = report_of(name), datasets.labels(report_of(name))
    labels_by_name: dict[str, set[str]] = {}
    for listing in delivered(report):
        described = json.loads(next(datasets.dataset(listing, report.cut, labels)))
        columns = described["columns"]
        names = [column["name"] for column in columns]
        assert names[0] == "STUDYID"
        assert len(set(names)) == len(names)
        assert len(described["label"]) <= 40
        for column in columns:
            assert re.fullmatch("[A-Z][A-Z0-9_]{0,7}", column["name"])
            assert 0 < len(column["label"]) <= 40
            labels_by_name.setdefault(column["name"], set()).add(column["label"])
    assert all(len(label_set) == 1 for label_set in labels_by_name.values())
    assert labels_by_name["AVAL"] == {"Analysis value"}


def test_names_that_are_none_become_some_and_stay_apart() -> None:
    ids = ["A", "COMMITTEE", "COMMITTE", "committees", "_x", "1st", "a", "\u4e2d", "A"]
    names = variable_names(ids)
    assert names == ["A", "COMMITT2", "COMMITTE", "COMMITT3", "X", "V1ST", "A2", "V", "A3"]
    assert variable_names([f"LONGNAME{i}" for i in range(12)])[9:] == [
        "LONGNA10", "LONGNA11", "LONGNA12",
    ]  # fmt: skip


def test_the_added_data_sets_leave_taken_names_alone() -> None:
    listings = studies.defined("tmb-301").definition.listings
    name_holders = [listings[0].model_copy(update={"dataset": "adanl"}), *listings]
    assert free_dataset("ADANL", listings) == "adanl"
    assert free_dataset("ADANL", name_holders) == "adanl2"


def test_blocks_hold_the_rows_that_are_made_one_by_one() -> None:
    report = report_of("tmb-301")
    labels = datasets.labels(report)
    for listing in delivered(report):
        one_by_one = replace(listing, rows=list(listing.rows))
        in_blocks, apart = (
            b"".join(datasets.dataset(listing_form, report.cut, labels))
            for listing_form in (listing, one_by_one)
        )
        assert in_blocks == apart
        assert isinstance(listing.rows, BlockedRows)
        assert len(listing.rows.blocks) > 1
    for listing in report.listings:
        assert isinstance(listing.rows, BlockedRows)
        values = [row for block in listing.rows.blocks for row in block]
        assert values == list(listing.rows)
        texts = [list(map(repr, row)) for row in values]
        assert texts == [list(map(repr, row)) for row in listing.rows]


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({1: "adae", 2: "adae"}, "/listings", "adae"),
        ({0: "l16-2-7"}, "/listings/0/dataset", "characters"),
        ({0: "ADAE"}, "/listings/0/dataset", "characters"),
        ({0: "ninechars"}, "/listings/0/dataset", "characters"),
    ],
)
def test_a_name_that_is_none_or_is_taken_is_refused_with_its_place(
    changes: dict[int, str], pointer: str, detail: str
) -> None:
    with pytest.raises(Rejected) as refused:
        builders.tmb301(*((f"listings/{i}/dataset", name) for i, name in changes.items()))
    (fault,) = refused.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail


def test_ids_that_would_make_one_name_are_refused_too() -> None:
    definition = json.loads(studies.defined("airway-2x2").source)
    definition["listings"][1]["id"] = definition["listings"][0]["id"].replace(".", "-")
    with pytest.raises(Rejected) as refused:
        study.load(json.dumps(definition))
    assert "l1621" in refused.value.faults[0].detail


def test_a_violation_would_be_found() -> None:
    report = report_of("tmb-301")
    described, rows = data(report.listings[0], report)
    assert errors(described | {"records": -1}, rows) != []
    assert errors(described | {"columns": [{"name": "A"}]}, rows) != []
    assert errors(described | {"surplus": 1}, rows) != []
    assert errors(described, [[{"a": 1}]]) != []
    assert errors(described, [[["a"]]]) != []
    assert replace(report.listings[0], dataset="").dataset == ""
