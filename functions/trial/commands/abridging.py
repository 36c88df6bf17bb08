"""A definition with fewer rows, in which every form of a row still stands: its documents rehearse.

Documents of no records are made of labels and of what rows are. Of rows that differ in what they
name alone, such as those of thirty analytes, a few show what all would.
"""

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from trial.definition import study as studies
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.json_body import canonical

ROWS_OF_A_FORM = 2
"""How many rows of a form a table keeps."""
_NAMED_PARTS = ("parameters", "measures", "conditions", "classes", "times", "characteristics")
_NOT_SHOWN = ("id", "label", "unit", "units", "minimum", "maximum")
"""What gives a row no other form: its own names, and how results are read."""

_MODELS_OF_VISITS = frozenset(("mmrm", "multiple_imputation"))

type Json = dict[str, Any]


def abridged(study: Study) -> Study:
    """Return the study with a few rows of each form a table; those that others name stay whole."""
    definition: Json = json.loads(study.source)
    forms = _Forms(definition)
    named_rows = set(_rows_named({**definition, "tables": []}))
    whole = definition.get("tables", [])  # a definition may leave any section out
    tables = [{**table, "rows": list(_kept(table, forms, named_rows))} for table in whole]
    if tables == whole:
        return study
    try:
        return studies.load(canonical(definition | {"tables": tables}), study.version)
    except Rejected:  # a part needs a row that was left out
        return study


def _rows_named(part: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (any JSON)
    """Yield the table and the row of all that names a cell, or the row of a figure."""
    if isinstance(part, dict):
        if isinstance(part.get("row"), str):
            yield str(part.get("table")), part["row"].split("/")[0]
        part = list(part.values())
    for member in part if isinstance(part, list) else ():
        yield from _rows_named(member)


def _kept(table: Json, forms: "_Forms", named_rows: set[tuple[str, str]]) -> Iterator[Json]:
    counts: dict[Hashable, int] = {}
    for row in table["rows"]:
        if (table["id"], row["id"]) in named_rows:
            yield row
            continue
        form = forms.of(row)
        counts[form] = counts.get(form, 0) + 1
        if counts[form] <= ROWS_OF_A_FORM:
            yield _of_fewer_visits(row)


def _of_fewer_visits(row: Json) -> Json:
    """Return a row by visit of its first visit and its last; a model is of all of its visits."""
    visits = row.get("visits")
    if not isinstance(visits, list) or not _MODELS_OF_VISITS.isdisjoint(row):
        return row
    return {**row, "visits": list(dict.fromkeys([visits[0], visits[-1]])) if visits else visits}


class _Forms:
    """The forms of parts: what they say without names of their own."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._parts = {
            name: (section, part)
            for section in _NAMED_PARTS
            for name, part in definition.get(section, {}).items()
        }
        self._named: dict[str, Hashable] = {}

    def of(self, part: Any) -> Hashable:  # noqa: ANN401 (any JSON)
        """Return the form of a part; a name has that of what it names."""
        if isinstance(part, dict):
            names = sorted(part.keys() - set(_NOT_SHOWN))
            return tuple((name, self.of(part[name])) for name in names)
        if isinstance(part, list):
            return _distinct([self.of(member) for member in part])
        if isinstance(part, str) and part in self._parts:
            return self._of_name(part)
        return part if isinstance(part, str | bool) else type(part).__name__

    def _of_name(self, name: str) -> Hashable:
        if name not in self._named:
            section, part = self._parts[name]
            self._named[name] = section  # of a name within its own part
            self._named[name] = section, self.of(part)
        return self._named[name]


def _distinct(forms: Sequence[Hashable]) -> Hashable:
    return tuple(dict.fromkeys(forms))
