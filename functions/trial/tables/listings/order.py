"""In which order a listing's rows stand."""

from trial.definition.outputs import ListingDefinition
from trial.events.kinds import DECIDING_DATE
from trial.events.payloads import field_types
from trial.tables.listings.items import DISCREPANCIES, SUBJECTS, parameters_of


def order(listing: ListingDefinition) -> str:
    """State how a listing is sorted: it is the order in which `items` lists them."""
    kind = listing.records
    if kind == SUBJECTS:
        return "Sorted by subject."
    if kind == DISCREPANCIES:
        return "Sorted by subject, then by rule."
    if parameters := parameters_of(kind):
        parameter_order = "parameter in the order named, " if len(parameters) > 1 else ""
        return (
            f"Sorted by subject, then by {parameter_order}day and time of collection,"
            " and by record."
        )
    date = DECIDING_DATE.get(kind, "date")
    if date not in field_types(kind):
        return "Sorted by subject, then by content and record."
    return (
        f"Sorted by subject, then by {date} (none first; a partial date, or one without a time,"
        " before those that it can mean); of one moment by content and record."
    )
