"""The CDISC pilot through the deployed service: what comes out is what the core makes of it.

`tests/pilot` compares the core's tables with the published ones cell by cell; here they are shown
to be the running service's.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import builders
import pytest
import soak
from pilot.feed import feed
from pilot.writing import DEFINITION, compact

from local.feed import Lines, read_definition
from local.stack import publishing_paused
from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.render import consort, tables_json
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject, fold

ARMS = ("placebo", "xanomeline-low", "xanomeline-high")
ROWS_OF_A_TRANSACTION = 98  # of 100 actions; the subject's row and its journal take two


@dataclass
class Pilot:
    """The study as posted, and its subjects as the core folds them."""

    stack: Any
    study: Study
    subjects: list[Subject]

    def get(self, path: str) -> Any:
        return self.stack.client.get(f"/studies/{self.study.id}/{path}").json()

    def expected(self) -> tuple[Any, Any]:
        """Give tables and flow as the core reads them out."""
        sums = builders.sums_of(self.study, self.subjects)
        cut = report.live_cut(self.study, sums)
        tables = tables_json.tables(cut, report.tables(self.study, sums))
        flow = consort.flow_json(report.flow(self.study, sums), cut)
        return json.loads(tables_json.encode(tables)), json.loads(tables_json.encode(flow))


@pytest.fixture(scope="module")
def pilot(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pilot]:
    """Post the feed, without its laboratory: of every third subject, of all in a long run.

    What is asked for comes from the sums; documents are not made, but once for all in the end.
    """
    with publishing_paused(stack.endpoint):
        yield posted(stack, tmp_path_factory.mktemp("pilot") / "feed.ndjson")


def posted(stack: Any, path: Path) -> Pilot:
    definition = read_definition(DEFINITION)
    events = list(feed(laboratory=False))
    names = sorted({event["subject"] for event in events})[:: 1 if soak.LONG else 3]
    stack.client.put_definition(definition["study"], definition)
    bodies = [compact(event) for event in events if event["subject"] in names]
    path.write_text("\n".join(bodies), encoding="utf-8")
    results = stack.client.post_events(definition["study"], Lines(path))
    assert {result.status for result in results} == {201}
    entries = [envelope.parse(json_body.read_json(body), body) for body in bodies]
    return Pilot(stack, study.load(json.dumps(definition)), builders.subjects(entries))


def test_tables_and_flow_are_what_the_core_makes_of_the_events(pilot):
    tables, flow = pilot.expected()
    assert pilot.get("tables") == tables
    assert pilot.get("consort") == flow


def test_the_fullest_subject_moves_between_arms_in_one_transaction(pilot):
    fullest = max(pilot.subjects, key=lambda item: len(item.records))
    shares = []
    for revision, arm in enumerate((*ARMS, ARMS[0]), start=2):
        event = moved(fullest, arm, revision)
        body = json.dumps(event).encode()
        path = f"/studies/{pilot.study.id}/events"
        answer = pilot.stack.client.request(
            "POST", path, body, headers={"Content-Type": "application/cloudevents+json"}
        )
        assert answer.status == 201
        after, _ = fold(fullest, read(event))
        pilot.subjects = [
            after if subject.id == after.id else subject for subject in pilot.subjects
        ]
        fullest = after
        assert pilot.get("tables") == pilot.expected()[0]
        shares.append(report.contribute(pilot.study, after))
    changed = [len(cells.difference(b, a)) for a, b in pairwise(shares)]
    assert 0 < max(changed) <= ROWS_OF_A_TRANSACTION
    rows, path = [], f"subjects/{fullest.id}/history"
    while path:
        answer = pilot.get(path)
        rows += answer["events"]
        path = (answer["next"] or "").removeprefix(f"/studies/{pilot.study.id}/")
    versions = [row["version"] for row in rows]
    assert len(versions) == fullest.accepted == max(versions)


def moved(subject: Subject, arm: str, revision: int) -> dict[str, Any]:
    """Build the correction of a subject's randomisation."""
    record = next(
        item for (kind, _), item in subject.records.items() if kind == "subject.randomised"
    )
    data = {
        "record": record.record,
        "revision": revision,
        "reason_for_change": "Allocated wrongly",
        **plain(record.data),
        "arm": arm,
    }
    return {
        "specversion": "1.0",
        "id": f"move-{revision}",
        "source": "urn:tests",
        "type": "org.livetlf.subject.randomised.v1",
        "subject": subject.id,
        "time": "2015-12-30T12:00:00Z",
        "data": data,
    }


def plain(data: Any) -> dict[str, Any]:
    return {name: float(item) if isinstance(item, Decimal) else item for name, item in data.items()}


def read(event: dict[str, Any]) -> Entry:
    body = json.dumps(event)
    return envelope.parse(json_body.read_json(body), body, "CDISCPILOT01")
