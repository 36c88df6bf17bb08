"""The guide to the library names each piece, parameter and output, and each table of the FDA's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.feed import read_definition
from trial.definition import library
from trial.tables import checking

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
COVERAGE = SECTIONS["The guide's tables and figures"]
COMMON = {"columns", "population"}


def outputs(name: str) -> set[tuple[str, str, str]]:
    """Return the id, the kind and the title of what a piece publishes."""
    return {
        (part["id"], kind.removesuffix("s"), part["title"])
        for kind in ("tables", "figures", "listings", "narratives")
        for part in library.pieces()[name]["definition"].get(kind, ())
    }


def graded(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the parameters of a piece whose results are graded, with the units of their levels."""
    for part in library.pieces()[name]["definition"].get("parameters", {}).values():
        if grades := part.get("grades"):
            scale = library.pieces()[grades["scale"]]["definition"]["scales"][grades["scale"]]
            yield grades["of"]["parameter"], list(scale["terms"][grades["term"]].get("by_unit", ()))


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("|")]  # fmt: skip


@pytest.mark.parametrize("name", library.pieces())
class TestPiece:
    def test_its_parameters_are_described(self, name):
        described = {row[0].strip("`") for row in rows(SECTIONS[name]) if len(row) == 3}
        parameters = library.pieces()[name]["parameters"].keys() - COMMON
        assert described - {"parameter", "---"} == parameters

    def test_its_units_are_told(self, name):
        units_told = {row[0].strip("`"): row[2] for row in rows(SECTIONS[name]) if len(row) == 3}
        for parameter, units in (*library.pieces()[name].get("units", {}).items(), *graded(name)):
            assert " or ".join(units) in units_told[parameter]

    def test_its_outputs_are_listed_with_their_titles(self, name):
        listed = {(row[0].strip("`"), kind, row[2]) for row in rows(SECTIONS[name])
                  if len(row) == 4 and row[0].startswith("`")
                  for kind in row[1].split(", ")}  # fmt: skip
        by_parameter = {output for output in outputs(name)
                if name == "fda-laboratory" and output[0].startswith("fda-figure-6-")}  # fmt: skip
        assert listed == outputs(name) - by_parameter
        assert not by_parameter or "`fda-figure-6-sodium`" in SECTIONS[name]


def covered(kind: str) -> dict[str, str]:
    """Return what stands beside each number of the guide's tables or figures."""
    text = COVERAGE.partition("| figure |")[2 if kind == "figure" else 0]
    return {row[0]: row[1] for row in rows(text) if row[0].isdigit()}


@pytest.mark.parametrize(("kind", "last"), [("table", 60), ("figure", 22)])
def test_every_number_of_the_fda_has_its_place_or_a_reason(kind, last):
    places = covered(kind)
    assert [*places] == [str(number) for number in range(1, last + 1)]
    for number, place in places.items():
        part = rf"figure-{number}" if kind == "figure" else number
        pieces = {name for name in library.pieces() for output in outputs(name)
                  if re.fullmatch(rf"fda-{part}([-.].*)?", output[0])
                  and (output[1] == "figure") == (kind == "figure")}  # fmt: skip
        pieces_named = (
            set() if place.startswith("left out: ") else set(re.findall(r"\b(?:fda|e3)-\w+", place))
        )
        assert pieces_named == pieces, number


def test_every_section_of_e3_has_its_place_or_a_reason():
    ids = [output[0] for name in library.pieces() for output in outputs(name)]
    places = {row[0].split()[0]: row[1] for row in rows(SECTIONS["The outline of ICH E3"])[2:]}
    for section, place in places.items():
        has_piece = any(re.fullmatch(rf"e3-{re.escape(section)}(\..*)?", name) for name in ids)
        assert has_piece != place.startswith("left out: "), section
    sections = tuple(f"e3-{section}" for section in places)
    assert [name for name in ids if name.startswith("e3-") and not name.startswith(sections)] == []


def test_the_example_is_accepted():
    (text,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    trial = read_definition(ROOT / "events" / "example" / "definition.yaml") | yaml.safe_load(text)
    trial["parameters"] |= {"dbp": {"label": "Diastolic pressure", "unit": "mmHg", "places": 0}}
    study = checking.read_definition(json.dumps(trial))
    assert {"fda-14", "fda-36"} <= {table.id for table in study.definition.tables}
