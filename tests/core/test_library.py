"""Shipped pieces that a definition extends: each loads, and merges as if it were written out."""

import json
from copy import deepcopy
from typing import Any

import builders
import pytest
from builders import TINY, adverse_event, coding, disposition, dose, enrolment, entry

from trial.definition import library
from trial.definition.library import shipped
from trial.errors import FieldError, Rejected
from trial.tables import checking

SETS = TINY["sets"] | {"safety": {"label": "Safety", "condition": "treated"}}
BARE = {name: part for name, part in TINY.items() if name not in ("tables", "listings")} | {
    "sets": SETS, "key_results": [],
}  # fmt: skip


def extending(*pieces: Any, **parts: Any) -> dict[str, Any]:
    return deepcopy(BARE) | {"extends": list(pieces)} | parts


def read(definition: dict[str, Any]) -> Any:
    return checking.read_definition(json.dumps(definition))


def faults(definition: dict[str, Any]) -> list[FieldError]:
    with pytest.raises(Rejected) as refused:
        read(definition)
    return list(refused.value.faults)


@pytest.mark.parametrize("name", library.pieces())
def test_no_piece_names_a_study_and_every_parameter_is_used(name):
    piece = library.pieces()[name]
    text = json.dumps(piece["definition"])
    assert "study" not in piece["definition"]
    assert piece["title"]
    for parameter in piece["parameters"]:
        assert json.dumps({"parameter": parameter}) in text
    assert piece.get("units", {}).keys() <= piece["parameters"].keys()


def test_a_null_parameter_leaves_out_what_names_it_and_what_needs_it(monkeypatch):
    piece = {"title": "One", "parameters": {"a": None, "b": None, "c": 3}, "definition": {
        "tables": [
            {"id": "1", "needs": ["a"], "x": {"parameter": "a"}},
            {"id": "2", "needs": [["a", "c"]], "y": {"parameter": "b"}, "z": {"parameter": "c"}},
            {"id": "3", "needs": ["c", ["a", "b"]]},
        ],
        "figures": [{"id": "4", "needs": ["b"]}],
        "measures": {"m": {"parameter": "weight"}, "n": {"parameter": {"parameter": "c"}}},
    }}  # fmt: skip
    monkeypatch.setattr(shipped, "pieces", lambda: {"one": piece})
    assert shipped.filled("one", {}, "/extends/0") == {
        "tables": [{"id": "2", "z": 3}],
        "measures": {"m": {"parameter": "weight"}, "n": {"parameter": 3}},
    }
    with_a = shipped.filled("one", {"a": "A"}, "/extends/0")
    assert [table["id"] for table in with_a["tables"]] == ["1", "2", "3"]
    assert with_a["tables"][0] == {"id": "1", "x": "A"}


def test_with_a_condition_goes_what_counts_it_and_its_name_in_a_list(monkeypatch):
    rows = [{"id": name, "count": name} for name in ("with-a", "with-b", "either", "other")]
    piece = {"title": "One", "parameters": {"a": None, "b": 1}, "definition": {
        "conditions": {
            "with-a": {"needs": ["a"], "recorded": "death.reported"},
            "with-b": {"needs": ["b"], "recorded": "death.reported"},
            "either": {"any": ["with-a", "with-b"]},
        },
        "tables": [{"id": "1", "rows": rows, "x": {"fit": {"count": "with-a"}}}],
    }}  # fmt: skip
    monkeypatch.setattr(shipped, "pieces", lambda: {"one": piece})
    part = shipped.filled("one", {}, "/extends/0")
    assert part["conditions"]["either"] == {"any": ["with-b"]}
    assert part["tables"] == [{"id": "1", "rows": rows[1:], "x": {}}]
    assert shipped.filled("one", {"a": 1}, "/extends/0")["tables"][0]["rows"] == rows


def test_a_parameter_may_be_the_default_of_another(monkeypatch):
    piece = {"title": "One", "parameters": {"a": 1, "b": {"parameter": "a"}},
             "definition": {"tables": [{"id": "1", "x": {"parameter": "b"}}]}}  # fmt: skip
    monkeypatch.setattr(shipped, "pieces", lambda: {"one": piece})
    for arguments, value in (({}, 1), ({"a": 2}, 2), ({"a": 2, "b": 3}, 3)):
        assert shipped.filled("one", arguments, "")["tables"] == [{"id": "1", "x": value}]


def test_a_piece_of_which_nothing_is_left_says_what_it_needs():
    (fault,) = faults(extending("fda-kidney"))
    assert fault.pointer == "/extends/0"
    assert "its parts need creatinine, egfr, visits" in fault.detail


def test_a_piece_brings_along_those_that_it_extends_itself():
    part = {"piece": "fda-laboratory", "with": {"glucose": "weight"}}
    (fault,) = faults(extending("e3-listings", part))
    assert fault.pointer == "/extends/1"
    assert "is graded in mg/dL: weight is in kg" in fault.detail
    glucose = {"glucose": {"label": "Glucose", "unit": "mg/dL", "places": 0}}
    part = {"piece": "fda-laboratory", "with": {"glucose": "glucose"}}
    definition = extending(part, parameters=TINY["parameters"] | glucose)
    defined = read(definition)
    whole = json.loads(defined.source)
    assert whole["scales"].keys() == {"fda-levels"}
    assert {part["piece"] for part in whole["extended"]} == {"fda-levels", "fda-laboratory"}
    for extends in (["fda-levels", part], [part, "fda-levels"]):
        assert defined.digest == read(definition | {"extends": extends}).digest


def test_limits_are_compared_in_their_own_unit_or_refused():
    weight = {"piece": "fda-vitals", "with": {"systolic": "weight", "diastolic": "cd4"}}
    problems = faults(extending(weight))
    assert [fault.pointer for fault in problems] == [
        "/extends/0/with/systolic", "/extends/0/with/diastolic",
    ]  # fmt: skip
    assert "weight is in kg, and the limits of fda-vitals are in mmHg" in problems[0].detail


def test_all_pieces_together_make_documents_of_a_subject():
    defined = read(extending("e3-listings", "e3-tables", "fda-groups", "fda-safety"))
    history = [
        enrolment(sex="F", age=40), dose(), adverse_event(serious=True), coding(),
        entry("medical-history.reported", record="MH", term="x"),
        entry("conmed.recorded", record="CM", drug="x", start="2015-05"),
        entry("deviation.recorded", date="2015-06-20", category="WINDOW", description="late"),
        disposition(40),
    ]  # fmt: skip
    report = builders.report_of(defined, history)
    grids = {grid.id: grid for grid in report.grids}
    assert builders.statistic(grids["fda-7"], "serious", "total", "n") == 1
    assert builders.statistic(grids["fda-6"], "days", "total", "mean") == "1"
    assert builders.statistic(grids["e3-14.1.5"], "terms/Not coded", "total", "n") == 1
    assert "e3-16.2.7" in {listing.id for listing in report.listings}
    assert builders.files_of(report, defined)["report.html"]


class TestMerging:
    def test_what_is_extended_is_what_is_written_out(self):
        title = {"id": "fda-7", "title": "Overview", "rows": [
            {"id": "serious", "label": "SAE"}, {"id": "mild", "remove": True},
            {"id": "new", "label": "New", "events": {"related": True}}]}  # fmt: skip
        own_table = {"id": "own", "title": "Own", "population": "P", "rows": [
            {"id": "r", "label": "R", "count": "treated"}],
            "columns": [{"id": "c", "label": "C", "set": "safety"}]}  # fmt: skip
        defined = read(extending(
            {"piece": "fda-safety", "with": {"common_percent": 2, "population": "All treated"}},
            tables=[title, {"id": "fda-16", "remove": True}, own_table],
            measures={"exposure-dose": None, "exposure-days": {"characteristic": "age"}}
            | TINY["measures"],
        ) | {"tables": [title, {"id": "fda-16", "remove": True}, own_table,
                        {"id": "fda-6", "rows": [{"id": "dose", "remove": True}]}]})  # fmt: skip
        merged = deepcopy(BARE)
        arguments = {"common_percent": 2, "population": "All treated"}
        piece = shipped.filled("fda-safety", arguments, "")
        tables = {table["id"]: table for table in piece["tables"] if table["id"] != "fda-16"}
        tables["fda-7"]["title"] = "Overview"
        rows = [row for row in tables["fda-7"]["rows"] if row["id"] != "mild"]
        tables["fda-7"]["rows"] = [*rows, title["rows"][2]]
        next(row for row in rows if row["id"] == "serious")["label"] = "SAE"
        tables["fda-6"]["rows"] = [r for r in tables["fda-6"]["rows"] if r["id"] != "dose"]
        merged["tables"] = [*tables.values(), own_table]
        days = {"exposure-days": {"characteristic": "age"}}
        death = {"fda-death-day": piece["measures"]["fda-death-day"]}
        merged["measures"] = TINY["measures"] | death | days
        merged["sets"] = SETS | piece["sets"]
        merged |= {part: piece[part] for part in ("classes", "times", "figures", "listings")}
        merged["extended"] = [{"piece": "fda-safety", "digest": shipped.piece_digest("fda-safety")}]
        plain = read(merged)
        assert json.loads(defined.source) == json.loads(plain.source)
        assert defined.digest == plain.digest

    def test_a_later_piece_is_merged_over_an_earlier_one(self, monkeypatch):
        died = {"recorded": "death.reported"}
        first_piece = {"title": "One", "parameters": {}, "definition": {
            "conditions": {"x": died, "y": died},
            "listings": [{"id": "L", "title": "A"}, {"id": "M", "title": "M"}]}}  # fmt: skip
        two = {"title": "Two", "parameters": {}, "definition": {
            "conditions": {"x": {"none": ["y"]}},
            "listings": [{"id": "L", "title": "B"}]}}  # fmt: skip
        monkeypatch.setattr(shipped, "pieces", lambda: {"one": first_piece, "two": two})
        monkeypatch.setattr(library, "pieces", shipped.pieces)
        merged = library.resolve({"extends": ["one", "two"], "study": "S"}).value
        assert [part["piece"] for part in merged.pop("extended")] == ["one", "two"]
        assert merged == {
            "study": "S",
            "conditions": {"x": {"none": ["y"]}, "y": {"recorded": "death.reported"}},
            "listings": [{"id": "L", "title": "B"}, {"id": "M", "title": "M"}],
        }
        turned = library.resolve({"extends": ["two", "one"]}).value
        assert turned["conditions"]["x"] == {"recorded": "death.reported"}

    def test_a_part_that_is_there_twice_is_refused_and_not_merged(self):
        tables = [{"id": "fda-7", "title": "A"}, {"id": "fda-7", "title": "B"}]
        assert faults(extending("fda-safety", tables=tables))

    def test_without_extends_nothing_is_changed(self):
        value = {"study": "S", "conditions": {"x": None}}
        assert library.resolve(value).value is value


class TestWhatIsKept:
    def test_the_pieces_are_named_with_the_digest_of_their_text(self, monkeypatch):
        source = json.loads(read(extending("fda-safety", "e3-listings")).source)
        assert [part["piece"] for part in source["extended"]] == ["e3-listings", "fda-safety"]
        second, first = (part["digest"] for part in source["extended"])
        assert first != second
        changed = deepcopy(dict(library.pieces()))
        changed["fda-safety"]["title"] += " "
        monkeypatch.setattr(shipped, "pieces", lambda: changed)
        assert shipped.piece_digest("fda-safety") != first

    def test_what_was_posted_is_kept_and_what_it_became_is_the_same_when_posted(self):
        posted = extending("fda-safety")
        defined = read(posted)
        assert json.loads(defined.posted) == posted
        reread = read(json.loads(defined.source))
        assert (reread.posted, reread.digest, reread.source) == ("", defined.digest, defined.source)
        assert read(BARE).posted == ""

    def test_while_blinded_the_open_definition_names_pieces_and_no_parameters(self):
        defined = read(extending({"piece": "fda-safety", "with": {"population": "Secret"}},
                                 blinded=True))  # fmt: skip
        extended = json.loads(defined.open.visible_source)["extended"]
        assert [part.keys() for part in extended] == [{"piece", "digest"}]


class TestFaults:
    def test_of_size_are_of_the_whole_and_name_the_piece(self):
        listings = [
            {"id": f"L{i}", "title": "L", "population": "P", "records": "subjects",
             "dataset": f"l{i}", "columns": [{"id": "A", "label": "A", "source": "subject"}]}
            for i in range(999)
        ]  # fmt: skip
        read(deepcopy(BARE) | {"listings": listings[:1]})
        (fault,) = faults(extending("fda-safety", listings=listings))
        assert fault.pointer == "/listings"
        assert "members; at most 1000 are allowed, with the members of fda-safety" in fault.detail

    def test_of_a_number_in_a_piece_is_of_the_piece(self, monkeypatch):
        long = {"title": "L", "parameters": {}, "definition": {"listings": [], "tables": [
            {"id": "t", "title": "T", "population": "P", "percent_decimals": 1e60}]}}  # fmt: skip
        pieces = dict(library.pieces()) | {"long": long}
        monkeypatch.setattr(shipped, "pieces", lambda: pieces)
        monkeypatch.setattr(library, "pieces", shipped.pieces)
        (fault,) = faults(extending("long"))
        assert fault.pointer == "/extends/0"
        assert fault.detail.startswith("in the piece long, /tables/0/percent_decimals: has more")

    @pytest.mark.parametrize(
        ("extends", "pointer", "detail"),
        [
            ("fda-safety", "/extends", "must be a list"),
            ([3], "/extends/0", "must be the name of a piece"),
            (["fda-safty"], "/extends/0", "Did you mean fda-safety?"),
            (["e3-tables", "e3-tables"], "/extends/1", "more than once"),
            ([{"piece": "e3-tables", "wiht": {}}], "/extends/0/wiht", "is not a field here"),
            ([{"piece": "fda-safety", "with": {"common": 1}}], "/extends/0/with/common",
             "Known: columns, population, plain_columns"),
        ],
    )  # fmt: skip
    def test_of_what_is_extended(self, extends, pointer, detail):
        (fault,) = faults(deepcopy(BARE) | {"extends": extends})
        assert fault.pointer == pointer
        assert detail in fault.detail

    def test_of_a_piece_stand_where_it_is_named_with_their_place_in_it(self):
        whole = extending("e3-listings", "fda-safety", sets=TINY["sets"])
        problems = faults(whole)
        assert {fault.pointer for fault in problems} == {"/extends/1"}
        assert problems[0].detail.startswith("in the piece fda-safety, /tables/0/columns/0/set: ")
        assert "safety" in problems[0].detail
        assert problems[0].location.startswith("table fda-2")

    def test_of_the_definition_s_own_parts_stand_where_they_were_written(self):
        own_table = {"id": "own", "title": "Own", "population": "P",
               "columns": [{"id": "c", "label": "C", "set": "saftey"}],
               "rows": [{"id": "r", "label": "R", "count": "treated"}]}  # fmt: skip
        changed = {"id": "fda-14", "rows": [{"id": "any", "events": {"grade": 9}}]}
        problems = faults(extending("fda-safety", tables=[changed, own_table]))
        assert {fault.pointer for fault in problems} == {
            "/tables/1/columns/0/set", "/tables/0/rows/0/events/grade",
        }  # fmt: skip
