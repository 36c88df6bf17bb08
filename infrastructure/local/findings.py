"""What a check of documents found."""

from dataclasses import dataclass, field


@dataclass
class Findings:
    """What was checked, what is not as it must be, and what could not be checked.

    `missing` names what would be needed; `unchecked` what nobody can check who holds the same.
    """

    checked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, more: "Findings") -> None:
        """Add what another check found."""
        self.checked += more.checked
        self.differences += more.differences
        self.missing += more.missing
        self.unchecked += more.unchecked
