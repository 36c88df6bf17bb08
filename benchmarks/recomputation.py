"""One event's increment against computing the tables anew: from the records, pandas and polars.

CPU time, interleaved. The increment is fold, contribute and difference of one event; "anew" is the
sum of every subject's share. pandas and polars recompute, from data frames in memory, three of the
tables (demography by sex, viral load by visit, adverse events by class and term) and nothing else.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from benchmarks import population, world
from benchmarks.rows import Measured
from trial import cells, report
from trial.subject import Subject, fold

_TIMES = 5


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _increments(events: int) -> float:
    """Give the CPU time of one event's increment, decoding and storing left out."""
    study, subjects, shares = world.study(), {}, {}
    spent = 0.0
    for entry in world.entries()[:events]:
        before = subjects.get(entry.subject) or Subject(entry.subject)
        old = shares.get(entry.subject, {})
        began = time.process_time()
        subject, _ = fold(before, entry)
        share = report.contribute(study, subject)
        cells.difference(share, old)
        spent += time.process_time() - began
        subjects[entry.subject], shares[entry.subject] = subject, share
    return spent / events


def _flat(subjects: list[Subject]) -> dict[str, list[dict[str, Any]]]:
    """Lay the records out as one frame a kind would hold them."""
    frames: dict[str, list[dict[str, Any]]] = {}
    for subject in subjects:
        for record in subject.records.values():
            row = {name: value for name, value in record.data.items() if _plain(value)}
            frames.setdefault(record.kind, []).append({"subject": subject.id} | row)
    return frames


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _pandas(frames: dict[str, list[dict[str, Any]]]) -> Callable[[], object]:
    enrolled, labs, events, codes = (
        pd.DataFrame(frames[kind])
        for kind in ("subject.enrolled", "lab.result.reported", "adverse-event.reported",
                     "adverse-event.coded")
    )  # fmt: skip

    def work() -> object:
        sexes = enrolled.groupby("sex").agg(n=("subject", "nunique"), age=("age", "mean"))
        viral = labs[labs.parameter == "viral-load"]
        value = pd.to_numeric(viral.result.str.lstrip("<>="), errors="coerce")
        visits = value.groupby(viral.collected.str[:7]).agg(["count", "mean", "std", "median"])
        terms = codes.merge(events, on="subject").groupby(["soc", "pt"]).subject.nunique()
        return sexes, visits, terms

    return work


def _polars(frames: dict[str, list[dict[str, Any]]]) -> Callable[[], object]:
    import polars as pl  # noqa: PLC0415 (of the benchmarks alone)

    enrolled, labs, events, codes = (
        pl.DataFrame(frames[kind], infer_schema_length=None)
        for kind in ("subject.enrolled", "lab.result.reported", "adverse-event.reported",
                     "adverse-event.coded")
    )  # fmt: skip

    def work() -> object:
        sexes = enrolled.group_by("sex").agg(pl.col("subject").n_unique(), pl.col("age").mean())
        viral = labs.filter(pl.col("parameter") == "viral-load").with_columns(
            pl.col("result").str.strip_chars_start("<>=").cast(pl.Float64, strict=False),
            pl.col("collected").str.head(7),
        )
        value = pl.col("result")
        visits = viral.group_by("collected").agg(
            value.count(), value.mean().alias("mean"), value.std().alias("sd"),
            value.median().alias("median"),
        )  # fmt: skip
        terms = (
            codes.join(events, on="subject").group_by("soc", "pt").agg(pl.col("subject").n_unique())
        )
        return sexes, visits, terms

    return work


def rows(subjects: int) -> Iterator[Measured]:
    """Compare for a study of so many subjects, the increment being that of one event."""
    people = [population.jittered(number) for number in range(subjects)]
    study, frames = world.study(), _flat(people)
    works: dict[str, Callable[[], object]] = {
        "anew by the core": lambda: cells.total(report.contribute(study, s) for s in people),
        "three tables by pandas": _pandas(frames),
    }
    try:
        works["three tables by polars"] = _polars(frames)
    except ModuleNotFoundError:
        works.pop("three tables by polars", None)
    one = min(_increments(300) for _ in range(3))
    for name, work in works.items():
        spent = min(_cpu(work) for _ in range(_TIMES if subjects < 1_000 else 1))  # noqa: PLR2004
        yield Measured(f"{name} / one increment, {subjects:,} subjects", spent / one)


def measure(*, large: bool = False) -> list[Measured]:
    """Compare at the size of TMB-301 and at 1,000 subjects."""
    return [row for subjects in (40, 4_000 if large else 1_000) for row in rows(subjects)]
