"""Where the published files of a study and an audience are, and what those are called."""

LIVE, CUTS, AUDIT = "live", "cuts", "audit"
HEADS, TRAIL, CHANGES = "heads.json", "audit.ndjson", "changes.xlsx"
"""What arrival decides, kept apart: where each journal stood, the journals, what they changed."""
SIGNATURE = "manifest.sig.json"
"""What is signed of a publication, and the public half of the key that signed it."""
CHANGES_SIGNATURE = "changes.sig.json"
"""What is signed of the changes of a report, which no manifest names."""
UNLISTED = frozenset({HEADS, TRAIL, SIGNATURE})
"""What stands beside a publication and not in it."""
REPORT = "report.json"
"""What the last audit found."""


def cut(name: str) -> str:
    """Say where a cut's documents are."""
    return f"{CUTS}/{name}"


def audit(name: str) -> str:
    """Say where that is which arrival decided of a cut, or of what is live."""
    return f"{AUDIT}/{name}"


def changes(cut_name: str, request: str) -> str:
    """Say where a report's changes are: the cut may be another report's too, compared otherwise."""
    return f"{AUDIT}/{cut_name}/{request}"


def is_retained(place: str) -> bool:
    """Say whether a place is of a cut that was asked for: never of what is live."""
    kind, _, rest = place.partition("/")
    return kind == CUTS or (kind == AUDIT and rest not in {"", LIVE})
