"""Former versions of live documents: which are deleted, and when.

Each publication leaves behind the versions that it replaced. Nobody is sent to them any more: links
are good for a minute, and what a study showed at an instant can be asked for as a report. So they
are deleted once nobody can be reading them; of documents those stay that were published as a day
(UTC) ended, until the bucket's rules delete them. Times are the bucket's own: when `latest.json`
was written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from trial.deferred import dataclass
from trial.store.bucket.client import ObjectVersion
from trial.store.bucket.pieces import is_piece

GRACE = timedelta(minutes=15)
"""How long what was replaced is still there: the longest that a function runs."""


@dataclass(frozen=True)
class FormerVersions:
    """The versions that one publication replaced."""

    published: datetime
    """When the publication appeared that named them last."""
    replaced: datetime | None
    """When the one appeared that names them no more: that is told to the next after it."""
    versions: tuple[ObjectVersion, ...]

    def noticed(self, moment: datetime) -> Self:
        """Note when they were replaced; of a day's last documents nothing is to be deleted."""
        if self.replaced is not None:
            return self
        is_last_of_day = _day(self.published) != _day(moment)
        versions = (
            version for version in self.versions if not is_last_of_day or is_piece(version.key)
        )
        return replace(self, replaced=moment, versions=tuple(versions))

    def is_due(self, moment: datetime) -> bool:
        """Return whether nobody can be reading them by a moment."""
        return self.replaced is not None and self.replaced + GRACE <= moment

    def document(self) -> list[Any]:
        """Return it as JSON."""
        replaced = self.replaced and self.replaced.isoformat()
        return [self.published.isoformat(), replaced, self.versions]

    @classmethod
    def read(cls, document: Sequence[Any]) -> Self:
        """Read it again."""
        published, replaced, versions = document
        return cls(
            datetime.fromisoformat(published),
            replaced and datetime.fromisoformat(replaced),
            tuple(ObjectVersion(*version) for version in versions),
        )


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


@dataclass(frozen=True)
class Superseding:
    """What a publication finds of former versions, and the time of the one before it."""

    published: datetime
    former: Sequence[FormerVersions]
    named: frozenset[ObjectVersion]
    """The versions that the publication before names."""

    @classmethod
    def of(
        cls, published: datetime, former: Iterable[FormerVersions], listed: Iterable[ObjectVersion]
    ) -> Self:
        """Look at the publication before, which appeared then and replaced the last of these."""
        noticed = (versions.noticed(published) for versions in former)
        return cls(published, tuple(noticed), frozenset(listed))

    def due(self) -> Iterator[ObjectVersion]:
        """Yield what can be deleted now."""
        for former in self.former:
            if former.is_due(self.published):
                yield from former.versions

    def remaining(self, versions: Iterable[ObjectVersion]) -> list[FormerVersions]:
        """Return what is left for later, by a publication that names these versions."""
        replaced = FormerVersions(self.published, None, tuple(sorted(self.named - {*versions})))
        waiting = (former for former in self.former if not former.is_due(self.published))
        return [former for former in (*waiting, replaced) if former.versions]
