"""All discrepancies of a study, as the API and the room list them, with what was decided of each.

Documents hold no state: they follow from the records alone, and what was decided does not.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events import fields
from trial.events.field_errors import not_in_list
from trial.events.json_body import canonical
from trial.render.tables_json import Document
from trial.reporting import report
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.statistics.cells import Cells
from trial.store.discrepancy_states import (
    OPEN,
    STATES,
    DiscrepancyState,
    DiscrepancyStates,
    StateChange,
    SubjectChanges,
)
from trial.store.dynamodb import Store
from trial.subject.derivation import Derivation
from trial.tables.compiled import audience_share, compiled
from trial.tables.discrepancies import ROW, Discrepancy
from trial.tables.discrepancies.across import CrossSubjectSurvey, is_compared
from trial.tables.grid import RuleCount

type _Position = tuple[str, int]
"""A subject, and the number of its last discrepancy in an answer."""

MOST = 500
"""How many discrepancies one answer lists."""
_FILTERS = {"rule": tuple(RULES), "severity": (CONTRADICTORY, NOTABLE), "state": STATES}
_ID_DIGITS = 32


@dataclass(frozen=True)
class FoundDiscrepancy:
    """A discrepancy that a subject has now, by its id, and what was decided of it.

    `changes` are the changes of its state, the latest last. A discrepancy whose records have other
    revisions is another one: nothing was decided of it yet.
    """

    id: str
    subject: str
    discrepancy: Discrepancy
    changes: Sequence[StateChange]

    @property
    def state(self) -> DiscrepancyState:
        """Its state: open, until somebody decides otherwise."""
        return self.changes[-1].state if self.changes else OPEN

    def document(self) -> Document:
        """Return it as data, with its state and all that was decided of it."""
        return {
            "id": self.id,
            **self.discrepancy.document(self.subject),
            "state": self.state,
            "decisions": [change.document() for change in self.changes],
        }


def _found(study: Study, derivation: Derivation, changes: SubjectChanges) -> list[FoundDiscrepancy]:
    """Find a subject's discrepancies, with what was decided of each."""
    return [
        FoundDiscrepancy(name, derivation.subject.id, discrepancy, changes.get(name, ()))
        for discrepancy in compiled(study).checks.find(derivation)
        for name in [_id(derivation, discrepancy)]
    ]


def _id(derivation: Derivation, discrepancy: Discrepancy) -> str:
    """Return the id of a discrepancy: a digest of what it says and of its records' revisions.

    Of a revision one content holds, so the id is of the records' content, and yet of nothing that
    tells an arm: the open audience sees revisions and details of all records, and details name none
    (`tables.discrepancies.evidence`).
    """
    records = derivation.subject.records
    revisions = [[*key, records[key].revision] for key in discrepancy.records]
    content = [derivation.subject.id, discrepancy.rule, revisions, discrepancy.detail]
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:_ID_DIGITS]


@dataclass(frozen=True)
class DiscrepancyQuery:
    """Which discrepancies a request selects, and after which it goes on; '' selects all."""

    rule: str
    severity: str
    subject: str
    site: str
    state: str
    after: _Position

    def selects(self, discrepancy: FoundDiscrepancy) -> bool:
        """Return whether a subject's discrepancy is of the rule, the severity and the state."""
        pairs = (
            (self.rule, discrepancy.discrepancy.rule),
            (self.severity, discrepancy.discrepancy.severity),
            (self.state, discrepancy.state),
        )
        return all(value_asked in ("", value) for value_asked, value in pairs)


def parse_query(query: Mapping[str, str]) -> DiscrepancyQuery:
    """Parse the query parameters; raises `Rejected` (422) for an unknown value of a filter."""
    errors = [
        FieldError(f"/{name}", not_in_list(query[name], values))
        for name, values in _FILTERS.items()
        if query.get(name, "") not in ("", *values)
    ]
    if not query.get("skip", "0").isdecimal():
        errors.append(FieldError("/skip", "must be a number"))
    if errors:
        raise Rejected(422, "Discrepancies not listed", "", *errors)
    after = query.get("after", ""), int(query.get("skip", "0"))
    return DiscrepancyQuery(
        query.get("rule", ""),
        query.get("severity", ""),
        query.get("subject", ""),
        query.get("site", ""),
        query.get("state", ""),
        after,
    )


def list_page(
    store: Store, states: DiscrepancyStates, study: Study, query: DiscrepancyQuery
) -> tuple[Document, _Position | None]:
    """List discrepancies in order of their subjects, from one snapshot of the study.

    `rules` and `sites` count all that there are, whatever the query selects. Where more follow, the
    position of the last one is returned too.
    """
    evidence = _Evidence(store, study)
    decided = states.all(study.id)
    rows: list[tuple[_Position, Document]] = []
    counts = _Counts()
    for derivation, numbers in evidence.derivations():
        name, site = derivation.subject.id, _site(derivation)
        counts.add(site, numbers)
        listed = len(rows) <= MOST and query.subject in ("", name) and query.site in ("", site)
        if not (listed or name in decided):
            continue
        discrepancies_found = _found(study, derivation, decided.get(name, {}))
        counts.add_decided(site, discrepancies_found)
        if listed and name >= query.after[0]:
            rows += _rows(discrepancies_found, query)
    page = rows[:MOST]
    document: Document = {
        "study": study.id,
        "rules": [
            vars(count) | {"states": counts.of_rule(count.rule, count.count)}
            for count in evidence.counts()
        ],
        "sites": counts.sites(),
        "discrepancies": [document for _, document in page],
    }
    return document, page[-1][0] if len(rows) > MOST else None


def find_one(
    store: Store, states: DiscrepancyStates, study: Study, subject: str, name: str
) -> FoundDiscrepancy:
    """Return a discrepancy that a subject has now, by its id.

    All subjects are read only where it is none of the subject's own records alone. Raises
    `Rejected` (404) where it has none of this id: none was, or its records have changed.
    """
    if fields.is_identifier(subject):
        changes = states.of_subject(study.id, subject)
        for derivation in _derivations_of(store, study, subject):
            for candidate in _found(study, derivation, changes):
                if candidate.id == name:
                    return candidate
    detail = (
        f"{subject} has no such discrepancy now. Where its records have changed since, it is gone,"
        " or is another one with an id of its own: list the subject's discrepancies again"
    )
    raise Rejected(404, "Discrepancy not found", detail)


def _derivations_of(store: Store, study: Study, subject_id: str) -> Iterator[Derivation]:
    """Yield a subject by itself and then, where others can matter to it, beside all of them."""
    if (stored := store.subject(study, subject_id)) is None:
        return
    derivation = Derivation(study, stored.subject)
    disputes = report.open_disputes_of([stored.subject], store.disputes(study))
    derivation.disputed = disputes.get(subject_id, ())
    yield derivation
    if is_compared(stored.subject):
        yield from (beside for beside, _ in _Evidence(store, study).derivations(subject_id))


class _Evidence:
    """What a study's discrepancies are found in: one snapshot of its subjects."""

    def __init__(self, store: Store, study: Study) -> None:
        self._study = study
        self._snapshot, self._own_counts = _read_snapshot(store, study)
        self._survey = CrossSubjectSurvey(self._snapshot)
        self._disputes = report.open_disputes_of(self._snapshot, store.disputes(study))
        # Disputes and what several subjects show together are in no sums: they are counted here.
        self._uncounted = Counter({"disputed": sum(map(len, self._disputes.values()))})
        self._across = {
            subject.id: across
            for subject in self._snapshot
            if (across := self._survey.discrepancies_of(subject))
        }
        for across in self._across.values():
            self._uncounted.update(rule for rule, _, _ in across)

    def counts(self) -> Sequence[RuleCount]:
        """Return how many discrepancies each rule finds."""
        sums = audience_share(self._study, self._snapshot.sums)
        return report.discrepancies(self._study, sums, self._uncounted)

    def derivations(self, subject_id: str = "") -> Iterator[tuple[Derivation, Counter[str]]]:
        """Yield the subjects that have discrepancies, or one, each with how many by rule."""
        for subject in self._snapshot:
            name = subject.id
            if subject_id not in ("", name):
                continue
            across, disputed = self._across.get(name, ()), self._disputes.get(name, ())
            if not (name in self._own_counts or across or disputed):
                continue
            derivation = Derivation(self._study, subject)
            derivation.across, derivation.disputed = across, disputed
            numbers = Counter(self._own_counts.get(name, {}))
            numbers.update(rule for rule, _, _ in across)
            numbers["disputed"] += len(disputed)
            yield derivation, numbers


class _Counts:
    """How many discrepancies there are, by site and rule, and how many of them in which state."""

    def __init__(self) -> None:
        self._by_site: dict[str, Counter[str]] = {}
        self._decided: dict[tuple[str, DiscrepancyState], Counter[str]] = {}

    def add(self, site: str, numbers: Mapping[str, int]) -> None:
        """Count a subject's discrepancies by rule."""
        self._by_site.setdefault(site, Counter()).update(numbers)

    def add_decided(self, site: str, discrepancies: Iterable[FoundDiscrepancy]) -> None:
        """Count those of a subject's discrepancies that are not open any more."""
        for discrepancy in discrepancies:
            if discrepancy.state != OPEN:
                place = site, discrepancy.state
                self._decided.setdefault(place, Counter())[discrepancy.discrepancy.rule] += 1

    def of_rule(self, rule: str, total: int) -> Document:
        """Return how many of a rule's discrepancies are in each state."""
        decided: dict[str, int] = {
            state: sum(
                numbers[rule]
                for (_, other_state), numbers in self._decided.items()
                if other_state == state
            )
            for state in STATES
            if state != OPEN
        }
        return {OPEN: total - sum(decided.values()), **decided}

    def sites(self) -> list[Document]:
        """Return how many there are by site and rule, and how many of them are open."""
        return [
            {
                "site": site or None,
                "rules": _plain(numbers),
                "open": _plain(numbers - self._decided_at(site)),
            }
            for site, numbers in sorted(self._by_site.items())
        ]

    def _decided_at(self, site: str) -> Counter[str]:
        at_site = (numbers for (name, _), numbers in self._decided.items() if name == site)
        return sum(at_site, Counter())


def _plain(numbers: Mapping[str, int]) -> Document:
    return {rule: number for rule, number in sorted(numbers.items()) if number}


def _rows(
    discrepancies: Iterable[FoundDiscrepancy], query: DiscrepancyQuery
) -> Iterator[tuple[_Position, Document]]:
    """Yield those of a subject's discrepancies that the query selects, each with its position."""
    for number, discrepancy in enumerate(
        discrepancies, 1
    ):  # whatever is selected: states change meanwhile
        if (discrepancy.subject, number) > query.after and query.selects(discrepancy):
            yield (discrepancy.subject, number), discrepancy.document()


def _site(derivation: Derivation) -> str:
    """Return the site of a subject: where it was enrolled, or else screened; '' if nobody says."""
    screened = derivation.records("subject.screened")
    sites = [derivation.fact("site"), *(record.data.get("site") for record in screened)]
    return next((str(site) for site in sites if site), "")


def _read_snapshot(store: Store, study: Study) -> tuple[StudySnapshot, dict[str, Cells]]:
    """Read the subjects, and of those that have discrepancies of their own how many by rule."""
    snapshot, own_counts = StudySnapshot(), dict[str, Cells]()
    for row in store.subjects(study):
        snapshot.add(row.subject, row.share, JournalPosition(row.version, row.head))
        if counted := audience_share(study, row.share).get(ROW):
            own_counts[row.id] = counted
    return snapshot, own_counts
