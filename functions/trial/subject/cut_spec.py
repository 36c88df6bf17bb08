"""What a report is asked to show: which records, as of when, and at which analysis."""

from trial.deferred import dataclass
from trial.events import dates
from trial.subject.cutoff import records_until
from trial.subject.fold import Subject


@dataclass(frozen=True)
class CutSpec:
    """What a report shows: data as recorded by an instant, and as of a clinical cut-off date.

    `erased` are the subjects whose personal texts were there at that instant and are not now.
    `final` says that it is the final analysis, whether or not the data are complete; `look` names
    the planned look that it is.
    """

    as_of: str = ""
    cutoff: str = ""
    erased: tuple[str, ...] = ()
    final: bool = False
    look: str = ""

    @property
    def day(self) -> int | None:
        """The last day (ordinal) that is included; None where there is no cut-off."""
        return dates.latest(self.cutoff) if self.cutoff else None

    def apply_cutoff(self, subject: Subject) -> Subject:
        """Return a subject as of the cut-off date."""
        return subject if self.day is None else records_until(subject, self.day)


LIVE_SPEC = CutSpec()
"""All data as of now: what the live reports show."""
