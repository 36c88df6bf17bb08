"""Listings: a record a row, with the values derived from it that the definition's columns name.

There may be more rows than memory holds, so they are made when they are read, subject by subject.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from trial.deferred import dataclass
from trial.definition.outputs import ListingDefinition
from trial.rules import Rules
from trial.rules.registry import FaultCollector
from trial.subject.derivation import Derivation
from trial.tables.compiled import CompiledStudy
from trial.tables.grid import Listing, Value
from trial.tables.listings import complete, items
from trial.tables.listings.columns import columns
from trial.tables.listings.footnotes import footnotes

ListingRow = tuple[Value, ...]


@dataclass(frozen=True)
class ListingRows:
    """A listing's rows: each iteration reads the subjects anew and keeps none of them."""

    derivations: Iterable[Derivation]
    rows_of: Callable[[Derivation], Iterator[ListingRow]]

    def __iter__(self) -> Iterator[ListingRow]:
        return chain.from_iterable(map(self.rows_of, _in_order(self.derivations)))


def _in_order(derivations: Iterable[Derivation]) -> Iterator[Derivation]:
    before = ""
    for derivation in derivations:
        assert before < derivation.subject.id, "subjects must come once each, in order of their ids"
        before = derivation.subject.id
        yield derivation


def listings(
    compiled_study: CompiledStudy, derivations: Iterable[Derivation]
) -> tuple[Listing, ...]:
    """Return every listing of the definition, of subjects given in order of their ids.

    A listing of all discrepancies is added where the definition has none. `derivations` is
    iterated anew each time a listing is read.
    """
    defined = compiled_study.study.definition
    return tuple(
        listing_of(compiled_study.rules, definition, derivations, f"/listings/{i}")
        for i, definition in enumerate((*defined.listings, *complete.added(defined)))
    )


def check(compiled_study: CompiledStudy, faults: FaultCollector) -> None:
    """Collect the faults of listings that name what the definition does not define."""
    for i, definition in enumerate(compiled_study.study.definition.listings):
        faults.attempt(partial(listing_of, compiled_study.rules, definition, (), f"/listings/{i}"))


def listing_of(
    rules: Rules, definition: ListingDefinition, derivations: Iterable[Derivation], path: str
) -> Listing:
    """Return one listing of subjects, by its definition, which stands at a path."""
    not_done = items.shows_not_done(definition)
    find = items.item_finder(rules, definition, path, not_done=not_done)
    includes = (
        rules.condition(definition.subjects, f"{path}/subjects") if definition.subjects else None
    )
    sourced_columns = columns(rules, definition, path)
    sources = [source for _, source in sourced_columns]
    superseded_too = definition.records == items.DISCREPANCIES

    def rows(derivation: Derivation) -> Iterator[ListingRow]:
        if derivation.superseded and not superseded_too:
            return
        if includes is not None and not includes(derivation):
            return
        for item in find(derivation):
            yield tuple(source(derivation, item) for source in sources)

    return Listing(
        definition.id,
        definition.title,
        definition.population,
        tuple(column for column, _ in sourced_columns),
        ListingRows(derivations, rows),
        (*definition.footnotes, *footnotes(rules, definition, path)),
        definition.data_name,
    )
