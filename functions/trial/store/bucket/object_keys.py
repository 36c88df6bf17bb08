"""The prefixes of a study's and audience's published files, and the names of these files."""

LIVE, CUTS, AUDIT = "live", "cuts", "audit"
HEADS, TRAIL, CHANGES = "heads.json", "audit.ndjson", "changes.xlsx"
"""What the order of arrival decides, kept apart: journal heads, audit trail, changes."""
SIGNATURE = "manifest.sig.json"
"""What is signed of a publication, and the public half of the key that signed it."""
CHANGES_SIGNATURE = "changes.sig.json"
"""What is signed of the changes of a report, which no manifest names."""
UNLISTED = frozenset({HEADS, TRAIL, SIGNATURE})
"""Files beside a publication that its manifest does not list."""
REPORT = "report.json"
"""What the last audit found."""


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
