"""One subject on one time axis: dates, visits, doses, adverse events, medications, results.

A profile is a pure function of the subject's records and of the study as its audience sees it.
While that is blinded, the open audience's records have nothing in them that tells the arm
(`events.blinding`), so neither has the profile.
"""

from collections.abc import Iterator
from typing import Any

from trial.definition.study import Study
from trial.events import dates
from trial.events.blinding import HIDDEN
from trial.events.kinds import ADVERSE_EVENT, DECIDING_DATE, SAID
from trial.events.payloads import KINDS, NOT_DONE, is_not_done
from trial.reporting.profile.curves import curves
from trial.subject.codings import NOT_CODED
from trial.subject.derivation import Derivation
from trial.subject.fold import Record, Subject
from trial.tables.grid import Value
from trial.tables.listings.facts import plain
from trial.tables.profiles import Happening, Profile

DOSE, MEDICATION, VISIT, LABORATORY = (
    "dose.administered",
    "conmed.recorded",
    "visit.recorded",
    "lab.result.reported",
)
_SPANS = (DOSE, ADVERSE_EVENT, MEDICATION)
_ELSEWHERE = frozenset({LABORATORY, "adverse-event.coded", "conmed.coded", "medical-history.coded"})
"""Kinds whose records show as curves, or in the words of what they code."""


def profile(view: Study, subject: Subject) -> Profile:
    """Return the profile of a subject, as the audience of a study may see it."""
    return _Maker(Derivation(view, subject)).profile()


class _Maker:
    """Places the records of one subject on an axis."""

    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation
        self._definition = derivation.study.definition
        self._visits = {visit.id: visit.label for visit in self._definition.visits}
        self._arms = {arm.id: arm.label for arm in self._definition.arms}
        self._origin, self._origin_label = self._find_origin()

    def _find_origin(self) -> tuple[int | None, str]:
        """Return the day (ordinal) that days count from, and what it is."""
        derivation = self._derivation
        if derivation.day_zero is not None:
            return derivation.day_zero, "enrolment"
        if derivation.randomisation is not None:
            return dates.earliest(derivation.randomisation.data["date"]), "randomisation"
        days = [
            dated.day
            for record in self._records()
            if record.kind != "medical-history.reported" and (dated := derivation.dated(record))
        ]
        return (min(days), "the first record") if days else (None, "nothing dated")

    def _records(self) -> Iterator[Record]:
        for key, record in sorted(self._derivation.subject.records.items()):
            if not record.void and key[0] in KINDS:
                yield record

    def _since(self, day: int | None) -> int | None:
        return None if day is None or self._origin is None else day - self._origin

    def profile(self) -> Profile:
        """Return the whole."""
        derivation = self._derivation
        first_dose = derivation.first_dose
        return Profile(
            study=derivation.study.id,
            audience=derivation.study.audience,
            subject=derivation.subject.id,
            origin="" if self._origin is None else dates.iso(self._origin),
            origin_label=self._origin_label,
            first_dose=self._since(dates.earliest(first_dose) if first_dose else None),
            last_contact=self._since(derivation.last_contact or None),
            facts=tuple(self._facts()),
            visits=tuple(map(self._visit, derivation.ordered(VISIT))),
            doses=tuple(map(self._dose, derivation.doses)),
            adverse_events=tuple(self._adverse_events()),
            medications=tuple(map(self._medication, derivation.ordered(MEDICATION))),
            milestones=tuple(sorted(self._milestones(), key=_place)),
            curves=curves(derivation, self._since),
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is known of the subject as a whole."""
        derivation = self._derivation
        if not derivation.study.pooled:
            if derivation.planned_arm is not None:
                yield "Arm", self._arms.get(derivation.planned_arm, derivation.planned_arm)
            if derivation.received_arm not in (None, derivation.planned_arm):
                received = str(derivation.received_arm)
                yield "Arm received", self._arms.get(received, received)
        for name, label in (
            ("site", "Site"), ("country", "Country"), ("age", "Age"), ("sex", "Sex"),
            ("race", "Race"), ("ethnicity", "Ethnicity"),
        ):  # fmt: skip
            if (value := _text(derivation.fact(name))) != "":
                yield label, value
        for name, characteristic in self._definition.characteristics.items():
            if (value := _text(derivation.fact(name))) != "":
                yield characteristic.label, value
        if derivation.superseded:
            yield "Superseded", "another id stands for this person"

    def _happening(
        self, record: Record, label: str, details: tuple[tuple[str, str], ...] = ()
    ) -> Happening:
        """Place a record by its deciding date and its end."""
        field = DECIDING_DATE.get(record.kind, "")
        dated = self._derivation.dated(record) if field else None
        start, end = _text(record.data.get(field)), _text(record.data.get("end"))
        ended = self._derivation.imputation.dated(record.kind, "end", record.data) if end else None
        return Happening(
            record.kind,
            record.record,
            record.revision,
            label,
            tuple((name, value) for name, value in details if value),
            start,
            end,
            self._since(dated.day if dated else None),
            self._since(ended.day if ended else None),
            self._derivation.study_day(dated.day) if dated else None,
        )

    def _visit(self, record: Record) -> Happening:
        name = str(record.data["visit"])
        return self._happening(record, self._visits.get(name, name))

    def _dose(self, record: Record) -> Happening:
        data = record.data
        texts = [_text(data.get(name)) for name in ("treatment", "amount", "unit")]
        label = " ".join(text for text in texts if text and text != HIDDEN)
        visit = _text(data.get("visit"))
        return self._happening(
            record, label or "dose", (("visit", self._visits.get(visit, visit)),)
        )

    def _adverse_events(self) -> Iterator[Happening]:
        reports = {report.record: report for report in self._derivation.records(ADVERSE_EVENT)}
        for event in self._derivation.adverse_events:
            data = event.data
            reported = _text(data.get("term"))
            label = reported if event.pt == NOT_CODED else event.pt
            details = (
                ("reported", reported),
                ("class", "" if event.soc == NOT_CODED else event.soc),
                ("grade", _text(data.get("grade"))),
                ("severity", _text(data.get("severity"))),
                ("serious", "Y" if data.get("serious") else "N"),
                ("emergent", "Y" if event.emergent else "N"),
                ("causality", _text(data.get("causality"))),
                ("related", "Y" if event.related else "N"),
                ("outcome", _text(data.get("outcome"))),
            )
            yield self._happening(reports[event.record], label, details)

    def _medication(self, record: Record) -> Happening:
        data = record.data
        coded = _text(data.get("preferred_name"))
        coded = "" if coded == NOT_CODED else coded
        details = (
            ("reported", _text(data.get("drug"))),
            ("indication", _text(data.get("indication"))),
            ("ongoing", _text(data.get("ongoing"))),
        )
        return self._happening(record, coded or _text(data.get("drug")), details)

    def _milestones(self) -> Iterator[Happening]:
        """Yield every other record: each by what its kind is called, and what it says."""
        for record in self._records():
            kind = record.kind
            if kind in (*_SPANS, VISIT) or kind in _ELSEWHERE:
                continue
            texts = [self._said(record, name) for name in SAID.get(kind, ())]
            if is_not_done(record.data):
                texts.append(NOT_DONE.lower())
            about = ", ".join(text for text in texts if text and text != HIDDEN)
            noun = KINDS[kind].noun.partition(" ")[2]
            visit = _text(record.data.get("visit"))
            visit_facts = (
                () if kind.endswith("missed") else (("visit", self._visits.get(visit, visit)),)
            )
            label = f"{noun}: {about}" if about else noun
            yield self._happening(record, label, visit_facts)

    def _said(self, record: Record, field: str) -> str:
        """Return a field as people read it: visits and arms by their labels."""
        text = _text(record.data.get(field))
        labels = {"visit": self._visits, "arm": self._arms}.get(field, {})
        return labels.get(text, text)


def _place(happening: Happening) -> tuple[bool, int, str, str]:
    """Return the key by which records sort: by day, those without one last."""
    return happening.first is None, happening.first or 0, happening.kind, happening.record


def _text(value: Any) -> str:  # noqa: ANN401 (any field of a record)
    """Return a field of a record as text; '' where it says nothing, or what it says is hidden."""
    if value is None or value == HIDDEN:
        return ""
    plain_value: Value = plain(value)
    return "" if plain_value is None else str(plain_value)
