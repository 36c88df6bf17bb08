"""Bodies that nobody should send: real ones, spoilt in their JSON or in their bytes."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

TOKENS = (
    "1e400", "1e-400", "-1e400", "1e999999999999999999999", "NaN", "Infinity", "-Infinity", "-0",
    "9" * 39, "9" * 400, "0." + "3" * 60, "1" + "0" * 17, "987654321987654.321987", "0.1e-130",
    "1e125", "1e126", "5.0e0", "1E+2", r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"\ufffd"',
    r'"a\u0001b"', r'"\uffff"', r'"\ud83d\ude00"', r'"\\ud800"', '"\ufffd"', '""', '" "', "null",
    "true", "[]", "{}", "[" * 70 + "]" * 70, "[" * 5_000 + "]" * 5_000,
    '{"a":' * 70 + "1" + "}" * 70,
    '{"a":1,"a":2}', "2015-01-01", '"2015-02-30"', '"0000-01-01"', '"9999-12-31"', '"<"', '"> 1"',
    '"' + "x" * 300 + '"', '"' + "\U00020000" * 200 + '"', '"' + "x" * 5_000 + '"',
    '"#"', '"a#b"', '"a/b~c"', '"../x"', '"%2F"', '"\\u002e"', '"e\\u0301"', '"\u202e"',
)  # fmt: skip
"""What may stand for a value, as it is written."""
BYTES = (b"\xff", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\xc3", b"\xf4\x90\x80\x80", b'"',
         b"}", b"]", b"{", b"[", b",", b"\\", b"\\ud800", b"\xef\xbf\xbd",
         b"\n", b"\r")  # fmt: skip
NAMES = ("x" * 2_400, "\\ud800", "a/b~c", "", "\\u0000", "data", "id", "study", "record",
         "__proto__", "é", "\U0001f600", "revision", "x" * 205_000)  # fmt: skip

_LONGEST_LIST = 2_000  # lists stand in lists, and are repeated more than once

type Event = dict[str, Any]
type Spoil = Callable[["Fuzzer", Event], None]


class Fuzzer:
    """A seeded source of bodies, made of real ones."""

    def __init__(self, rng: random.Random, events: Sequence[Event]) -> None:
        self.rng = rng
        self.events = events
        self._tokens: list[str] = []

    def event(self) -> bytes:
        """Give one event's body, whole or spoilt."""
        if self.rng.random() < 0.15:
            return json.dumps(self._real()).encode()
        self._tokens.clear()
        event = self._real()
        for _ in range(self.rng.choice([0, 1, 1, 1, 2, 3])):
            self.rng.choice(_SPOILS)(self, event)
        text = json.dumps(event, ensure_ascii=self.rng.random() < 0.5)
        for number, token in enumerate(self._tokens):
            text = text.replace(f'"@{number}@"', token)
        body = text.encode(errors="surrogatepass")
        for _ in range(self.rng.choice([0, 0, 0, 1, 1, 3])):
            body = self._bytes_spoilt(body)
        return body

    def batch(self) -> bytes:
        """Give a batch of some events; its own text may be spoilt too."""
        number = self.rng.choice([0, 1, 2, 5, 10, 30])
        events = [self.event() for _ in range(number)]
        if not events and self.rng.random() < 0.5:
            events = [b"7"] * 101
        body = b"[" + self.rng.choice([b",", b" ,\n"]).join(events) + b"]"
        return self._bytes_spoilt(body) if self.rng.random() < 0.05 else body

    def _real(self) -> Event:
        event: Event = json.loads(json.dumps(self.rng.choice(self.events)))
        if self.rng.random() < 0.5:
            event["data"]["record"] = f"R-{self.rng.randrange(10**6)}"
        return event

    def token(self) -> str:
        """Give what stands in a text for a value that is written as it is."""
        self._tokens.append(self.rng.choice(TOKENS))
        return f"@{len(self._tokens) - 1}@"

    def _bytes_spoilt(self, body: bytes) -> bytes:
        text, end = sorted(self.rng.randrange(len(body) + 1) for _ in range(2))
        piece = self.rng.choice(BYTES)
        return self.rng.choice([
            body[:text] + piece + body[text:],
            body[:text] + piece + body[text + len(piece) :],
            body[:text],
            body[:text] + body[end:],
            body[:end] + body[text:],
            piece + body,
            body[:text] + bytes([self.rng.randrange(256)]) + body[text + 1 :],
        ])  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    """List where the values of an event stand: an object or array, and a name or index."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    items = []
    for name, result in list(inner):
        items.append((value, name))
        if isinstance(result, dict | list):
            items += _places(result)
    return items


def _replace(fuzzer: Fuzzer, event: Event) -> None:
    mapping, name = fuzzer.rng.choice(_places(event))
    mapping[name] = fuzzer.token()


def _drop(fuzzer: Fuzzer, event: Event) -> None:
    mapping, name = fuzzer.rng.choice(_places(event))
    del mapping[name]


def _add(fuzzer: Fuzzer, event: Event) -> None:
    places = [event, *(w[n] for w, n in _places(event) if isinstance(w[n], dict))]
    rng = fuzzer.rng
    name = rng.choice(NAMES if rng.random() < 0.02 else NAMES[:-1])
    name = name.encode().decode("unicode_escape") if name.startswith("\\") else name
    times = 100 if len(name) == 2_400 and rng.random() < 0.2 else 1
    mapping = rng.choice(places)
    mapping |= {f"{name}{number or ''}": fuzzer.token() for number in range(times)}


def _rename(fuzzer: Fuzzer, event: Event) -> None:
    mapping, name = fuzzer.rng.choice(_places(event))
    if isinstance(mapping, dict):
        mapping[fuzzer.rng.choice(NAMES[:-1])] = mapping.pop(name)


def _borrow(fuzzer: Fuzzer, event: Event) -> None:
    choice = fuzzer.rng.choice(fuzzer.events)
    name = fuzzer.rng.choice(["type", "data", "subject", "time", "study", "id"])
    event[name] = json.loads(json.dumps(choice.get(name)))


def _revise(fuzzer: Fuzzer, event: Event) -> None:
    if isinstance(event.get("data"), dict):
        event["data"] |= {"revision": fuzzer.rng.choice([1, 2, 2, 3, 0, 10**6, 10**7]),
                          "reason_for_change": "because"}  # fmt: skip


def _void(fuzzer: Fuzzer, event: Event) -> None:
    data = event.get("data")
    if isinstance(data, dict):
        event["data"] = {"record": data.get("record"), "revision": fuzzer.rng.randrange(1, 4),
                         "action": "void", "reason_for_change": fuzzer.token()}  # fmt: skip


def _repeat(fuzzer: Fuzzer, event: Event) -> None:
    lists = [(w, n) for w, n in _places(event) if isinstance(w[n], list) and w[n]]
    if lists:
        mapping, name = fuzzer.rng.choice(lists)
        times = fuzzer.rng.choice([2, 2, 2, 2, 20, 1_000])
        mapping[name] = (mapping[name] * times)[:_LONGEST_LIST]


_SPOILS: Sequence[Spoil] = (
    _replace, _replace, _replace, _drop, _add, _add, _rename, _borrow, _revise, _void, _repeat,
)  # fmt: skip
