"""The prefixes of a study's and audience's published files; `tables/file_names` has their names."""

LIVE, CUTS, AUDIT = "live", "cuts", "audit"


def cut_prefix(name: str) -> str:
    """Return the prefix of a cut's documents."""
    return f"{CUTS}/{name}"


def audit_prefix(name: str) -> str:
    """Return the prefix of the audit files of a cut, or of what is live."""
    return f"{AUDIT}/{name}"


def changes_prefix(cut_name: str, report_id: str) -> str:
    """Return the prefix of a report's changes: other reports may have the same cut."""
    return f"{AUDIT}/{cut_name}/{report_id}"


def is_retained(prefix: str) -> bool:
    """Return whether files of a prefix are kept: those of requested cuts, never those of live."""
    kind, _, name = prefix.partition("/")
    return kind == CUTS or (kind == AUDIT and name not in {"", LIVE})
