"""Read a study's definition and its events from files, changing nothing that is sent."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BATCH_EVENTS = 100
BATCH_BYTES = 1_000_000


class BadFileError(Exception):
    """A file that cannot be read as what it should be; the text names file and place."""


class DefinitionRefusedError(Exception):
    """The service does not accept the study's definition; the text quotes its problems."""


@dataclass(frozen=True)
class Line:
    """One line of an events file: its number, from 1, and its bytes without the line end."""

    number: int
    raw: bytes


@dataclass(frozen=True)
class Source:
    """A study's definition as a file holds it, and on which line of the file each part begins."""

    path: Path
    definition: dict[str, Any]
    lines: Mapping[str, int]

    def line(self, pointer: str) -> int:
        """Return the line, from 1, of what a pointer leads to, or of the part that lacks it."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


def read_definition(path: Path) -> dict[str, Any]:
    """Return a study definition from a YAML or JSON file.

    YAML is read with JSON's own types: a date stays text and `no` is a word.
    """
    return read_source(path).definition


def read_source(path: Path) -> Source:
    """Read a study definition with the lines of its parts."""
    try:
        text = path.read_text(encoding="utf-8")
        loaded, node = _load(path, text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadFileError(f"cannot read the definition {path}: {error}") from error
    if not isinstance(loaded, dict) or not isinstance(loaded.get("study"), str):
        raise BadFileError(
            f"{path} is not a study definition: the key `study`, with the study's id, is missing"
        )
    return Source(path, loaded, dict(_lines(node, "")))


def _lines(node: yaml.Node | None, pointer: str) -> Iterator[tuple[str, int]]:
    """Yield the line of each part of a YAML document, and JSON is YAML, by its pointer."""
    if node is not None:
        yield pointer, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            # RFC 6901; a client of the service has none of its code.
            member = f"{pointer}/{str(key.value).replace('~', '~0').replace('/', '~1')}"
            yield from _lines(value, member)
            yield member, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, element in enumerate(node.value):
            yield from _lines(element, f"{pointer}/{i}")


class Lines:
    """The lines of an events file that hold anything, in file order; read as they are asked for.

    Only LF and CRLF end a line: JSON text may contain Unicode's own line separators.
    """

    def __init__(self, path: Path) -> None:
        """Count the lines; raises `BadFileError` where the file cannot be read."""
        self._path = path
        try:
            self._length = sum(1 for _ in self)
        except OSError as error:
            raise BadFileError(f"cannot read the events {path}: {error}") from error

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Line]:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                raw = line.removesuffix(b"\n").removesuffix(b"\r")
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if raw.strip():
                    yield Line(number, raw)


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Part lines, in order, into what one request may carry.

    A line that is no plain JSON object travels alone: it would spoil its neighbours' batch.
    """
    batch: list[Line] = []
    size = 2
    for line in lines:
        alone = not is_object(line.raw)
        full = len(batch) == BATCH_EVENTS or size + len(line.raw) + 1 > BATCH_BYTES
        if batch and (alone or full):
            yield batch
            batch, size = [], 2
        batch.append(line)
        size += len(line.raw) + 1
        if alone:
            yield batch
            batch, size = [], 2
    if batch:
        yield batch


def is_object(raw: bytes) -> bool:
    """Return whether bytes are one JSON object that every reader understands in the same way."""
    try:
        text = raw.decode("utf-8")
        parsed = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates
        )
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict)


def kind(raw: bytes) -> str:
    """Return the kind of an event; '' where it is none that can be read."""
    if not is_object(raw):
        return ""
    name = str(json.loads(raw).get("type", ""))
    return name.removeprefix("org.livetlf.").removesuffix(".v1")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key: {next(n for n in names if names.count(n) > 1)}")
    return members


def _load(path: Path, text: str) -> tuple[object, yaml.Node | None]:
    """Read a document, and the nodes that know their lines."""
    if path.suffix.lower() == ".json":
        loaded = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates
        )
        return loaded, _composed(text)
    loader = _JsonLoader(text)
    try:
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    finally:
        loader.dispose()


def _composed(text: str) -> yaml.Node | None:
    """Read JSON as the YAML that nearly all of it is; without lines where it is not."""
    try:
        return yaml.compose(text, Loader=_JsonLoader)
    except yaml.YAMLError:
        return None


class _JsonLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's syntax with JSON's types, and no key twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "duplicate key in this mapping", node.start_mark
            )
        return mapping


for _tag, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", list("-0123456789")),
):
    _JsonLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
