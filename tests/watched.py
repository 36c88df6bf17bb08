"""A derivation that notes which inputs it is asked for, and the components of a study asked so."""

from collections.abc import Callable, Iterator
from typing import Any

from trial.definition.design import Visit
from trial.definition.inputs import (
    ANYTHING,
    BASELINE,
    CONTACT,
    COURSE,
    DUE,
    RESULTS,
    VISITS,
    due_input,
    parameter_input,
)
from trial.definition.study import Study
from trial.statistics.cells import Share
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.subject.imputation import Imputation
from trial.tables.compiled import CompiledStudy

type Note = Callable[[str], None]


class _Noted(dict[Any, Any]):
    """Notes what each key that is asked for stands for; asked for all, it notes anything."""

    def __init__(self, content: Any, note: Note, of_key: Callable[[Any], str]) -> None:
        super().__init__(content)
        self._note, self._of_key = note, of_key

    def get(self, key: Any, default: Any = None) -> Any:
        self._note(self._of_key(key))
        return super().get(key, default)

    def __getitem__(self, key: Any) -> Any:
        self._note(self._of_key(key))
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(self._of_key(key))
        return super().__contains__(key)

    def __bool__(self) -> bool:
        return True

    def _all(self, name: str) -> Any:
        self._note(ANYTHING)
        return getattr(super(), name)()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all("__iter__"))

    def __len__(self) -> int:
        return int(self._all("__len__"))

    def items(self) -> Any:
        return self._all("items")

    def values(self) -> Any:
        return self._all("values")

    def keys(self) -> Any:
        return self._all("keys")


class WatchedDerivation(Derivation):
    """Notes the inputs that are asked of it; what the course decides is no input.

    What is of the course comes from a derivation beside it, so that nothing which that keeps hides
    a later question.
    """

    def __init__(self, study: Study, subject: Subject) -> None:
        self.inputs: set[str] = set()
        super().__init__(study, subject)
        self.plain = Derivation(study, subject)
        of_kind = _Noted(self._by_kind, self._note, str)
        self._by_kind = of_kind
        self.imputation = Imputation(of_kind)
        self.imputation.__dict__ |= {
            "first_dose": self.plain.first_dose,
            "last_alive": self.plain.imputation.last_alive,
        }
        records = _Noted(self.subject.records, self._note, lambda key: key[0])
        digests = _Noted(self.subject.digests, self._note, lambda _: ANYTHING)
        self.subject = Subject(self.subject.id, records, digests)

    def _note(self, name: str) -> None:
        if name and name not in COURSE:  # '': the coding of a kind that has none
            self.inputs.add(name)

    @property
    def received_arm(self) -> str | None:  # type: ignore[override]
        return self.plain.received_arm

    @property
    def last_contact(self) -> int:  # type: ignore[override]
        self._note(CONTACT)
        return self.plain.last_contact

    @property
    def _visit_days(self) -> dict[str, list[int]]:  # type: ignore[override]
        self._note(VISITS)
        return self.plain._visit_days

    @property
    def recorded_visits(self) -> frozenset[str]:  # type: ignore[override]
        self._note(VISITS)
        return self.plain.recorded_visits

    @property
    def _reported(self) -> Any:  # type: ignore[override]
        return tuple(_Noted(items, self._note, parameter_input) for items in self.plain._reported)

    def _zero(self, visit: Visit) -> int | None:
        # Of a study with such a visit all is counted anew when a dose comes.
        return self.plain._zero(visit) if visit.days_from == "last-dose" else super()._zero(visit)

    def due(self, visit: Visit) -> bool:
        self._note(due_input(visit.id))
        return self.plain.due(visit)

    def baseline_due(self) -> bool:
        self._note(due_input(BASELINE))
        return self.plain.baseline_due()

    def seen_beyond(self, _day: int) -> bool:
        raise AssertionError("asked for a day that is none of the inputs")


def is_stated(name: str, stated: frozenset[str]) -> bool:
    """Return whether an input is one of those stated, by itself or among others."""
    of_all = RESULTS if name.startswith("parameter ") else DUE
    shared = name.startswith(("parameter ", "due ")) and of_all in stated
    return shared or name in stated or ANYTHING in stated


def components(
    plan: CompiledStudy,
) -> Iterator[tuple[str, frozenset[str], Callable[[Any, Share], Any]]]:
    """Give every component of a study: what it is called, what it states, and how it is counted."""
    stated = plan.components
    for rule, inputs in stated.rules.items():
        yield (
            f"rule {rule}", inputs,
            lambda derivation, share, rule=rule: plan.checks.contribute_rules(
                {rule}, derivation, share),
        )  # fmt: skip
    for cell, inputs in stated.sets.items():
        yield (
            cell,
            inputs,
            lambda derivation, _, cell=cell: plan.populations[cell].member(derivation),
        )
    for (table, row), inputs in stated.rows.items():
        yield (
            f"{table}/{row}", inputs,
            lambda derivation, share, table=table, row=row: plan.tables[table].contribute_part(
                frozenset({row}), derivation, share),
        )  # fmt: skip
    if plan._complete is not None:
        yield "complete", stated.completion, lambda derivation, _: plan._complete(derivation)
    yield "flow", stated.flow, plan.flow.contribute


def inputs_asked(
    plan: CompiledStudy, subject: Subject
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield each component's name, an input that it asks for of a subject, and what it states."""
    for name, stated, contribute in components(plan):
        derivation = WatchedDerivation(plan.study, subject)
        contribute(derivation, {})
        for asked in derivation.inputs:
            yield name, asked, stated
