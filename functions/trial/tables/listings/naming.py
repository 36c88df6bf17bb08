"""What data sets and variables are called: short names in capitals, as CDISC has them."""

import re
from collections.abc import Iterable, Sequence

from trial.definition.outputs import ListingColumnDefinition, ListingDefinition

_LONGEST = 8
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,7}", re.ASCII)
_OTHER = re.compile(r"[^A-Z0-9_]", re.ASCII)


def variable_names(ids: Sequence[str]) -> list[str]:
    """Return the names of variables by the ids of columns: an id that is a name stays.

    Others are cut to letters, digits and the first eight, and numbered where that is taken.
    """
    names_taken = {id_ for id_ in ids if _NAME.fullmatch(id_)}
    names = []
    names_used: set[str] = set()
    for id_ in ids:
        name = (
            id_
            if id_ in names_taken and id_ not in names_used
            else _free(_shortened(id_), names_taken)
        )
        names_used.add(name)
        names_taken.add(name)
        names.append(name)
    return names


def _shortened(id_: str) -> str:
    letters = _OTHER.sub("", id_.upper()).lstrip("_")
    return (letters if letters[:1].isalpha() else f"V{letters}")[:_LONGEST]


def _free(name: str, names_taken: Iterable[str]) -> str:
    used, number, candidate = set(names_taken), 1, name
    while candidate in used:
        number += 1
        candidate = f"{name[: _LONGEST - len(str(number))]}{number}"
    return candidate


def free_dataset(name: str, listings: Iterable[ListingDefinition]) -> str:
    """Return the name of a data set that no listing's has; with a number where that is taken."""
    return _free(name, {listing.data_name.upper() for listing in listings}).lower()


def dataset_variable(
    listing: ListingDefinition, column: ListingColumnDefinition
) -> tuple[str, str] | None:
    """Return a column's data set and variable; None where the variable is not called as it is."""
    if not _NAME.fullmatch(column.id):
        return None
    return listing.data_name.upper(), column.id
