"""What a cell says, one line a result: `33 (83%)`, `67.2 to 92.7`, `4.54 (0.623)`."""

from collections.abc import Iterable
from dataclasses import dataclass

from trial.definition.summary_statistics import ESTIMATED
from trial.tables.grid import NOT_REPORTED, Cell, Column, Statistic

P_VALUE = "P value"
_UNKNOWN = "\u2013"  # a result that cannot be calculated; the page says so
_COUNT = "n (%)"
# What stands together, in reading order; a pattern takes the texts of the names before it.
_LINES = (
    ("Events", ("events",), "{}"),
    ("Person-years", ("years",), "{}"),
    ("Rate", ("rate",), "{}"),
    ("Mean (SD)", ("mean", "sd"), "{} ({})"),
    ("Mean", ("mean",), "{}"),
    ("LS mean (SE)", ("lsmean", "se"), "{} ({})"),
    ("LS mean", ("lsmean",), "{}"),
    ("Both", ("both",), "{}"),
    ("First only", ("first",), "{}"),
    ("Second only", ("second",), "{}"),
    ("Neither", ("neither",), "{}"),
    ("Difference (SE)", ("difference", "se"), "{} ({})"),
    ("Difference", ("difference",), "{}"),
    ("Days", ("days",), "{}"),
    ("Survival", ("survival",), "{}"),
    ("SE", ("se",), "{}"),
    ("95% CI", ("ci_low", "ci_high"), "{} to {}"),
    ("Median", ("median",), "{}"),
    ("Q1, Q3", ("q1", "q3"), "{}, {}"),
    ("Min, max", ("min", "max"), "{}, {}"),
    ("Observed", ("observed",), "{}"),
    ("Imputed", ("imputed",), "{}"),
    ("Of these the baseline", ("baseline",), "{}"),
    ("Not yet due", ("not_due",), "{}"),
    ("Missing", ("missing",), "{}"),
    ("Censored", ("censored",), "{}"),
    ("Event not dated", ("undated",), "{}"),
    (P_VALUE, ("p",), "{}"),
)
_ORDER = (_COUNT, "n", *(label for label, _, _ in _LINES))


@dataclass(frozen=True)
class Line:
    """One result of a cell. A count's percentage stands apart, so that counts align."""

    label: str
    text: str
    share: str | None = None
    """The percentage beside a count, '' where none is shown; None where this is no count."""


def lines(cell: Cell, column: Column) -> tuple[Line, ...]:
    """Give all that a cell holds; a statistic without a place of its own goes by its name."""
    left = {each.name: _text(each) for each in cell.statistics}
    found = [_count(left, column)] if "n" in left else []
    for label, names, pattern in _LINES:
        if left.keys() >= set(names):
            texts = [left.pop(name) for name in names]
            absent = NOT_REPORTED in texts
            found.append(Line(label, NOT_REPORTED if absent else pattern.format(*texts)))
    return (*found, *(Line(_label(name), text) for name, text in left.items()))


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Give each label once, in reading order; those without a place come last."""
    found = dict.fromkeys(labels)
    return tuple(sorted(found, key=lambda label: (*_ORDER, label).index(label)))


def _label(name: str) -> str:
    return ESTIMATED[name].label if name in ESTIMATED else name


def _text(statistic: Statistic) -> str:
    mark = " (nominal)" if statistic.nominal and statistic.text else ""
    return (statistic.text + mark) or _UNKNOWN


def _count(left: dict[str, str], column: Column) -> Line:
    """Take a count with its share, and with its denominator where that is not the column's."""
    n, size = left.pop("n"), left.pop("N", str(column.n))
    if "percent" not in left:
        return Line("n", n)
    share = left.pop("percent").strip("()%" + _UNKNOWN)
    text = n if size == str(column.n) else f"{n}/{size}"
    return Line(_COUNT, text, f"({share}%)" if share else "")
