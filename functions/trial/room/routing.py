"""Which pages there are, who may see each, and what it shows: denial is the default, in one place.

A page of a study is served twice: to all who may read it, and under `/unblinded` to the unblinded,
so that another function, with other rights, can serve these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from email import message_from_bytes
from email.policy import HTTP
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import wiring
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, Rejected
from trial.events.blinding import UNBLINDED
from trial.render.markup import Html, escape
from trial.web.access.person import Person, Role
from trial.web.routing import Answer, path_parts

READERS = frozenset({Role.READER})
MANAGERS = frozenset({Role.DATA_MANAGER})
AUDITORS = frozenset({Role.ADMINISTRATOR})
STAFF = READERS | MANAGERS | AUDITORS
ANYBODY = frozenset(Role)
LONGEST_FORM, LONGEST_UPLOAD = 20_000, 1_500_000
"""How many bytes a form may have; one that carries a long text or a file."""
_MOST_FIELDS, _MOST_PARAMETERS = 50, 200
_FORM, UPLOAD = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True)
class RoomRequest:
    """What a browser asks for: path and query as they came, a form's body, its token.

    `csrf` is the token that the forms of the answer have to carry in the field of this name.
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = _FORM
    csrf: str = ""
    beat: Beat = lambda: None

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """The parameters of the query, in their order; those left blank are left out.

        Raises `Rejected` (400) where there are more than any page takes.
        """
        return _pairs(self.query, _MOST_PARAMETERS)

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """The fields of the form; raises `Rejected` (400, 413, 415) where it is none."""
        media_type = self.content_type.partition(";")[0].strip().lower()
        if media_type not in (_FORM, UPLOAD):
            raise Rejected(415, "Not a form", f"`Content-Type` must be {_FORM} or {UPLOAD}")
        self.check_size()
        if media_type == UPLOAD:
            return _uploaded(self.content_type, self.body)
        return dict(_pairs(self.body.decode(errors="replace"), _MOST_FIELDS))

    def check_size(self) -> None:
        """Raise `Rejected` (413) where it is too much for a form."""
        uploads = self.content_type.strip().lower().startswith(UPLOAD)
        longest = LONGEST_UPLOAD if uploads else LONGEST_FORM
        if len(self.body) > longest:
            raise Rejected(413, "Form too large", f"a form has at most {longest} bytes")


def _pairs(text: str, most: int) -> list[tuple[str, str]]:
    """Read names and values; raises `Rejected` (400) where there are more than that."""
    try:
        return parse_qsl(text, max_num_fields=most)
    except ValueError as error:
        raise Rejected(400, "Too many fields", f"There are at most {most} of them.") from error


def _uploaded(content_type: str, body: bytes) -> Mapping[str, str]:
    """Read the fields of a form that may carry files, each as text."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=HTTP)
    fields = {}
    for part in islice(message.iter_parts(), _MOST_FIELDS):
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode(errors="replace")
    return fields


@dataclass(frozen=True)
class Route:
    """A page: where it is, which roles may see it, and what it shows.

    `subjects` says that it shows data of single subjects: who sees it is recorded. `action` is what
    is recorded of it: that it was read, downloaded or changed.
    """

    method: str
    path: str
    roles: frozenset[Role]
    subjects: bool
    action: str
    unblinded: bool
    endpoint: "Callable[[PageRequest], Answer]"

    def parts(self, path: str) -> Mapping[str, str] | None:
        """Return the values in a path that is this route's; None where it is not."""
        parts = path_parts(self.path, path)
        return None if parts is None or any("/" in value for value in parts.values()) else parts

    def allows(self, person: Person, study: str | None) -> bool:
        """Return whether a person may see it: in a study, or in any where it is of none."""
        if study is None:
            return person.may_somewhere(*self.roles)
        return person.may(study, *self.roles)


ROUTES: list[Route] = []
"""Every page there is."""

_READ, DOWNLOAD, CHANGE = "read", "download", "change"


def page(
    path: str,
    roles: frozenset[Role],
    *,
    subjects: bool,
    method: str = "GET",
    action: str = _READ,
    twin: bool = True,
) -> "Callable[[Callable[[PageRequest], Answer]], Callable[[PageRequest], Answer]]":
    """Return a decorator that serves a path by the function below it, to people of some roles.

    A page of a study has a `twin` for the unblinded, unless all that it shows is open anyway.
    """
    if not roles:
        raise ValueError(f"{path}: no role is named that may see it")

    def decorate(
        endpoint: "Callable[[PageRequest], Answer]",
    ) -> "Callable[[PageRequest], Answer]":
        ROUTES.append(
            Route(method, path, roles, subjects, action, unblinded=False, endpoint=endpoint)
        )
        if twin and path.startswith("/studies/{study}"):
            unblinded = frozenset({Role.UNBLINDED_READER})
            ROUTES.append(
                Route(
                    method, f"/{UNBLINDED}{path}", unblinded, subjects, action,
                    unblinded=True, endpoint=endpoint,
                )
            )  # fmt: skip
        return endpoint

    return decorate


@dataclass(frozen=True)
class PageRequest:
    """A request with the page that it is of, the values in its path, and who asks."""

    request: RoomRequest
    person: Person
    route: Route
    parts: Mapping[str, str]
    _query: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Read the query: of each parameter the last."""
        object.__setattr__(self, "_query", dict(self.request.parameters))

    def answer(self) -> Answer:
        """Answer it; raises `Rejected`."""
        return self.route.endpoint(self)

    @property
    def study(self) -> str:
        """The study's id; '' where the page is of none."""
        return self.parts.get("study", "")

    @cached_property
    def view(self) -> Study:
        """The study as this page may show it; raises `Rejected` (404) where there is none."""
        study = wiring.store().study(self.study)
        if not self.route.unblinded:
            return study.open
        if not study.definition.blinded:
            detail = "all of its results are open: leave /unblinded out of the address"
            raise Rejected(404, "Study is not blinded", detail)
        return study

    def parameter(self, name: str) -> str:
        """Return a parameter of the query; '' where it is not there."""
        return self._query.get(name, "")

    def parameters(self, name: str) -> list[str]:
        """Return all values of a parameter, in their order."""
        return [value for key, value in self.request.parameters if key == name]

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a number from 1 on; any other value counts as the default."""
        text = self.parameter(name)
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        return min(max(int(text), 1), most) if is_number else default

    def path(self, *segments: str) -> str:
        """Return the path of a page of this study, on this page's side of the blind."""
        start = ["", UNBLINDED] if self.route.unblinded else [""]
        names = (*start, "studies", self.study, *segments)
        return "/".join(quote(name, safe="") for name in names)

    def link(self, *segments: str, **query: str) -> Html:
        """Return the address of a page of this study, with those parameters that have a value."""
        return address(self.path(*segments), query)

    def again(self, **changes: str) -> Html:
        """Return the address of this page with some parameters changed; '' leaves one out."""
        unchanged = [
            (name, value) for name, value in self.request.parameters if name not in changes
        ]
        pairs = [*unchanged, *((name, value) for name, value in changes.items() if value)]
        return escape(f"{self.request.path}?{urlencode(pairs)}" if pairs else self.request.path)

    def can_see(self, path: str, study: str = "") -> bool:
        """Return whether the person may see the page of a path with open parameters."""
        routes = (route for route in ROUTES if route.path == path and route.method == "GET")
        return any(route.allows(self.person, study or self.study) for route in routes)


def address(path: str, query: Mapping[str, Any]) -> Html:
    """Return an address for an attribute; parameters without a value are left out."""
    pairs = urlencode({name: value for name, value in query.items() if value not in ("", None)})
    return escape(f"{path}?{pairs}" if pairs else path)


def match(request: RoomRequest, person: Person) -> PageRequest:
    """Return which page a person's request is of.

    Raises `Rejected`: 404 where there is no such page, 403 where the person's roles do not allow
    it. A study in which somebody has no role at all is not told from one that does not exist.
    """
    for route in ROUTES:
        if route.method != request.method or (parts := route.parts(request.path)) is None:
            continue
        study = parts.get("study")
        if route.allows(person, study):
            return PageRequest(request, person, route, parts)
        if study is not None and not person.may(study, *Role):
            break
        roles = " or ".join(sorted(role.replace("-", " ") for role in route.roles))
        raise Rejected(403, "Not for your role", f"This page is for: {roles}.")
    raise Rejected(404, "Page not found", "There is no such page, or none that you may see.")
