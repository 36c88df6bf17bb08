"""The subjects among whom those behind a number are looked for: as they are now, or as a cut's."""

from collections.abc import Iterator
from typing import Any, Protocol

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.reporting.comparison.cuts import ComparedCut, compared_cut
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store
from trial.store.paging import SubjectRow
from trial.store.reports import Reports
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.fold import Subject, fold_all

_OTHER_RELEASE = (
    "the cut was made by a release that counts differently: request it again (with as_of) to have"
    " it by this one"
)
_OPENED = "the cut was made while the study was not blinded: its subjects are not shown by arm"
LIVE_LIMITS, CUT_LIMITS = (2_000, 120_000), (500, 30_000)
"""How many subjects, and accepted revisions of them, a page looks at at most."""


class People(Protocol):
    """Subjects in an order of their own, in which a page can begin after any of them."""

    @property
    def view(self) -> Study:
        """The study as the audience sees it, by the definition that counts."""

    @property
    def spec(self) -> CutSpec:
        """What of the subjects is shown."""

    @property
    def limits(self) -> tuple[int, int]:
        """How many subjects, and accepted revisions of them, there is time to look at."""

    def after(self, subject: str) -> Iterator[Subject]:
        """Read the subjects that follow one; '' is before the first."""

    def document(self) -> dict[str, Any] | None:
        """Return which cut they are of, as data; None for now."""


@dataclass(frozen=True)
class Live:
    """The subjects as they are now, each as it is when its row is read: shard by shard."""

    store: Store
    view: Study
    spec: CutSpec = LIVE_SPEC

    @property
    def limits(self) -> tuple[int, int]:
        """How many subjects and revisions are looked at: each is read with the next."""
        return LIVE_LIMITS

    def after(self, subject: str) -> Iterator[Subject]:
        """Read the rows that follow a subject's."""
        return (row.subject for row in self.store.subjects_after(self.view, subject))

    def document(self) -> dict[str, Any] | None:
        """Return that they are of no cut."""
        return None


@dataclass(frozen=True)
class OfCut:
    """The subjects that a cut counts, as it saw them, in order of their ids.

    One without later events is read from its row, any other from its journal.
    """

    store: Store
    view: Study
    cut: ComparedCut

    @property
    def limits(self) -> tuple[int, int]:
        """How many are looked at: fewer, as the journals of many of them may have to be read."""
        return CUT_LIMITS

    @property
    def spec(self) -> CutSpec:
        """What of the subjects the cut shows."""
        return self.cut.spec

    def after(self, subject: str) -> Iterator[Subject]:
        """Read the subjects that follow one as they were recorded by the cut."""
        names = (name for name in sorted(self.cut.versions) if name > subject)
        for name, row in self.store.named_subjects(self.view, names):
            yield Subject(name) if row is None else self._then(row, self.cut.versions[name])

    def _then(self, row: SubjectRow, version: int) -> Subject:
        if row.version == version:
            return row.subject
        name = row.subject.id
        journal = self.store.journal(self.view.id, name, row.cipher_key, version)
        return fold_all(name, [entry.entry() for entry in journal])

    def document(self) -> dict[str, Any] | None:
        """Return which report and cut it is."""
        return self.cut.document()


def people(
    store: Store, documents: Documents, reports: Reports, reader_study: Study, cut: str = ""
) -> People:
    """Return the subjects as they are now, or as a report or cut saw them, by its id.

    Raises `Rejected`: 404 for what is no report, 409 for one that is not ready or cannot be shown.
    """
    if not cut:
        return Live(store, reader_study)
    cut_compared = compared_cut(documents, reports, reader_study, cut)
    study = store.defined(reader_study.id, cut_compared.cut["definition"])
    view = study if cut_compared.audience == UNBLINDED else study.open
    version = cut_compared.cut["definition"], cut_compared.cut["contribution_version"]
    if version != (study.digest, study.version):
        raise Rejected(409, "Cut not traced", _OTHER_RELEASE)
    if reader_study.pooled and not study.definition.blinded:
        raise Rejected(409, "Cut not traced", _OPENED)
    return OfCut(store, view, cut_compared)
