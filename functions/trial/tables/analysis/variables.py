"""The variables of the analysis data, in their order, with their labels."""

from collections.abc import Mapping

from trial.tables.grid import ListingColumn

SUBJECT = "USUBJID"
PARAMETER, PARAMETER_LABEL, VISIT = "PARAMCD", "PARAM", "AVISIT"
VALUE, BASE, CHANGE, PERCENT_CHANGE, DECREASE = "AVAL", "BASE", "CHG", "PCHG", "DECREASE"
ANSWER, STATUS, IMPUTATION = "AVALC", "AVALST", "DTYPE"
BEFORE, CATEGORY = "BASECAT1", "AVALCAT1"
SUBGROUP = "SUBGROUP"
STRATUM, CENSORED, UNDATED = "STRATUM", "CNSR", "UNDATEFL"
EVENT = "AESPID"
TERMS: Mapping[str, str] = {
    "group": "AEGROUP",
    "soc": "AEBODSYS",
    "hlgt": "AEHLGT",
    "hlt": "AEHLT",
    "pt": "AEDECOD",
    "llt": "AELLT",
}
"""What an adverse event counts under, by the level of the dictionary."""
ANALYSED, IN_DENOMINATOR, IN_RECORDS = "ANL01FL", "ANL02FL", "ANL03FL"
_MOST_CATEGORIES = 6


def term(level: str, depth: int) -> str:
    """Return the name of the variable of a level of terms: of the dictionary, or of a field."""
    return TERMS.get(level, f"TERM{depth}")


def category(depth: int) -> str:
    """Return the name of the variable of the worst level at a depth of terms."""
    return f"AVALCAT{depth}"


_TEXTS: Mapping[str, str] = {
    ANSWER: "Analysis answer (Y or N)",
    STATUS: "Reason why there is no value",
    IMPUTATION: "Derivation type",
    BEFORE: "Baseline category, or first answer",
    **{category(n): f"Analysis category {n}" for n in range(1, _MOST_CATEGORIES + 1)},
    SUBGROUP: "Subgroup",
    STRATUM: "Stratum",
    UNDATED: "Event without date flag",
    TERMS["group"]: "Group of terms",
    TERMS["soc"]: "System organ class",
    TERMS["hlgt"]: "High level group term",
    TERMS["hlt"]: "High level term",
    TERMS["pt"]: "Preferred term",
    TERMS["llt"]: "Lowest level term",
    **{term("", depth): f"Term {depth}" for depth in range(1, _MOST_CATEGORIES + 1)},
    EVENT: "Event identifier",
    ANALYSED: "Analysed record flag",
    IN_DENOMINATOR: "Denominator record flag",
    IN_RECORDS: "Records in percent: flag of all of them",
}
_NUMBERS: Mapping[str, str] = {
    VALUE: "Analysis value",
    BASE: "Baseline value",
    CHANGE: "Change from baseline",
    PERCENT_CHANGE: "Percent change from baseline",
    DECREASE: "Decrease from baseline",
}
COLUMNS: tuple[ListingColumn, ...] = (
    ListingColumn(SUBJECT, "Subject"),
    ListingColumn(PARAMETER, "Parameter code"),
    ListingColumn(PARAMETER_LABEL, "Parameter"),
    ListingColumn(VISIT, "Analysis visit"),
    *(ListingColumn(name, label, "number") for name, label in _NUMBERS.items()),
    ListingColumn(CENSORED, "Censor (0: event)", "number", integer=True),
    *(ListingColumn(name, label) for name, label in _TEXTS.items()),
)
"""The columns of the analysis data."""

HEAD = 4
"""How many columns every record has: subject, parameter and visit."""
