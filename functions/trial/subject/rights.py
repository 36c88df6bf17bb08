"""The rights of senders: which kinds of events they may post, for subjects of which sites."""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from trial.deferred import dataclass
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.subject.fold import Subject

_SITED = ("subject.enrolled", "subject.screened")
"""The kinds that say of which site a subject is."""


@dataclass(frozen=True)
class Sender:
    """A pattern of principals (`*` and `?` as in file names), and what they may post.

    None means every kind, or every site.
    """

    principal: str
    kinds: Sequence[str] | None = None
    sites: Sequence[str] | None = None

    def may_post(self, kind: str) -> bool:
        """Return whether events of a kind are among what they may post."""
        return self.kinds is None or kind in self.kinds

    def may_post_of(self, sites: Collection[str]) -> bool:
        """Return whether a subject of these sites is among theirs; one of no known site is not."""
        return self.sites is None or (bool(sites) and set(sites) <= set(self.sites))


def senders_matching(senders: Sequence[Sender], principal: str) -> list[Sender]:
    """Return the senders that match a principal; with no sender listed, anyone may post all."""
    if not senders:
        return [Sender("*")]
    return [sender for sender in senders if fnmatchcase(principal, sender.principal)]


def recorded_sites(subject: Subject | None) -> set[str]:
    """Return the recorded sites of a subject: one, unless its records contradict."""
    records = subject.records.values() if subject else ()
    return {
        str(record.data["site"])
        for record in records
        if record.kind in _SITED and not record.void and "site" in record.data
    }


def stated_sites(entries: Sequence[Entry]) -> Mapping[str, set[str]]:
    """Return the sites that events state, by subject."""
    sites_by_subject: dict[str, set[str]] = {}
    for entry in entries:
        if entry.kind in _SITED and "site" in entry.data:
            sites_by_subject.setdefault(entry.subject, set()).add(str(entry.data["site"]))
    return sites_by_subject


def sender_refusal() -> Rejected:
    """Return the refusal of a sender without the right; it never reveals a subject's site."""
    detail = "This sender may not post events of this kind, or for this subject."
    return Rejected(403, "Event not accepted from this sender", detail)
