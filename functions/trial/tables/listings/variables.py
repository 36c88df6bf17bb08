"""What a listing's columns hold, known before any row is made: integers, and which are keys.

A data set declares its variables first, and its rows are written as they are made.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import get_args, get_origin

from trial.definition.design import Parameter
from trial.definition.outputs import ListingDefinition
from trial.events.payloads import KINDS, field_types
from trial.rules import Rules
from trial.tables.listings.facts import WHOLE_NUMBERS
from trial.tables.listings.items import SUBJECTS, parameters_of
from trial.tables.listings.sources import OF_BASELINE

_COUNTS = WHOLE_NUMBERS | {"age"}
_DAYS = (".study-day", ".protocol-day")


_EXACT_IN_JSON = 2**53
"""Readers of JSON keep integers below this; greater ones are written as decimals are."""
_WIDEST = 10**15  # no result has more digits before the point


def gives_numbers(rules: Rules, source: str, records: str) -> bool:
    """Return whether a source gives numbers and nothing else: text that may be one is none."""
    prefix, _, name = source.partition(":")
    if prefix == "characteristic":
        definition = rules.study.definition.characteristics.get(name)
        return definition.levels is None if definition else name in _COUNTS
    if name:
        return prefix in ("measure", "as", "last", *OF_BASELINE)
    if source in ("value", "graded-value"):
        return bool(parameters_of(records))
    return source in _COUNTS or source.endswith(_DAYS) or _holds(records, source, int, Decimal)


def is_whole(rules: Rules, source: str | None, records: str) -> bool:
    """Return whether a source gives nothing but integers, if it gives numbers."""
    if source is None:
        return False
    prefix, _, name = source.partition(":")
    parameters, observed = rules.study.definition.parameters, parameters_of(records)
    if prefix == "measure":
        return _kept(rules) and rules.measure(name, "").places == 0
    if prefix in OF_BASELINE or source == "graded-value":
        graded = (parameters[name].grades for name in observed)
        named = [part.of if part else name for name, part in zip(observed, graded, strict=True)]
        return _kept(rules) and all(parameters[name].precision.places == 0 for name in named)
    if prefix in ("as", "last") or (source == "value" and observed):
        named = [name] if name else observed
        return _kept(rules) and all(
            parameters[parameter].precision.places == 0 for parameter in named
        )
    return source in _COUNTS or source.endswith(_DAYS) or _holds(records, source, int)


def _kept(rules: Rules) -> bool:
    return all(map(_keeps, rules.study.definition.parameters.values()))


def _keeps(parameter: Parameter) -> bool:
    """Return whether JSON keeps all that is whole of a parameter, differences of results too."""
    low, high = parameter.minimum, parameter.maximum
    ends = [Fraction(abs(limit)) for limit in (low, high) if limit is not None]
    widest = max(ends) if len(ends) > 1 else _widest(parameter)
    return 2 * widest < _EXACT_IN_JSON


def _widest(parameter: Parameter) -> Fraction:
    """Return what no result of a parameter exceeds, in its own unit."""
    conversions = parameter.conversions.values()
    return max(
        (_WIDEST * conversion.factor + abs(conversion.offset) for conversion in conversions),
        default=Fraction(_WIDEST),
    )


def _holds(kind: str, field: str, *types: type) -> bool:
    stated = field_types(kind) if kind in KINDS else {}
    return field in stated and _allows(stated[field], types)


def _allows(annotation: object, types: tuple[type, ...]) -> bool:
    """Return whether a field is of a type, or may be missing; a list of such is not."""
    if annotation in types:
        return True
    parts = () if get_origin(annotation) is list else get_args(annotation)
    return any(_allows(part, types) for part in parts)


def key_sequence(listing: ListingDefinition) -> Mapping[str, int]:
    """Return a place to each column that tells a listing's rows apart, where it shows them all.

    A subject has one row among subjects; elsewhere it has one a record. Observations and
    discrepancies have no such key: a record may give several.
    """
    by_source = {column.source: column.id for column in reversed(listing.columns)}
    if listing.records == SUBJECTS:
        key_sources: tuple[str, ...] = ("subject",)
    elif listing.records in KINDS:
        key_sources = ("subject", "record")
    else:
        return {}
    if not by_source.keys() >= set(key_sources):
        return {}
    return {by_source[source]: place for place, source in enumerate(key_sources, 1)}
