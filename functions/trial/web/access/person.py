"""A person who signed in, with the roles that the issuer's claims give in each study."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum

from trial.deferred import dataclass
from trial.events import fields

EVERY_STUDY = "*"
"""Stands for every study in a claim: `*:reader`."""
MOST_GRANTS = 200
"""How many values of a claim are read: more of them fit into no cookie."""


class Role(StrEnum):
    """What a person may do in a study; nothing follows from another role but what is said here."""

    SUBMITTER = "submitter"
    READER = "reader"
    UNBLINDED_READER = "unblinded-reader"
    DATA_MANAGER = "data-manager"
    ADMINISTRATOR = "administrator"


_INCLUDED: Mapping[Role, frozenset[Role]] = {
    Role.UNBLINDED_READER: frozenset({Role.READER}),
    Role.DATA_MANAGER: frozenset({Role.READER}),
}
"""Who sees more also sees what readers see."""


@dataclass(frozen=True)
class Person:
    """A person: by what the issuer tells people apart, how the person is called, which roles.

    `principal` is what is recorded. A study that `roles` does not name has no role.
    """

    principal: str
    name: str
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    ignored: int = 0

    def may(self, study: str, *roles: Role) -> bool:
        """Return whether the person has one of these roles in a study."""
        granted = self.roles.get(study, frozenset()) | self.roles.get(EVERY_STUDY, frozenset())
        return not granted.isdisjoint(roles)

    def may_somewhere(self, *roles: Role) -> bool:
        """Return whether the person has one of these roles in any study."""
        return any(not granted.isdisjoint(roles) for granted in self.roles.values())


def read_roles(claim: object) -> tuple[dict[str, frozenset[Role]], int]:
    """Return the roles by study that a claim gives, and how many of its values say nothing here.

    A value is a study and a role, `ST-1:reader`; a claim is a list of them, or one text with
    spaces or commas between. What is not understood gives nothing.
    """
    roles: dict[str, frozenset[Role]] = {}
    ignored = 0
    for value in _values(claim):
        study, _, name = value.rpartition(":")
        if name not in Role or not (study == EVERY_STUDY or fields.is_identifier(study)):
            ignored += 1
            continue
        role = Role(name)
        roles[study] = roles.get(study, frozenset()) | {role} | _INCLUDED.get(role, frozenset())
    return roles, ignored


def _values(claim: object) -> Iterator[str]:
    if isinstance(claim, str):
        claim = claim.replace(",", " ").split()
    values = claim if isinstance(claim, list) else []
    for value in values[:MOST_GRANTS]:
        yield value if isinstance(value, str) else ""
