"""What a sender may post: events of some kinds, of subjects of some sites."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.subject.fold import Subject

_SITED = ("subject.enrolled", "subject.screened")
"""The kinds that say of which site a subject is."""


@dataclass(frozen=True)
class Sender:
    """Whose principal looks so (`*` and `?` as in a file's name), and what they may post.

    None: of every kind, of every site.
    """

    principal: str
    kinds: Sequence[str] | None = None
    sites: Sequence[str] | None = None

    def may_post(self, kind: str) -> bool:
        """Say whether events of a kind are among what they may post."""
        return self.kinds is None or kind in self.kinds

    def may_post_of(self, sites: Collection[str]) -> bool:
        """Say whether a subject of these sites is among theirs; one of no known site is not."""
        return self.sites is None or (bool(sites) and set(sites) <= set(self.sites))


def senders_matching(senders: Sequence[Sender], principal: str) -> list[Sender]:
    """Find what a principal may post; where no sender is named at all, everybody may all."""
    if not senders:
        return [Sender("*")]
    return [each for each in senders if fnmatchcase(principal, each.principal)]


def recorded_sites(subject: Subject | None) -> set[str]:
    """Name the sites that are recorded of a subject: one, unless its records contradict."""
    records = subject.records.values() if subject else ()
    return {
        str(each.data["site"])
        for each in records
        if each.kind in _SITED and not each.void and "site" in each.data
    }


def stated_sites(entries: Sequence[Entry]) -> Mapping[str, set[str]]:
    """Name the sites that events state of their subjects."""
    found: dict[str, set[str]] = {}
    for each in entries:
        if each.kind in _SITED and "site" in each.data:
            found.setdefault(each.subject, set()).add(str(each.data["site"]))
    return found


def sender_refusal() -> Rejected:
    """Refuse what a sender may not post; it does not say of which site a subject is."""
    detail = "this sender may not post events of this kind, or of this subject"
    return Rejected(403, "Event not accepted from this sender", detail)
