"""What a check of documents found."""

from dataclasses import dataclass, field


@dataclass
class CheckResult:
    """What was checked, what is not as it must be, and what could not be checked.

    `missing` names what would be needed; `unchecked` what nobody can check who holds the same.
    """

    checked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, other_result: "CheckResult") -> None:
        """Add what another check found."""
        self.checked += other_result.checked
        self.differences += other_result.differences
        self.missing += other_result.missing
        self.unchecked += other_result.unchecked
