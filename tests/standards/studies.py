"""Reports of whole studies, and their results and data sets as a reader's program reads them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import builders
import selecting
from islet import generate
from pilot.feed import feed
from pilot.writing import compact
from selecting import Trial, by_id

from local.feed import read_definition
from trial.definition import Definition, study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.render import ars
from trial.reporting import report
from trial.subject.fold import Subject
from trial.tables.grid import Listing, Report

EVENTS = Path(__file__).parents[2] / "events"
STUDIES = ("tmb-301", "airway-2x2", "pilot", "islet")
ELSEWHERE = {name: Path(__file__).parents[1] / name for name in ("pilot", "islet")}
Json = dict[str, Any]
__all__ = ["STUDIES", "Json", "by_id"]


@cache
def defined(name: str) -> Study:
    path = ELSEWHERE.get(name, EVENTS / name) / "definition.yaml"
    return study.load(json.dumps(read_definition(path)))


@cache
def entries(name: str) -> list[Entry]:
    """Read a study's feed; of the pilot without its laboratory, which no table counts."""
    if name == "pilot":
        lines: Iterable[str] = map(compact, feed(laboratory=False))
    elif name == "islet":
        lines = map(json.dumps, generate.feed())
    else:
        lines = (EVENTS / name / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    return [envelope.parse(json_body.read_json(line), line) for line in lines]


@cache
def subjects(name: str) -> list[Subject]:
    return builders.subjects(entries(name))


@cache
def report_of(name: str) -> Report:
    return reported(defined(name), subjects(name))


def reported(given_study: Study, states: Iterable[Subject]) -> Report:
    ordered = sorted(states, key=lambda subject: subject.id)
    return report.report(given_study, ordered, builders.sums_of(given_study, ordered))


@cache
def event_of(name: str) -> Json:
    return event(report_of(name), defined(name).definition)


def event(study_report: Report, definition: Definition, **options: Any) -> Json:
    document: Json = json.loads(b"".join(ars.results(study_report, definition, **options)))
    return document


@cache
def trial_of(name: str) -> Trial:
    return Trial(report_of(name), event_of(name))


def data(listing: Listing, study_report: Report) -> tuple[Json, list[list[Any]]]:
    return selecting.data(listing, study_report.cut)


def referred(value: Any, name: str) -> Iterator[Any]:
    """Give every value that stands anywhere under a name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from referred(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from referred(inner, name)
