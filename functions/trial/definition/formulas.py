"""Formulas of parameters: read into trees, and what a tree names.

`qt / cbrt(rr / 1000)`: numbers, parameters, + - * / ^, brackets and functions. A name may hold a
hyphen, so that blanks stand around a minus. Nothing is computed here (`subject.arithmetic`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from trial.deferred import dataclass

MAX_CHARACTERS, MAX_TOKENS, MAX_DEPTH = 2_000, 400, 40
"""Of a formula: its characters; its numbers, names and signs; its brackets within brackets."""
_TOKEN = re.compile(
    r"\s*(?:([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)|'([^']*)'|([-+*/^(),]))", re.ASCII
)
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)

RESULT, UPPER, LOWER, PREVIOUS = "result", "upper", "lower", "previous"
"""What is taken of a parameter: its result, the limits reported beside it, the result before it."""
OF_PARAMETERS = (UPPER, LOWER, PREVIOUS)
ROUND = "round"
OF_NUMBERS: Mapping[str, int | None] = {
    "abs": 1, "cbrt": 1, "exp": 1, "ln": 1, "log10": 1, "sqrt": 1,
    "max": None, "mean": None, "min": None, "round": 2, "sum": None,
}  # fmt: skip
"""The functions of numbers, and how many each takes; None: one or more."""
MAX_ROUNDED_PLACES = 18
"""To how many decimals a number can be rounded: results have no more."""
FACT, CASE = "characteristic", "case"
FUNCTIONS = (*OF_NUMBERS, *OF_PARAMETERS, FACT, CASE)


@dataclass(frozen=True, slots=True)
class Operand:
    """A parameter in a formula, and what is taken of it."""

    parameter: str
    taken: str = RESULT


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that was recorded of the subject at enrolment."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Case:
    """One of several numbers: that of the level at which a subject is of a characteristic."""

    characteristic: str
    numbers: "tuple[tuple[str, Node], ...]"


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of numbers; + - * / and ^ are functions of two."""

    function: str
    parts: "tuple[Node, ...]"


Node = Fraction | Operand | Fact | Case | Operation


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@lru_cache(maxsize=1024)
def parsed(text: str) -> Node:
    """Read a formula; raises ValueError saying what is wrong with it."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"has more than {MAX_CHARACTERS} characters")
    tokens = list(_tokens(text))
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"has more than {MAX_TOKENS} numbers, names and signs")
    return _Reader(tokens).whole()


def _tokens(text: str) -> Iterator[_Token]:
    text, position = text.rstrip(), 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"has a sign that no formula has, at character {position + 1}")
        word, quoted, sign = match.groups()
        if word is not None:
            yield _Token("number" if _NUMBER.fullmatch(word) else "name", word)
        else:
            yield _Token("sign", sign) if sign else _Token("level", quoted)
        position = match.end()


class _Reader:
    """Reads the tokens of a formula from the left, each sign binding as in arithmetic."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        """Read all; nothing may be left over."""
        node = self._sum()
        if self._next < len(self._tokens):
            raise ValueError(f"cannot be read from {self._tokens[self._next].text} on")
        return node

    def _sum(self) -> Node:
        return self._joined(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._joined(("*", "/"), self._signed)

    def _joined(self, signs: Sequence[str], part: Callable[[], Node]) -> Node:
        node = part()
        while (sign := self._sign(*signs)) is not None:
            node = Operation(sign, (node, part()))
        return node

    def _signed(self) -> Node:
        if self._sign("-"):
            number = self._deeper(self._signed)
            return (
                -number if isinstance(number, Fraction) else Operation("-", (Fraction(0), number))
            )
        return self._power()

    def _power(self) -> Node:
        base = self._atom()
        return Operation("^", (base, self._deeper(self._signed))) if self._sign("^") else base

    def _atom(self) -> Node:
        if self._sign("("):
            node = self._deeper(self._sum)
            self._expect(")")
            return node
        token = self._take()
        if token.kind == "number":
            return Fraction(token.text)
        if token.kind != "name":
            raise ValueError(f"must have a number, a parameter or a function before {token.text}")
        return self._function(token.text) if self._sign("(") else Operand(token.text)

    def _function(self, name: str) -> Node:
        if name in OF_PARAMETERS:
            node: Node = Operand(self._name(), name)
        elif name == FACT:
            node = Fact(self._name())
        elif name == CASE:
            node = self._case()
        elif name in OF_NUMBERS:
            node = self._of_numbers(name)
        else:
            raise ValueError(f"has no function {name}: known are {', '.join(FUNCTIONS)}")
        self._expect(")")
        return node

    def _of_numbers(self, name: str) -> Node:
        parts = [self._deeper(self._sum)]
        while self._sign(","):
            parts.append(self._deeper(self._sum))
        if OF_NUMBERS[name] not in (None, len(parts)):
            parameters_text = "one number" if OF_NUMBERS[name] == 1 else "a number and its decimals"
            raise ValueError(f"must give {name} {parameters_text}")
        if name == ROUND and not _are_places(parts[-1]):
            raise ValueError(f"must round to 0 to {MAX_ROUNDED_PLACES} decimals, written as such")
        return Operation(name, tuple(parts))

    def _case(self) -> Node:
        characteristic, numbers = self._name(), []
        while self._sign(","):
            level = self._take()
            self._expect(",")
            numbers.append((level.text, self._deeper(self._sum)))
        levels = [level for level, _ in numbers]
        if not numbers or len(levels) > len(set(levels)):
            raise ValueError("must give case levels, each once, and a number for each")
        return Case(characteristic, tuple(numbers))

    def _name(self) -> str:
        token = self._take()
        if token.kind not in ("name", "number"):
            raise ValueError(f"must have a name before {token.text}")
        return token.text

    def _deeper(self, part: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"has more than {MAX_DEPTH} brackets within brackets")
        node = part()
        self._depth -= 1
        return node

    def _sign(self, *signs: str) -> str | None:
        """Take one of some signs, if it comes next."""
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind == "sign" and token.text in signs:
                return self._take().text
        return None

    def _expect(self, sign: str) -> None:
        if self._sign(sign) is None:
            raise ValueError(f"lacks a {sign}")

    def _take(self) -> _Token:
        if self._next == len(self._tokens):
            raise ValueError("ends where a number, a parameter or a function must stand")
        self._next += 1
        return self._tokens[self._next - 1]


def _are_places(node: Node) -> bool:
    return node in {Fraction(places) for places in range(MAX_ROUNDED_PLACES + 1)}


def nodes(node: Node) -> Iterator[Node]:
    """List a tree's nodes."""
    yield node
    match node:
        case Operation():
            parts: Sequence[Node] = node.parts
        case Case():
            parts = [number for _, number in node.numbers]
        case _:
            parts = ()
    for part in parts:
        yield from nodes(part)


def operands(node: Node) -> list[str]:
    """Return the parameters of a formula, each once, in the order in which they stand."""
    parameters = (part.parameter for part in nodes(node) if isinstance(part, Operand))
    return list(dict.fromkeys(parameters))


def facts(node: Node) -> list[tuple[str, Sequence[str] | None]]:
    """Return the characteristics of a formula with the levels it asks for; None: for the number."""
    return [
        (part.characteristic, _levels(part))
        for part in nodes(node)
        if isinstance(part, Fact | Case)
    ]


def _levels(part: Fact | Case) -> Sequence[str] | None:
    return [level for level, _ in part.numbers] if isinstance(part, Case) else None


@dataclass(frozen=True)
class Conversion:
    """How a unit converts: `factor` times the number, and `offset` more."""

    factor: Fraction
    offset: Fraction = Fraction(0)

    @property
    def decimals(self) -> int | None:
        """The decimals that it adds to a number's; None where the converted one has no last."""
        return max_decimals(self.factor, self.offset)


def max_decimals(*numbers: Fraction) -> int | None:
    """Return the most decimals of some numbers; None where one of them has no last one."""
    highest = 0
    for number in numbers:
        rest, counts = number.denominator, {2: 0, 5: 0}
        for prime in counts:
            while rest % prime == 0:
                rest //= prime
                counts[prime] += 1
        if rest != 1:
            return None
        highest = max(highest, *counts.values())
    return highest


def conversion(text: str) -> Conversion:
    """Read how a unit converts, a formula of x that is linear and rises."""
    factor, offset = _linear(parsed(text))
    if factor <= 0:
        raise ValueError("must rise with x: a factor greater than 0")
    return Conversion(factor, offset)


_NOT_LINEAR = "must be a number, or a line in x such as (x - 32) * 5 / 9"


def _linear(node: Node) -> tuple[Fraction, Fraction]:
    """Return a formula of x as a factor of x and an offset."""
    if isinstance(node, Fraction):
        return Fraction(0), node
    if node == Operand("x"):
        return Fraction(1), Fraction(0)
    if not isinstance(node, Operation) or node.function not in ("+", "-", "*", "/"):
        raise ValueError(_NOT_LINEAR)
    (factor, offset), (other_factor, other_offset) = map(_linear, node.parts)
    match node.function:
        case "+":
            return factor + other_factor, offset + other_offset
        case "-":
            return factor - other_factor, offset - other_offset
        case "*" if not factor or not other_factor:
            return factor * other_offset + other_factor * offset, offset * other_offset
        case "/" if not other_factor and other_offset:
            return factor / other_offset, offset / other_offset
    raise ValueError(_NOT_LINEAR)
