"""Documents made by change are those made from nothing, byte for byte, whatever happened between.

Random histories of events, corrections, second contents, erasures and amendments. Publications in
between are told who changed, or are not; break off at any call of S3; and find the pieces of the
one before lost, damaged or cut short.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import builders
import pytest
import soak
from blinded import randomised
from builders import adverse_event, coding, contact, death, disposition, dose, enrolment, viral_load
from doubles import Clock, MemoryClient, MemoryS3
from parallel import TOTAL, A, B, parallel
from signing import KeyInMemory
from toy import SENDER

from trial.commands import erasure
from trial.definition.study import Study
from trial.errors import OutOfTime, Unavailable
from trial.events.envelope import Entry
from trial.render.documents import render
from trial.render.workbook import parts, rows_apart
from trial.reporting import blocks, report
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import publishing as live
from trial.reporting.live import unfinished
from trial.reporting.live.former import GRACE
from trial.reporting.live.parts import LiveParts
from trial.reporting.live.state import BEGUN, BlockPlace, LiveState, inputs_of, read_state
from trial.reporting.signing import Signer
from trial.statistics import cells
from trial.store import Receipt, Store
from trial.store.bucket.documents import STATE, Documents
from trial.store.table import Table
from trial.subject.fold import Outcome
from trial.tables.file_names import is_workbook, part_name

NAMES = [f"S-{number}" for number in range(1, 15)]
ROWS: list[dict[str, Any]] = [
    {"id": "treated", "count": "treated"},
    {"id": "days", "summary": "age", "statistics": ["mean", "median"]},
    {"id": "terms", "terms": {"filter": {}, "by": ["soc", "pt"]}},
]
EVERYBODY = {"id": "everybody", "label": "Enrolled", "set": "enrolled"}
NARRATED = {"any": [{"recorded": "death.reported"}, {"adverse_event": {"serious": True}}]}
PARAGRAPHS = [
    {"text": "{subject}[ in {arm}]"},
    {
        "records": "adverse-event.reported",
        "text": "{term} ({pt}) from {onset}",
        "otherwise": "None",
    },
]
CODE = "code"


def _defined(title: str, *, is_blinded: bool) -> Study:
    told = {"id": "n", "title": "Narratives", "population": "All", "subjects": NARRATED,
            "paragraphs": PARAGRAPHS}  # fmt: skip
    waterfall = {"id": "w", "title": "Ages", "population": "All", "kind": "waterfall",
                 "source": {"table": "t", "row": "days"}, "x_label": "Rank",
                 "y_label": "Age"}  # fmt: skip
    return parallel(
        ROWS, (A, B, TOTAL, EVERYBODY), title=title, blinded=is_blinded, shards=2,
        narratives=[told], figures=[waterfall],
    )  # fmt: skip


def _events(chance: random.Random, name: str) -> Entry:
    day = chance.randint(1, 40)
    revision = chance.choice([1, 1, 1, 2, 3])
    makers: list[Callable[[], Entry]] = [
        lambda: enrolment(  # each a bar of the waterfall
            subject=name, site=chance.choice(["101", "102"]), age=chance.randint(18, 90),
            revision=revision,
        ),
        lambda: randomised(chance.choice("ab"), subject=name),
        lambda: dose(day, subject=name, treatment=chance.choice(["drug", "placebo"])),
        lambda: viral_load(
            chance.choice([7, 14]), chance.randint(20, 9_000), subject=name, revision=revision
        ),
        lambda: adverse_event(
            chance.choice([day, None]), chance.choice(["AE-1", "AE-2"]), name,
            serious=chance.random() < 0.3, revision=revision,
        ),
        lambda: coding(
            chance.choice(["Headache", "headache", "HEADACHE ", "Rash"]),
            chance.choice(["AE-1", "AE-2"]), name, revision=revision,
        ),
        lambda: builders.entry(
            "adverse-event.reported", name, record="AE-1", action="void", revision=revision + 1
        ),
        lambda: contact(day, name),
        lambda: death(day, name),
        lambda: disposition(day, subject=name),
        lambda: builders.entry(
            "subject.superseded", name, record="AS", by=chance.choice(NAMES), revision=revision
        ),
    ]  # fmt: skip
    return chance.choice(makers)()


class Interrupted(RuntimeError):
    """A process that ended."""


class FragileS3(MemoryS3):
    """A bucket at one of whose next calls the process ends."""

    calls_left = -1

    def _call(self) -> None:
        if self.calls_left == 0:
            raise Interrupted
        self.calls_left -= self.calls_left > 0

    def put_object(self, **options: Any) -> Any:
        self._call()
        return super().put_object(**options)

    def get_object(self, **options: Any) -> Any:
        self._call()
        return super().get_object(**options)

    def delete_objects(self, **options: Any) -> Any:
        self._call()
        return super().delete_objects(**options)


@dataclass
class World:
    """A study, its table and its bucket, and who changed since the last publication."""

    chance: random.Random
    is_blinded: bool
    s3: FragileS3 = field(default_factory=FragileS3)
    clock: Clock = field(default_factory=Clock)
    changed: set[str] | None = field(default_factory=set)
    amendments: int = 0
    left: Iterator[int] = field(default_factory=lambda: iter(()))
    """What is left of a writer's looks at the clock."""
    most_parts: int = 0
    """How many workbooks of listings' parts a publication had at most."""
    damaged: set[str] = field(default_factory=set)
    """Versions that are not what was written."""

    def __post_init__(self) -> None:
        """Put the first definition in force."""
        self.s3.now = self.clock
        table = Table(MemoryClient(), "t")
        self.store = Store(table, report.contribute, self.clock, self.clock.pause)
        self.amend()

    def amend(self) -> None:
        """Put another definition in force."""
        self.amendments += 1
        self.study = _defined(f"Version {self.amendments}", is_blinded=self.is_blinded)
        self.store.put_definition(self.study, self.study.source)
        for _ in range(8):
            self.clock.pause(1_000)
            if self.store.fill(self.study.id):
                break
        self.store.invalidate(self.study.id)
        assert self.store.study(self.study.id).digest == self.study.digest

    def post(self) -> None:
        """Record an event; a second content is noted as the functions note it."""
        entry = _events(self.chance, self.chance.choice(NAMES))
        (result,) = self.store.record(self.study, [Receipt(entry, SENDER)])
        if result.outcome is Outcome.CONFLICT:
            self.store.dispute(entry)
        self._note(entry.subject)

    def erase(self) -> None:
        """Erase somebody's personal texts."""
        subject_ids = [row.id for row in self.store.subjects(self.study)]
        if subject_ids:
            name = self.chance.choice(subject_ids)
            entry = erasure.entry_of(self.study, name, "asked for", "r", self.clock())
            erasure.erase(self.store, self.study, entry, SENDER)
            self._note(name)

    def _note(self, name: str) -> None:
        if self.changed is not None:
            self.changed.add(name)

    def lose_call(self) -> None:
        """Forget who changed, as where a call came to nothing."""
        self.changed = None

    def wait(self) -> None:
        """Let time pass: former versions are deleted by it."""
        self.clock.pause(self.chance.choice([60, 1_000, 40_000]))

    def damage(self) -> None:
        """Lose, damage or cut short a version of a piece, or of a workbook."""
        damageable = [
            (key, number)
            for key, versions in self.s3.versions.items()
            if key.startswith("pieces/") or key.endswith(".xlsx")
            for number, (_, body) in enumerate(versions)
            if body
        ]
        if not damageable:
            return
        key, number = self.chance.choice(damageable)
        version, body = self.s3.versions[key][number]
        self.damaged.add(version)
        match self.chance.randrange(3):
            case 0 if key.startswith("pieces/"):
                del self.s3.versions[key][number]
            case 1:
                place = self.chance.randrange(len(body))
                changed = bytes([body[place] ^ 1 << self.chance.randrange(8)])
                body = body[:place] + changed + body[place + 1 :]
                self.s3.versions[key][number] = version, body
            case _:
                self.s3.versions[key][number] = version, body[: self.chance.randrange(len(body))]

    def writer(self, code: str, looks: int = 1_000_000) -> DocumentWriter:
        """Return what writes to the bucket, for so many looks at the clock."""
        documents, signer = Documents(self.s3, "bucket"), Signer(KeyInMemory(), "key")
        self.left = left = iter(range(looks))

        def beat() -> None:
            if next(left, None) is None:
                raise OutOfTime("the function ran out of time")

        return DocumentWriter(self.store, documents, signer, code, beat)

    def run_out(self) -> None:
        """Publish with too little time; what was made of it from nothing is kept."""
        try:
            live.publish(self.writer(CODE, self.chance.randrange(60)), self.study, None)
        except (OutOfTime, Unavailable):
            return

    def make_parts(self) -> None:
        """Make blocks side by side; some parts are never begun, or end early."""
        epoch = self.store.epoch(self.study.id)
        parts = LiveParts(self.writer(CODE, self.chance.randrange(60)), self.study, epoch)
        for shard in range(self.study.definition.shards):
            parts.survey(shard)
        surveyed = parts.surveyed()
        assert surveyed is not None
        for part in range(surveyed.parts):
            if self.chance.random() < 0.8:
                with suppress(OutOfTime):
                    parts.make_blocks(part, surveyed.parts, lambda: None)
        parts.forget_survey()

    def publish(self) -> None:
        """Publish, and compare with documents made from nothing."""
        changed_subjects = self.changed if self.chance.random() < 0.8 else None
        outcome = live.publish(
            self.writer(CODE),
            self.study,
            changed_subjects,
            clears_up=self.chance.random() < 0.1,
        )
        assert outcome.sums_agree
        self.changed = set()
        for view in self.study.views:
            published, documents = self.published(view), self.made_from_nothing(view)
            assert all(is_workbook(name) for name in documents.keys() - published.keys())
            assert published == {name: documents[name] for name in published}
            self.most_parts = max(self.most_parts, sum(map(is_workbook, documents)) - 1)
            self.check_current(view)

    def break_off(self) -> None:
        """Begin to publish, perhaps by another release, and end at some call of the bucket."""
        self.s3.calls_left = self.chance.randrange(60)
        try:
            if self.chance.random() < 0.3:
                live.publish(self.writer("other"), self.study)
            else:
                self.publish()
        except Interrupted:
            pass
        finally:
            self.s3.calls_left = -1

    def published(self, view: Study) -> Mapping[str, bytes]:
        """Return what `latest.json` names, but for what was damaged since it was written."""
        prefix = f"studies/{view.id}/{view.audience}"
        latest = json.loads(self.s3.versions[f"{prefix}/latest.json"][-1][1])
        return {
            name: dict(self.s3.versions[f"{prefix}/live/{name}"])[version]
            for name, version in latest["files"].items()
            if version not in self.damaged
        }

    def check_current(self, view: Study) -> None:
        """Demand that what is named are the last versions, which do not expire."""
        prefix = f"studies/{view.id}/{view.audience}"
        latest = json.loads(self.s3.versions[f"{prefix}/latest.json"][-1][1])
        for name, version in latest["files"].items():
            assert self.s3.versions[f"{prefix}/live/{name}"][-1][0] == version
        for name, version in latest["audit"].items():
            assert version in dict(self.s3.versions[f"{prefix}/audit/live/{name}"])
        state = self.state(view)
        assert state is not None or latest["state"] in self.damaged
        for place in state.blocks if state else ():
            key = f"pieces/{view.id}/{view.audience}/{place.name}"
            assert place.version in {*dict(self.s3.versions.get(key, ())), *self.damaged}

    def state(self, view: Study) -> LiveState | None:
        """Return what the last publication was made of; None where that is lost."""
        documents = Documents(self.s3, "bucket")
        latest = documents.latest(view.id, view.audience).document
        inputs = inputs_of(view, self.store.epoch(view.id), CODE)
        return read_state(documents.pieces(view.id, view.audience), latest, inputs)

    def is_cleared(self, view: Study) -> bool:
        """Return whether all pieces are of the last publication, but for marks of a beginning."""
        state, prefix = self.state(view), f"pieces/{view.id}/{view.audience}/"
        assert state is not None
        names = {BEGUN, STATE, *(place.name for place in state.blocks)}
        kept = {
            key.removeprefix(prefix): len(versions)
            for key, versions in self.s3.versions.items()
            if key.startswith(prefix) and versions
        }
        return kept.keys() <= names and {kept[name] for name in kept if name != BEGUN} <= {1}

    def blocks(self) -> Mapping[str, BlockPlace]:
        """Return the blocks that the last publication was made of, by name."""
        state = self.state(self.study)
        assert state is not None
        return {place.name: place for place in state.blocks}

    def made_from_nothing(self, view: Study) -> Mapping[str, bytes]:
        """Make the same files of all rows."""
        rows = sorted(self.store.subjects(self.study), key=lambda row: row.id)
        sums = cells.total(row.share for row in rows)
        whole_report = report.report(
            view, [row.subject for row in rows], sums, disputes=[*self.store.disputes(view)]
        )
        return {file.name: b"".join(file.content) for file in render(whole_report, view, CODE)}


def _history(number: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Live through a history; return how many parts of listings it had in workbooks at most."""
    chance = random.Random(number)  # noqa: S311 (no secret)
    monkeypatch.setattr(parts, "MOST_RECORDS", chance.choice([6, 15, 500_000]))
    world = World(chance, is_blinded=chance.random() < 0.5)
    steps = [world.post] * 12 + [world.publish] * 3 + [
        world.erase, world.lose_call, world.damage, world.damage, world.break_off, world.wait,
        world.run_out, world.make_parts,
    ]  # fmt: skip
    for _ in range(chance.randint(10, 40)):
        step = world.amend if chance.random() < 0.02 else chance.choice(steps)
        step()
    world.publish()
    world.publish()
    live.publish(world.writer(CODE), world.study, clears_up=True)
    assert all(map(world.is_cleared, world.study.views))
    return world.most_parts


def test_documents_by_change_are_documents_from_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 4)
    monkeypatch.setattr(unfinished, "AT_ONCE", 1)
    monkeypatch.setattr(rows_apart, "_TOGETHER", 2)
    first = soak.seed("documents by change")
    histories = soak.size(18, 1_000)
    most_parts = 0
    for number in range(first, first + histories):
        try:
            most_parts = max(most_parts, _history(number, monkeypatch))
        except BaseException:
            soak.note(f"documents by change: history {number}")
            raise
    assert most_parts > 1
    soak.note(f"{histories} histories of documents by change")


def _populated(monkeypatch: Any) -> World:
    """Make a study of all subjects, in blocks of some four, that is published."""
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 4)
    world = World(random.Random(5), is_blinded=False)  # noqa: S311 (no secret)
    for name in NAMES:
        world.store.record(world.study, [Receipt(enrolment(subject=name), SENDER)])
        world._note(name)
    world.publish()
    return world


def test_a_piece_that_is_lost_is_made_anew_and_no_other(monkeypatch: Any) -> None:
    world = _populated(monkeypatch)
    before = world.blocks()
    lost, other, *_ = before.values()
    key = f"pieces/{world.study.id}/open/{lost.name}"
    del world.s3.versions[key]
    world.store.record(world.study, [Receipt(contact(40, other.ids[0]), SENDER)])
    world._note(other.ids[0])

    def all_subjects(_: Any) -> Any:
        raise AssertionError("the rows of all subjects are read")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "subjects", all_subjects)
        assert live.publish(world.writer(CODE), world.study, frozenset(world.changed or ())).cut
    changed = {name for name, place in world.blocks().items() if place != before[name]}
    assert changed == {lost.name, other.name}
    assert world.published(world.study) == world.made_from_nothing(world.study)


def test_one_event_derives_its_subject_alone(monkeypatch: Any) -> None:
    world = _populated(monkeypatch)
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 4)
    derived = list[str]()
    derive = report.Contents.derive

    def noted(contents: report.Contents, subject: Any) -> Any:
        derived.append(subject.id)
        return derive(contents, subject)

    monkeypatch.setattr(report.Contents, "derive", noted)
    world.store.record(world.study, [Receipt(contact(40, "S-3"), SENDER)])
    assert live.publish(world.writer(CODE), world.study, frozenset({"S-3"})).cut
    assert derived == ["S-3"]
    block = next(place for place in world.blocks().values() if "S-3" in place.ids)
    assert len(block.ids) > 1
    assert world.published(world.study) == world.made_from_nothing(world.study)


def test_files_that_another_publication_wrote_over_are_written_though_the_state_is_lost(
    monkeypatch: Any,
) -> None:
    world = _populated(monkeypatch)
    prefix = f"pieces/{world.study.id}/open"
    world.s3.calls_left = 15
    with pytest.raises(Interrupted):
        live.publish(world.writer("other"), world.study)
    world.s3.calls_left = -1
    del world.s3.versions[f"{prefix}/state"]
    assert live.publish(world.writer(CODE), world.study, frozenset()).cut
    world.check_current(world.study)


def test_a_state_that_is_lost_is_written_again(monkeypatch: Any) -> None:
    world = _populated(monkeypatch)
    del world.s3.versions[f"pieces/{world.study.id}/open/state"]
    assert live.publish(world.writer(CODE), world.study, frozenset()).cut
    assert world.state(world.study) is not None
    world.check_current(world.study)


def test_former_versions_go_but_for_documents_of_a_days_end(monkeypatch: Any) -> None:
    world = _populated(monkeypatch)
    world.clock.at = world.clock.at.replace(hour=23, minute=0)
    for number in range(1, 31):
        world.store.record(world.study, [Receipt(contact(number, "S-1"), SENDER)])
        world.clock.pause(GRACE.total_seconds() / 3)
        live.publish(world.writer(CODE), world.study, frozenset({"S-1"}))
    # The current one, the four replaced within the grace of the one before it, the day's last.
    counts = {key: len(versions) for key, versions in world.s3.versions.items()}
    start = f"studies/{world.study.id}/open"
    assert counts[f"{start}/live/report.html"] == counts[f"{start}/live/manifest.json"] == 6
    assert counts[f"{start}/audit/live/heads.json"] == 6
    assert max(count for key, count in counts.items() if key.startswith("pieces/")) == 5
    pages = world.s3.versions[f"{start}/live/report.html"]
    last_of_day, *later = [world.s3.written_at[version] for version, _ in pages]
    assert last_of_day.isoformat()[8:16] == "01T23:55"
    assert {moment.day for moment in later} == {2}


def test_a_publication_that_never_has_the_time_ends_all_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 1)
    monkeypatch.setattr(unfinished, "AT_ONCE", 2)
    world = World(random.Random(1), is_blinded=True)  # noqa: S311 (no secret)
    names = [f"T-{number:02}" for number in range(60)]
    for name in names:
        world.store.record(world.study, [Receipt(enrolment(subject=name), SENDER)])
    made = list[int]()
    make = blocks.BlockMaker.make

    def counted(maker: Any, known: Any, *former: Any) -> Any:
        made.append(len(known))
        for _ in range(100):  # a block takes as long as so many looks
            next(world.left, None)
        return make(maker, known, *former)

    monkeypatch.setattr(blocks.BlockMaker, "make", counted)
    with pytest.raises(OutOfTime):  # it cannot even read them: nothing is kept
        live.publish(world.writer(CODE, 50), world.study)
    assert made == []
    calls = 1
    while True:
        try:
            live.publish(world.writer(CODE, 1_500), world.study)
            break
        except Unavailable:
            calls += 1
    assert calls > 2
    assert sum(made) <= 2 * len(names) + 2 * calls  # for each audience once, and what a call lost
    for view in world.study.views:
        assert world.published(view) == world.made_from_nothing(view)


def test_of_a_long_listing_the_parts_that_changed_are_written_and_no_others(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(parts, "MOST_RECORDS", 6)
    world = _populated(monkeypatch)
    # What decides the date of the data, and the width of a column, is there already.
    for entry in (contact(60, "S-14"), death(40, "S-14")):
        world.store.record(world.study, [Receipt(entry, SENDER)])
    world._note("S-14")
    world.publish()
    names = [name for name in world.published(world.study) if is_workbook(name)]
    (longest,) = {name.rpartition("-")[0] for name in names if name != "listings.xlsx"}
    assert names == ["listings.xlsx", *(f"{longest}-{n}.xlsx" for n in range(1, len(names)))]
    assert len(names) > 3
    prefix = f"studies/{world.study.id}/open/live"
    before = {name: len(world.s3.versions[f"{prefix}/{name}"]) for name in names}
    state = world.state(world.study)
    assert state is not None
    assert {place.file for place in state.segments.values()} >= {*names[1:]}
    world.store.record(world.study, [Receipt(death(40, "S-1"), SENDER)])
    world._note("S-1")
    world.publish()
    written = [n for n in names if len(world.s3.versions[f"{prefix}/{n}"]) > before[n]]
    assert written == ["listings.xlsx", part_name(longest.removeprefix("listings-"), 1)]
    state = world.state(world.study)
    assert state is not None
    assert {place.file for place in state.segments.values()} >= {*names[1:]}
