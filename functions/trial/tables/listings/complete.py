"""The listing of all discrepancies: the definition's own, or one that is added."""

from trial.definition import Definition
from trial.definition.outputs import ListingColumnDefinition, ListingDefinition
from trial.tables.listings.items import DISCREPANCIES
from trial.tables.listings.naming import free_dataset

ADDED = "DISCREPANCIES"
TITLE, POPULATION = "Discrepancies", "All subjects"
_COLUMNS = {
    "USUBJID": ("Subject", "subject"),
    "RULE": ("Rule", "rule"),
    "SEVERITY": ("Severity", "severity"),
    "DISCREP": ("Discrepancy", "discrepancy"),
    "RECORDS": ("Records", "record"),
    "DETAIL": ("Detail", "detail"),
}
_FOOTNOTES = [
    "Contradictory: a record must be wrong. Notable: missing, or unusual and maybe right.",
    "Nothing is repaired. Sorted by subject and rule.",
]


def of_discrepancies(definition: Definition) -> str:
    """Return the id of the listing of all discrepancies."""
    return next(
        (listing.id for listing in definition.listings if _is_whole(listing)), _free(definition)
    )


def added(definition: Definition) -> tuple[ListingDefinition, ...]:
    """Return the listing of discrepancies where the definition asks for none, or only for some."""
    if any(map(_is_whole, definition.listings)):
        return ()
    columns = [
        ListingColumnDefinition(id=name, label=label, source=source)
        for name, (label, source) in _COLUMNS.items()
    ]
    listing = ListingDefinition(
        id=_free(definition),
        title=TITLE,
        population=POPULATION,
        records=DISCREPANCIES,
        columns=columns,
        footnotes=_FOOTNOTES,
        dataset=free_dataset(ADDED[:8], definition.listings),
    )
    return (listing,)


def _is_whole(listing: ListingDefinition) -> bool:
    return listing.records == DISCREPANCIES and listing.subjects is None


def _free(definition: Definition) -> str:
    """Return an id that no listing of the definition has, nor one that only case tells from it."""
    used_ids, name = {listing.id.upper() for listing in definition.listings}, ADDED
    while name in used_ids:
        name += "-ALL"
    return name
