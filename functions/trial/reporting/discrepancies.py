"""All discrepancies of a study, as the API lists them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.field_errors import not_in_list
from trial.render.tables_json import Document
from trial.reporting import report
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.statistics.cells import Cells
from trial.store.dynamodb import Store
from trial.subject.derivation import Derivation
from trial.tables.compiled import audience_share, compiled
from trial.tables.discrepancies import ROW, Discrepancy
from trial.tables.discrepancies.across import CrossSubjectSurvey

type _Position = tuple[str, int]
"""A subject, and the number of its last discrepancy in an answer."""

MOST = 500
"""How many discrepancies one answer lists."""
_FILTERS = {"rule": tuple(RULES), "severity": (CONTRADICTORY, NOTABLE)}


@dataclass(frozen=True)
class DiscrepancyQuery:
    """Which discrepancies a request selects, and after which it goes on; '' selects all."""

    rule: str
    severity: str
    subject: str
    site: str
    after: _Position

    def selects(self, discrepancy: Discrepancy) -> bool:
        """Return whether a subject's discrepancy is of the rule and of the severity."""
        return self.rule in ("", discrepancy.rule) and self.severity in ("", discrepancy.severity)


def parse_query(query: Mapping[str, str]) -> DiscrepancyQuery:
    """Parse the query parameters; raises `Rejected` (422) for an unknown rule or severity."""
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
        after,
    )


def list_page(
    store: Store, study: Study, query: DiscrepancyQuery
) -> tuple[Document, _Position | None]:
    """List discrepancies in order of their subjects, from one snapshot of the study.

    `rules` and `sites` count all that there are, whatever the query selects. Where more follow, the
    position of the last one is returned too.
    """
    snapshot, own_counts = _read_snapshot(store, study)
    survey = CrossSubjectSurvey(snapshot)
    disputes = report.open_disputes_of(snapshot, store.disputes(study))
    # Disputes and what several subjects show together are in no sums: they are counted here.
    uncounted = Counter({"disputed": sum(map(len, disputes.values()))})
    rows: list[tuple[_Position, Document]] = []
    by_site: dict[str, Counter[str]] = {}
    for subject in snapshot:
        across = survey.discrepancies_of(subject)
        uncounted.update(rule for rule, _, _ in across)
        if not (subject.id in own_counts or across or subject.id in disputes):
            continue
        derivation = Derivation(study, subject)
        derivation.across, derivation.disputed = across, disputes.get(subject.id, ())
        found = by_site.setdefault(_site(derivation), Counter())
        found.update(own_counts.get(subject.id, {}))
        found.update(rule for rule, _, _ in across)
        found["disputed"] += len(derivation.disputed)
        if len(rows) <= MOST:
            rows += _rows(study, derivation, query)
    page = rows[:MOST]
    sums = audience_share(study, snapshot.sums)
    document: Document = {
        "study": study.id,
        "rules": [vars(count) for count in report.discrepancies(study, sums, uncounted)],
        "sites": [
            {"site": site or None, "rules": {rule: n for rule, n in sorted(found.items()) if n}}
            for site, found in sorted(by_site.items())
        ],
        "discrepancies": [document for _, document in page],
    }
    return document, page[-1][0] if len(rows) > MOST else None


def _rows(
    study: Study, derivation: Derivation, query: DiscrepancyQuery
) -> Iterator[tuple[_Position, Document]]:
    """Yield a subject's discrepancies that the query selects, each with its position."""
    subject = derivation.subject.id
    if query.subject not in ("", subject) or subject < query.after[0]:
        return
    if query.site not in ("", _site(derivation)):
        return
    selected = filter(query.selects, compiled(study).checks.find(derivation))
    for number, discrepancy in enumerate(selected, 1):
        if (subject, number) > query.after:
            yield (subject, number), discrepancy.document(subject)


def _site(derivation: Derivation) -> str:
    """Return the site of a subject: where it was enrolled, or else screened; '' if nobody says."""
    screened = derivation.records("subject.screened")
    known = [derivation.fact("site"), *(record.data.get("site") for record in screened)]
    return next((str(site) for site in known if site), "")


def _read_snapshot(store: Store, study: Study) -> tuple[StudySnapshot, dict[str, Cells]]:
    """Read the subjects, and of those that have discrepancies of their own how many by rule."""
    snapshot, own_counts = StudySnapshot(), dict[str, Cells]()
    for row in store.subjects(study):
        snapshot.add(row.subject, row.share, JournalPosition(row.version, row.head))
        if counted := audience_share(study, row.share).get(ROW):
            own_counts[row.id] = counted
    return snapshot, own_counts
