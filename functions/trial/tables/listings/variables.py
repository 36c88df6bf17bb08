"""What is known of a listing's columns before any row is made: whole numbers, and which are keys.

Data sets say of each variable what it holds, and are written while the rows go by.
"""

from collections.abc import Mapping
from typing import get_args, get_origin

from trial.definition.outputs import ListingDefinition
from trial.messages import KINDS
from trial.rules import Rules
from trial.tables.listings.items import SUBJECTS, parameters_of

_COUNTS = frozenset(
    ("age", "doses", "duration", "days-since-last-dose", "days-on-treatment")
)  # what listings derive as a number of something
_DAYS = (".study-day", ".protocol-day")


def is_whole(rules: Rules, source: str | None, records: str) -> bool:
    """Say whether a source gives nothing but integers, if it gives numbers."""
    if source is None:
        return False
    what, _, name = source.partition(":")
    if what == "measure":
        return rules.measure(name, "").places == 0
    parameters = rules.study.definition.parameters
    if what in ("as", "last"):
        return parameters[name].precision.places == 0
    if source == "value" and (observed := parameters_of(records)):
        return all(parameters[each].precision.places == 0 for each in observed)
    return source in _COUNTS or source.endswith(_DAYS) or _is_integer(records, source)


def _is_integer(kind: str, field: str) -> bool:
    known = KINDS[kind].model_fields.get(field) if kind in KINDS else None
    return known is not None and _allows_integers(known.annotation)


def _allows_integers(annotation: object) -> bool:
    """Say whether a field is an integer, or one that may be missing; a list of them is not."""
    if annotation is int:
        return True
    parts = () if get_origin(annotation) is list else get_args(annotation)
    return any(_allows_integers(each) for each in parts)


def key_sequence(listing: ListingDefinition) -> Mapping[str, int]:
    """Give a place to each column that tells a listing's rows apart, where it shows them all.

    A subject has one row among subjects; elsewhere it has one a record. Observations and findings
    have no such key: a record may give several.
    """
    by_source = {each.source: each.id for each in reversed(listing.columns)}
    if listing.records == SUBJECTS:
        wanted: tuple[str, ...] = ("subject",)
    elif listing.records in KINDS:
        wanted = ("subject", "record")
    else:
        return {}
    if not by_source.keys() >= set(wanted):
        return {}
    return {by_source[source]: place for place, source in enumerate(wanted, 1)}
