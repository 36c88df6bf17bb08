"""Which parameters of grades each table shows, found by following its references."""

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

from trial.definition.reference_walk import find_references, parts_named
from trial.definition.study import Study
from trial.events import json_pointer

type _Part = tuple[str, Hashable]
"""The section of a definition that a part stands in, and its name or, of a table, its index."""


def grades_used(study: Study) -> Mapping[str, Sequence[str]]:
    """List the parameters of grades that each table is made of, by the table's id."""
    parts_of = _references(study)
    return {
        table.id: [
            name
            for name, parameter in study.definition.parameters.items()
            if parameter.grades is not None and ("parameters", name) in reached
        ]
        for i, table in enumerate(study.definition.tables)
        for reached in [_reached(("tables", str(i)), parts_of)]
    }


def _references(study: Study) -> Mapping[_Part, Sequence[_Part]]:
    """Return which other parts each part of a definition names."""
    parts_of: dict[_Part, list[_Part]] = defaultdict(list)
    for reference in find_references(json.loads(study.visible_source)):
        section, name, *_ = *json_pointer.parts(reference.path), ""
        parts_of[section, name] += parts_named(reference)
    return parts_of


def _reached(start: _Part, parts_of: Mapping[_Part, Sequence[_Part]]) -> set[_Part]:
    """Return all parts that one is made of, however far."""
    reached, ahead = {start}, [start]
    while ahead:
        added = set(parts_of.get(ahead.pop(), ())) - reached
        reached |= added
        ahead += added
    return reached
