"""Tell the person who waits what happens, on stderr; a terminal gets a bar, a log gets lines."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator

_WIDTH = 40
_REDRAW_EVERY = 0.1


def step[T](title: str, work: Callable[[], T]) -> T:
    """Do one long step, saying what it is and afterwards how long it took."""
    start = time.monotonic()
    _write(f"{title} … ")
    result = work()
    _write(f"{time.monotonic() - start:.1f} s\n")
    return result


def bar[T](title: str, total: int, items: Iterable[T]) -> Iterator[T]:
    """Pass items on and show how many of `total` have gone by."""
    start = last_drawn = time.monotonic()
    live = sys.stderr.isatty()
    count, tenths = 0, 0
    for item in items:
        yield item
        count += 1
        now = time.monotonic()
        if live and now - last_drawn > _REDRAW_EVERY:
            last_drawn = now
            _write(f"\r{title} {_drawn(count, total)}")
        elif not live and count * 10 // total > tenths:
            tenths = count * 10 // total
            _write(f"{title} {count:,} of {total:,}\n")
    seconds = time.monotonic() - start
    rate = f"{count / seconds:.0f} a second" if seconds else ""
    if live:
        _write(f"\r{title} {_drawn(count, total)}  {seconds:.1f} s, {rate}\n")
    else:
        _write(f"{title} … {seconds:.1f} s, {rate}\n")


def _drawn(count: int, total: int) -> str:
    full = _WIDTH * count // total if total else _WIDTH
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {count:,} of {total:,}"


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
