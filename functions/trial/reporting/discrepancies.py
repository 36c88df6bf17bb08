"""Discrepancies as the API tells them: those that an event raises, and all that there are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.field_errors import not_in_list
from trial.reporting import report
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.statistics.cells import Share
from trial.store.dynamodb import Store
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.compiled import audience_share, compiled
from trial.tables.discrepancies import ROW, Discrepancy
from trial.tables.discrepancies.across import CrossSubjectSurvey

type Document = dict[str, object]
type _Place = tuple[str, int]
"""A subject, and how many of its discrepancies come up to here."""

MOST = 500
"""How many are listed in one answer."""
_FILTERS = {"rule": tuple(RULES), "severity": (CONTRADICTORY, NOTABLE)}


def raised(study: Study, before: Subject, after: Subject, share: Share | None) -> list[Document]:
    """List the discrepancies that a subject has after an event and had not before it.

    As everybody may see them, whoever sent the event: a blinded study must not tell arms by them.
    `share` is what is counted of the subject now: most have none, and nothing is looked for.
    """
    if share is not None and ROW not in share:
        return []
    checks = compiled(study.open).checks
    found = checks.find(Derivation(study.open, after))
    known = checks.find(Derivation(study.open, before)) if found else []
    return [_document(after.id, each) for each in found if each not in known]


def _document(subject: str, found: Discrepancy) -> Document:
    records = [{"kind": kind, "record": record} for kind, record in found.records]
    told: Document = {"rule": found.rule, "severity": found.severity, "label": found.label}
    return told | {"subject": subject, "records": records, "detail": found.detail}


@dataclass(frozen=True)
class Asked:
    """Which discrepancies are asked for; what is empty asks for all."""

    rule: str
    severity: str
    subject: str
    after: _Place

    def wants(self, found: Discrepancy) -> bool:
        """Say whether one is asked for."""
        of_rule = self.rule in ("", found.rule)
        return of_rule and self.severity in ("", found.severity)


def read(query: Mapping[str, str]) -> Asked:
    """Read what a request asks for; raises `Rejected` (422) where it asks for what cannot be."""
    faults = [
        FieldError(f"/{name}", not_in_list(query[name], known))
        for name, known in _FILTERS.items()
        if query.get(name, "") not in ("", *known)
    ]
    if not query.get("skip", "0").isdecimal():
        faults.append(FieldError("/skip", "must be a number"))
    if faults:
        raise Rejected(422, "Discrepancies not listed", "", *faults)
    after = query.get("after", ""), int(query.get("skip", "0"))
    return Asked(query.get("rule", ""), query.get("severity", ""), query.get("subject", ""), after)


def listed(store: Store, study: Study, asked: Asked) -> tuple[Document, _Place | None]:
    """List discrepancies in order of their subjects, from one state of the study.

    `rules` count all there are. The place is that of the last one, where more follow.
    """
    state, own = _state(store, study)
    survey = CrossSubjectSurvey(state)
    disputes = report.open_disputes_of(state, store.disputes(study))
    beside = Counter({"disputed": sum(map(len, disputes.values()))})
    rows: list[tuple[_Place, Document]] = []
    for subject in state:
        across = survey.discrepancies_of(subject)
        beside.update(rule for rule, _, _ in across)
        if not (subject.id in own or across or subject.id in disputes):
            continue
        derivation = Derivation(study, subject)
        derivation.across, derivation.disputed = across, disputes.get(subject.id, ())
        if len(rows) <= MOST:
            rows += _rows(study, derivation, asked)
    shown = rows[:MOST]
    sums = audience_share(study, state.sums)
    document: Document = {
        "study": study.id,
        "rules": [vars(each) for each in report.discrepancies(study, sums, beside)],
        "discrepancies": [document for _, document in shown],
    }
    return document, shown[-1][0] if len(rows) > MOST else None


def _rows(study: Study, derivation: Derivation, asked: Asked) -> Iterator[tuple[_Place, Document]]:
    """Give a subject's that are asked for, each with its place."""
    name = derivation.subject.id
    if asked.subject not in ("", name) or name < asked.after[0]:
        return
    found = filter(asked.wants, compiled(study).checks.find(derivation))
    for number, each in enumerate(found, 1):
        if (name, number) > asked.after:
            yield (name, number), _document(name, each)


def _state(store: Store, study: Study) -> tuple[StudySnapshot, set[str]]:
    """Read the subjects, and who of them has discrepancies of its own."""
    state, own = StudySnapshot(), set()
    for each in store.subjects(study):
        state.add(each.subject, each.share, JournalPosition(each.version, each.head))
        if ROW in audience_share(study, each.share):
            own.add(each.id)
    return state, own
