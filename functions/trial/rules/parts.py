"""What compiles the parts of a definition, as those see it who are needed to compile them."""

from typing import Protocol

from trial.definition.conditions import AdverseEventFilter, Measure, Ref
from trial.definition.study import Study
from trial.rules.categories import Category
from trial.rules.matching import EventMatcher, Test
from trial.rules.measures import Quantity


class Parts(Protocol):
    """The compiled parts of one study: `Rules`."""

    study: Study

    def measure(self, ref: str | Measure, path: str) -> Quantity:
        """Return a measure, by its name or as written in place."""

    def category(self, name: str, path: str) -> Category:
        """Return a category, by its name."""

    def condition(self, ref: Ref, path: str) -> Test:
        """Return the test of a condition, by its name or as written in place."""

    def adverse_event_matcher(self, event_filter: AdverseEventFilter, path: str) -> EventMatcher:
        """Return the test of whether an adverse event meets a filter."""
