"""A definition checked whole, before anything is counted: every fault at once, each at its place.

Its shape is pydantic's business; names that match nothing are found in what was posted, so that
they are found beside faults of shape too; whatever else is wrong shows when it is made ready.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from trial.definition import available_statistics, library, size_limits
from trial.definition import study as studies
from trial.definition.study import Study
from trial.errors import FieldError, Rejected, UnknownName
from trial.events.json_body import canonical, read_json
from trial.rules.registry import FaultCollector
from trial.tables import key_results, listings, narratives, sources
from trial.tables.checking import locations, references, warnings
from trial.tables.compiled import CompiledStudy, keep_compiled

_TITLE = "Definition not accepted"


def read_definition(text: str | bytes) -> Study:
    """Read a definition that was posted; raises `Rejected` with all that is wrong with it.

    One that extends pieces of the library is read as what it is with them.
    """
    value = read_json(text)
    resolved = library.resolve(value)
    try:
        text_resolved = canonical(resolved.value)
        whole = read_json(text_resolved)  # numbers of a piece as they are written
        _settle(whole, size_limits.limit_errors(whole))
        study = _read(resolved.value, text_resolved)
    except Rejected as rejected:
        faults = (resolved.source_of(fault) for fault in rejected.faults)
        raise Rejected(rejected.status, rejected.title, rejected.detail, *faults) from None
    return study if resolved.value is value else replace(study, posted=canonical(value))


def _read(value: Any, text: str) -> Study:  # noqa: ANN401 (the definition as posted)
    try:
        study = studies.load(text)
    except Rejected as rejected:
        # A field that is none is said by name, with those that are; else the shape comes first.
        try:
            reference_faults = list(references.reference_errors(value))
        except RecursionError:  # nested more deeply than its names can be looked up: it says so
            raise rejected from None
        stray = [error for error in reference_faults if not isinstance(error, UnknownName)]
        _settle(value, [*stray, *rejected.faults, *reference_faults])
        raise
    _settle(value, definition_errors(study, value))
    return study


def check_definition(study: Study) -> None:
    """Refuse (422) a definition in which anything is wrong."""
    value = json.loads(study.source)
    _settle(value, definition_errors(study, value))


def study_warnings(study: Study) -> list[FieldError]:
    """Return what is odd about a definition that is accepted; nothing is refused for it."""
    return warnings.find_warnings(study.definition, json.loads(study.source))


def definition_errors(study: Study, value: Any) -> Iterator[FieldError]:  # noqa: ANN401 (the definition as posted)
    """Find what is wrong with a definition that has the right shape."""
    yield from (unknown_names := list(references.reference_errors(value)))
    for fault in _built(study):
        if not (unknown_names and isinstance(fault, UnknownName)):
            yield fault


def _built(study: Study) -> Iterable[FieldError]:
    """Make everything of a definition ready, and each audience's view once it holds together."""
    collector = FaultCollector()
    for view in (study, study.open) if study.open is not study else (study,):
        plan = CompiledStudy(view, collector)
        _outputs(plan, collector)
        if collector.found:
            break
        keep_compiled(plan)
    return collector.found


def _outputs(plan: CompiledStudy, collector: FaultCollector) -> None:
    definition = plan.study.definition
    sources.check(plan.study, collector)
    listings.check(plan, collector)
    narratives.check(plan, collector)
    key_results.check(plan, collector)
    collector.add(*available_statistics.testing_order_errors(definition))
    collector.add(*available_statistics.estimand_errors(definition))


def _settle(value: Any, faults: Iterable[FieldError]) -> None:  # noqa: ANN401 (any JSON)
    """Raise what was found, in order of the document and one fault a place."""
    by_place: dict[str, FieldError] = {}
    for fault in faults:
        by_place.setdefault(fault.pointer, fault)
    if by_place:
        raise Rejected(422, _TITLE, "", *locations.in_document_order(value, by_place.values()))
