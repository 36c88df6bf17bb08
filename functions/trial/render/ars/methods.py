"""The kinds of analysis, as ARS methods: the operations that give a cell's statistics."""

import re
from collections.abc import Mapping
from dataclasses import field

from trial.deferred import dataclass
from trial.definition.summary_statistics import ESTIMATED, SUMMARY_ALONE
from trial.render.tables_json import Document
from trial.tables.grid import Cell

_ESTIMATED = {
    name: (statistic.full_name, statistic.pattern) for name, statistic in ESTIMATED.items()
}
OPERATIONS: Mapping[str, tuple[str, str]] = {
    "n": ("Number of subjects", "X"),
    "N": ("Number of subjects that a percentage is of: of whom the answer is known", "X"),
    "percent": ("Percentage", "X"),
    "events": ("Number of events", "X"),
    "all_events": ("Number of events that a percentage of events is of", "X"),
    "events_percent": ("Percentage of events", "X"),
    "resolved": ("Number of events followed, one by one or the first alone, that resolved", "X"),
    "competing": ("Number of subjects with a competing event", "X"),
    "censored": ("Number of subjects censored", "X"),
    "undated": ("Number of subjects whose event has no date", "X"),
    "both": ("Pairs: both conditions hold", "X"),
    "first": ("Pairs: the first condition alone holds", "X"),
    "second": ("Pairs: the second condition alone holds", "X"),
    "neither": ("Pairs: neither condition holds", "X"),
    "years": ("Subject-years at risk", "X.X"),
    "rate": ("Incidence rate", "X.X"),
    "rate_ratio": ("Ratio of the rate to that of the reference", "X.XX"),
    "odds_ratio": ("Odds ratio, to the reference", "X.XX"),
    "relative_risk": ("Relative risk, to the reference", "X.XX"),
    "dispersion": ("Dispersion of a negative binomial (NB2)", "X.XXX"),
    "hazard_ratio": ("Hazard ratio to the reference", "X.XX"),
    "days": ("Day at which the share is reached", "X"),
    "survival": ("Share without event, in percent", "X.X"),
    "incidence": ("Cumulative incidence, in percent", "X.X"),
    "restricted_mean": ("Restricted mean (days)", "X.X"),
    "mean_ratio": ("Ratio of restricted means, to the reference", "X.XX"),
    "mean": _ESTIMATED["mean"],
    "sd": _ESTIMATED["sd"],
    "lsmean": ("Least-squares mean", "X.X"),
    "difference": ("Difference from the reference", "X.X"),
    "se": _ESTIMATED["se"],
    "ci_low": ("Confidence interval, lower limit", "X.X"),
    "ci_high": ("Confidence interval, upper limit", "X.X"),
    **_ESTIMATED,
    "median_ci_low": ("Confidence interval of the median, lower limit", "X.X"),
    "median_ci_high": ("Confidence interval of the median, upper limit", "X.X"),
    "geometric_mean_ci_low": ("Confidence interval of the geometric mean, lower limit", "X.X"),
    "geometric_mean_ci_high": ("Confidence interval of the geometric mean, upper limit", "X.X"),
    "p_margin": ("P value of the margin, one-sided", "X.XXXX"),
    "conclusion": ("Whether the interval keeps the margin", "X"),
    "p": ("P value, two-sided", "X.XXXX"),
    "tipping_delta": ("Delta with which P first exceeds alpha", "X"),
    "p_adjusted": ("P value, adjusted for all confirmatory tests", "X.XXXX"),
    "observed": ("Number of values observed", "X"),
    "imputed": ("Number of values imputed", "X"),
    "baseline": ("Number of values imputed that are the baseline", "X"),
    "not_due": ("Number of subjects not yet due, in neither number of a percentage", "X"),
    "missing": ("Number of subjects with no value though due, in neither number", "X"),
}
"""What the statistics of cells are called, in the order of a method's operations; and how many
decimals are shown where the definition asks for no others."""

_DESCRIPTIONS: Mapping[str, str] = {
    "years": (
        "The sum over subjects of the least analysis value (days) of the records selected, over"
        " 365.25. A record without a value of a grouping variable is of each of its groups: a"
        " subject without an event of a term is at risk of it all its days."
    ),
}
"""How statistics are computed of records where that takes more than a look at the variable."""

RATIOS: Mapping[str, tuple[str, str]] = {
    "percent": ("n", "N"),
    "rate": ("n", "years"),
    "events_percent": ("events", "all_events"),
}
"""Numerator and denominator of the statistics that are a ratio of two others."""


_ROLES = ("NUMERATOR", "DENOMINATOR")


@dataclass
class Method:
    """One kind of analysis; its operations are the statistics that its cells have."""

    name: str
    statistics: set[str] = field(default_factory=set)

    @property
    def slug(self) -> str:
        """Its name as part of an id."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def id(self) -> str:
        """Its id among the methods."""
        return f"method/{self.slug}"

    @property
    def ratios(self) -> dict[str, tuple[str, str]]:
        """The ratios among its statistics."""
        return {
            name: parts
            for name, parts in RATIOS.items()
            if self.statistics.issuperset((name, *parts))
        }

    def operation(self, statistic: str) -> str:
        """Return the id of the operation that gives a statistic."""
        return f"{self.id}/{statistic}"

    def relation(self, statistic: str, role: str) -> str:
        """Return the id of the relation of a ratio to its numerator or denominator."""
        return f"{self.operation(statistic)}/{role.lower()}"

    def relations(self) -> list[tuple[str, str, str]]:
        """Return its ratios, each with its relations to its two parts, by name."""
        return [
            (name, self.relation(name, role), part)
            for name, parts in self.ratios.items()
            for role, part in zip(_ROLES, parts, strict=True)
        ]

    def written(self) -> Document:
        """Write the method with its operations in order."""
        standard = list(OPERATIONS)
        last = len(standard)
        names = sorted(
            self.statistics,
            key=lambda name: (standard.index(name) if name in standard else last, name),
        )
        operations = [self._operation(name, order) for order, name in enumerate(names, 1)]
        return {"id": self.id, "name": self.name, "operations": operations}

    def _operation(self, statistic: str, order: int) -> Document:
        meaning, pattern = OPERATIONS.get(statistic, (statistic, "X"))
        document: Document = {
            "id": self.operation(statistic),
            "name": meaning,
            "label": statistic,
            "order": order,
            "resultPattern": pattern,
        }
        if statistic in _DESCRIPTIONS:
            document["description"] = _DESCRIPTIONS[statistic]
        if statistic in self.ratios:
            document["referencedOperationRelationships"] = [
                {
                    "id": self.relation(statistic, role),
                    "referencedOperationRole": {"controlledTerm": role},
                    "operationId": self.operation(part),
                }
                for role, part in zip(_ROLES, self.ratios[statistic], strict=True)
            ]
        return document


class Methods:
    """The methods that a report uses."""

    def __init__(self) -> None:
        """Begin with none."""
        self._methods: dict[str, Method] = {}

    def use(self, cell: Cell) -> Method:
        """Return the method of a cell, which has its statistics from now on."""
        names = {statistic.name for statistic in cell.statistics}
        name = ", ".join(filter(None, (_family(names), cell.method))) or "Statistics"
        method = self._methods.setdefault(name, Method(name))
        method.statistics |= names
        return method

    def written(self) -> list[Document]:
        """Write them, in order of their ids."""
        return [
            method.written()
            for method in sorted(self._methods.values(), key=lambda method: method.id)
        ]


def _family(names: set[str]) -> str:
    """Return what kind of description a cell gives; '' where its method says it all."""
    if "percent" in names:
        return "Subjects and events" if "events" in names else "Count and percentage"
    return "Summary statistics" if names & SUMMARY_ALONE else ""
