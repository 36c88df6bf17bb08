"""Bounds that are given as a word, such as "trace": the number that the parameter counts it as."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from trial.definition.base import BOUNDS
from trial.definition.conditions import CHANGES
from trial.errors import FieldError
from trial.events import json_pointer
from trial.events.fields import term

type Json = Mapping[str, Any]


class WordedBounds:
    """Replaces the words of bounds in a definition as posted, and keeps what is wrong with any.

    A word stands for what the `texts` of a parameter count it as. A part's own parameter, or that
    of its measure, is meant; of classes, that of the measure they are of.
    """

    def __init__(self, definition: Any) -> None:  # noqa: ANN401 (any JSON)
        """Take the definition as it was posted."""
        self._definition: Json = definition if isinstance(definition, dict) else {}
        self.faults: list[FieldError] = []
        self.resolved = self._resolved(definition, "", None)

    def _resolved(self, part: Any, path: str, measure: Json | None) -> Any:  # noqa: ANN401
        if isinstance(part, list):
            return [self._resolved(item, f"{path}/{i}", measure) for i, item in enumerate(part)]
        if not isinstance(part, dict):
            return part
        measure = self._measure(part) or measure
        return {
            name: self._number(value, f"{path}/{name}", measure)
            if name in BOUNDS and isinstance(value, str) and measure is not None
            else self._resolved(value, f"{path}/{json_pointer.escape(name)}", measure)
            if isinstance(value, dict | list)
            else value
            for name, value in part.items()
        }

    def _measure(self, part: Json) -> Json | None:
        """Return the measure that a part's bounds are of: itself, if it has a parameter."""
        if isinstance(part.get("parameter"), str):
            return part
        reference = part.get("measure")
        measures = self._definition.get("measures")
        if isinstance(reference, str) and isinstance(measures, dict):
            reference = measures.get(reference)
        return reference if isinstance(reference, dict) else None

    def _number(self, word: str, path: str, measure: Json) -> str:
        """Return what a word counts as; itself where it is a number, or where nothing tells it."""
        if _is_number(word):
            return word
        numbers, name = dict(self._numbers(measure)), measure.get("parameter")
        if any(measure.get(change) for change in CHANGES):
            detail = f"is no number: a change has no words, and {word} is one"
        elif term(word) in numbers:
            return numbers[term(word)]
        else:
            known_words = ", ".join(numbers) or "none"
            parameter_words = f" of {name}" if isinstance(name, str) else ""
            detail = f"is no number, and no text{parameter_words} that counts as one: {word}"
            detail += f" (known texts: {known_words})"
        self.faults.append(FieldError(path, detail))
        return word

    def _numbers(self, measure: Json) -> Iterator[tuple[str, str]]:
        """Yield the texts of a measure's parameter that count as a plain number, and which."""
        part: Any = self._definition
        for name in ("parameters", measure.get("parameter"), "texts"):
            part = part.get(name) if isinstance(part, dict) and isinstance(name, str) else None
        for text, counts_as in part.items() if isinstance(part, dict) else ():
            if isinstance(counts_as, str | int | float | Decimal) and _is_number(str(counts_as)):
                yield term(text), str(counts_as)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
