"""A definition as somebody wrote it, as JSON or as YAML: its value, and on which line each part is.

YAML is read with JSON's own types: a date stays text, `no` is a word, a number stays as written.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any

import yaml

from trial.deferred import dataclass
from trial.errors import Rejected
from trial.events import json_body, json_pointer
from trial.events.wellformed import MAX_DEPTH

_TITLE = "Invalid YAML"
_MOST_NODES = 400_000
"""How many parts a text may have, those counted each time that an alias stands for."""
_TAG = "tag:yaml.org,2002:"
_SCALARS = (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
)
"""What a text without quotes is: JSON's words and numbers, or else text."""


@dataclass(frozen=True)
class DefinitionText:
    """What was written: the same as JSON, and the line of each part by its pointer."""

    body: bytes
    lines: Mapping[str, int]
    text: str

    def line(self, pointer: str) -> int:
        """Return the line, from 1, of what a pointer leads to, or of the part that lacks it."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)

    def written(self, line: int) -> str:
        """Return what stands on a line."""
        return self.text.split("\n")[line - 1].strip()


def read(text: str) -> DefinitionText:
    """Read a text; raises `Rejected` (400) with the line where it is neither JSON nor YAML."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.strip():
        raise Rejected(400, "No definition", "Paste the text of a definition, or choose a file.")
    if not text.lstrip().startswith("{"):
        reader = _Reader()
        return DefinitionText(json_body.readable(reader.read(text)).encode(), reader.lines, text)
    json_body.read_posted(text)
    reader = _Reader()
    try:  # nearly all JSON is YAML, whose reader tells lines
        reader.read(text)
    except Rejected:
        reader.lines.clear()
    return DefinitionText(text.encode(), reader.lines, text)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's syntax; what is no word or number of JSON is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


@dataclass
class _Reader:
    """Reads YAML, and notes the lines."""

    lines: dict[str, int] = field(default_factory=dict)
    _nodes: int = 0

    def read(self, text: str) -> Any:  # noqa: ANN401 (any JSON)
        """Return the value of a text; raises `Rejected` (400)."""
        try:
            self._check_depth(text)
            node = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            raise _invalid(error.problem or "cannot be read", error.problem_mark) from None
        except yaml.YAMLError as error:
            raise Rejected(400, _TITLE, f"It cannot be read: {error}") from None
        return None if node is None else self._value(node, "", 1)

    @staticmethod
    def _check_depth(text: str) -> None:
        """Refuse what is nested so deep that nodes cannot be made of it."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _invalid(f"nested more than {MAX_DEPTH} deep", event.start_mark)

    def _value(self, node: yaml.Node, pointer: str, depth: int) -> Any:  # noqa: ANN401 (any JSON)
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > _MOST_NODES:
            raise _invalid("too much, or without end, with what aliases stand for", node.start_mark)
        self.lines.setdefault(pointer, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._members(node, pointer, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self._value(element, f"{pointer}/{place}", depth + 1)
                for place, element in enumerate(node.value)
            ]
        return _scalar(node)

    def _members(self, node: yaml.MappingNode, pointer: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _invalid("a name must be a text", key.start_mark)
            if key.value in members:
                raise _invalid(f"a second {key.value} in one mapping", key.start_mark)
            member = f"{pointer}/{json_pointer.escape(key.value)}"
            self.lines[member] = key.start_mark.line + 1
            members[key.value] = self._value(value, member, depth + 1)
        return members


def _scalar(node: yaml.Node) -> Any:  # noqa: ANN401 (any JSON)
    match node.tag.removeprefix(_TAG):
        case "str":
            return node.value
        case "null":
            return None
        case "bool":
            return node.value == "true"
        case "int":
            return json_body.integer(node.value)
        case "float":
            return Decimal(node.value)
    raise _invalid(f"the tag {node.tag} is not taken", node.start_mark)


def _invalid(problem: str, mark: Any) -> Rejected:  # noqa: ANN401 (a mark of the C library or not)
    place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
    return Rejected(400, _TITLE, f"{problem}{place}")
