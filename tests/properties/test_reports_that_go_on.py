"""A report that is ended again and again is the one that was not: the same bytes, each read once.

Random studies, reports as of an instant or a cut-off date or of now, ended at random looks at the
clock; between two invocations pieces are lost or damaged, and personal texts erased.
"""

import copy
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import soak
from blinded import randomised
from builders import adverse_event, coding, contact, death, dose, enrolment, viral_load
from doubles import Clock, MemoryClient, MemoryS3
from parallel import TOTAL, A, B, parallel
from signing import KeyInMemory
from toy import SENDER

from trial.commands import erasure
from trial.definition.study import Study
from trial.errors import OutOfTime, Unfinished
from trial.events.envelope import Entry
from trial.reporting import blocks, journals, publishing, report, unfinished_report
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.journals import NOWHERE, JournalGroup, ReadJournal
from trial.reporting.live import unfinished
from trial.reporting.live.state import sha256
from trial.reporting.signing import Signer
from trial.store import Receipt, Store, reading
from trial.store.bucket.documents import Documents
from trial.store.encoding import subjects
from trial.store.reports import READY, ReportRequest, Reports
from trial.store.rows import stamp_text
from trial.store.table import Table
from trial.subject.fold import Subject

NAMES = [f"S-{number}" for number in range(1, 15)]
ROWS: list[dict[str, Any]] = [
    {"id": "treated", "count": "treated"},
    {"id": "days", "summary": "age", "statistics": ["mean", "median"]},
    {"id": "terms", "terms": {"filter": {}, "by": ["soc", "pt"]}},
]
GROUP_EVENTS, AHEAD = 12, 2
REPORT = "R-2"


class CountingClient(MemoryClient):
    """A table that counts how often each journal is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = Counter[str]()

    def query(self, TableName: str, **options: Any) -> Any:  # noqa: N803
        partition = options["ExpressionAttributeValues"][":partition"]["S"]
        if "#JOURNAL#" in partition and "ExclusiveStartKey" not in options:
            self.read[partition.rpartition("#")[2]] += 1
        return super().query(TableName, **options)


@dataclass
class Site:
    """A table and a bucket, and what makes reports of them."""

    study: Study
    dynamodb: CountingClient = field(default_factory=CountingClient)
    s3: MemoryS3 = field(default_factory=MemoryS3)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        """Open the store."""
        table = Table(self.dynamodb, "t")
        self.store = Store(table, report.contribute, self.clock, self.clock.pause)
        self.reports = Reports(table)

    def copied(self) -> "Site":
        """Return a site of the same events and documents, and of no pieces."""
        site = Site(self.study)
        site.dynamodb.tables = copy.deepcopy(self.dynamodb.tables)
        site.s3.versions = {
            key: [*versions]
            for key, versions in self.s3.versions.items()
            if not key.startswith("pieces/")
        }
        site.s3.written_at, site.s3._number = {**self.s3.written_at}, self.s3._number
        return site

    def erase(self, name: str) -> None:
        """Erase a subject's personal texts."""
        entry = erasure.entry_of(self.study, name, "asked for", "r", self.clock())
        erasure.erase(self.store, self.study, entry, SENDER)

    def forget_erased(self) -> None:
        """Look at what is kept of the report, as every call of Publish does."""
        documents = Documents(self.s3, "bucket")
        unfinished_report.forget_erased(self.store, documents, self.study, REPORT)

    def make(self, name: str, looks: int = 1_000_000) -> bool:
        """Make a report, with so many looks at the clock; return whether it is to go on."""
        return publishing.publish_report(self.reports, self._writer(looks), self.study, name)

    def _writer(self, looks: int) -> DocumentWriter:
        left = iter(range(looks))

        def beat() -> None:
            if next(left, None) is None:
                raise OutOfTime("the function ran out of time")

        documents, signer = Documents(self.s3, "bucket"), Signer(KeyInMemory(), "key")
        return DocumentWriter(self.store, documents, signer, "code", beat)

    def go_on(self, looks: int) -> bool | None:
        """Make the report with so many looks: whether it is there, None where nothing was kept."""
        try:
            return not self.make(REPORT, looks)
        except OutOfTime:
            return None

    def read_shards(self, chance: random.Random) -> None:
        """Keep the journals of shards side by side; some are never begun, or end early."""
        for shard in range(self.study.definition.shards):
            if chance.random() < 0.8:
                with suppress(OutOfTime):
                    self.read_shard(shard, chance.choice([5, 15, 1_000]))

    def read_shard(self, shard: int, looks: int = 1_000) -> None:
        """Keep the journals of a shard."""
        writer, request = self._writer(looks), self.report()
        publishing.read_shard(self.reports, writer, self.study, request, shard, lambda: None)

    def damage(self, chance: random.Random) -> None:
        """Lose a version of a piece, or cut it short."""
        key = chance.choice(self.pieces())
        number = chance.randrange(len(self.s3.versions[key]))
        version, body = self.s3.versions[key][number]
        self.s3.versions[key][number] = version, body[: chance.randrange(len(body) or 1)]

    @property
    def block_prefix(self) -> str:
        return f"pieces/{self.study.id}/open/reports/{REPORT}/"

    def pieces(self) -> list[str]:
        return [key for key in self.s3.versions if key.startswith("pieces/")]

    def files(self) -> dict[str, bytes]:
        """Return the last version of each file of the reports, but for signatures, which differ."""
        return {
            key: versions[-1][1]
            for key, versions in self.s3.versions.items()
            if not key.startswith("pieces/") and not key.endswith(".sig.json")
        }

    def cut_files(self) -> dict[str, list[tuple[str, bytes]]]:
        """Return all versions of the files of the report's own cuts."""
        asked = self.report()
        cuts = {f"/{name}/" for name in (asked.cut, asked.unblinded_cut) if name}
        earlier = self.reports.get(self.study.id, "R-1")
        cuts -= {f"/{earlier.cut}/", f"/{earlier.unblinded_cut}/"}
        return {
            key: versions
            for key, versions in self.s3.versions.items()
            if any(name in key for name in cuts)
        }

    def report(self) -> ReportRequest:
        return self.reports.get(self.study.id, REPORT)


def _event(chance: random.Random, name: str) -> Entry:
    day, revision = chance.randint(1, 40), chance.choice([1, 1, 2])
    return chance.choice([
        lambda: enrolment(subject=name, site=chance.choice(["101", "102"]), revision=revision),
        lambda: randomised(chance.choice("ab"), subject=name),
        lambda: dose(day, subject=name, treatment=chance.choice(["drug", "placebo"])),
        lambda: viral_load(chance.choice([7, 14]), chance.randint(20, 9_000), subject=name),
        lambda: adverse_event(day, chance.choice(["AE-1", "AE-2"]), name, revision=revision),
        lambda: coding(chance.choice(["Headache", "HEADACHE ", "Rash"]), "AE-1", name),
        lambda: contact(day, name),
        lambda: death(day, name),
    ])()  # fmt: skip


def _site(chance: random.Random) -> Site:
    """Make a study of some events, an earlier report, more events, and a report that waits."""
    study = parallel(ROWS, (A, B, TOTAL), blinded=chance.random() < 0.5, shards=2)
    site = Site(study)
    site.s3.now = site.clock
    site.store.put_definition(study, study.source)

    def post(number: int) -> None:
        for _ in range(number):
            entry = _event(chance, chance.choice(NAMES))
            site.store.record(study, [Receipt(entry, SENDER)])

    def request(name: str, as_of: str, cutoff: str) -> None:
        stamp = stamp_text(site.clock())
        site.reports.request(
            study.id, ReportRequest(name, "pending", SENDER, stamp, "", as_of, cutoff)
        )

    post(chance.randint(20, 60))
    request("R-1", "", "")
    site.make("R-1")
    middle = stamp_text(site.clock())
    post(chance.randint(5, 40))
    request(REPORT, chance.choice(["", middle]), chance.choice(["", "2015-07-01"]))
    return site


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 3)
    monkeypatch.setattr(unfinished, "AT_ONCE", 1)
    monkeypatch.setattr(journals, "GROUP_EVENTS", GROUP_EVENTS)
    monkeypatch.setattr("trial.reporting.unfinished_report.GROUP_EVENTS", GROUP_EVENTS)
    monkeypatch.setattr(reading, "_JOURNALS_AHEAD", AHEAD)


def _bare_report(site: Site) -> ReportRequest:
    return replace(site.report(), attempts=0)


def _history(number: int) -> None:
    chance = random.Random(number)  # noqa: S311 (no secret)
    site = _site(chance)
    whole = site.copied()
    whole.make(REPORT)
    site.dynamodb.read.clear()
    ends = in_vain = lost = 0
    is_damaging = chance.random() < 0.3
    if number % 2:
        site.read_shards(chance)
        if is_damaging and site.pieces():
            lost += 1
            site.damage(chance)
    while not (is_there := site.go_on(chance.choice([4, 7, 12, 20, 40, 100, 2_000]))):
        ends, in_vain = ends + 1, in_vain + (is_there is None)
        if is_damaging and site.pieces():
            lost += 1
            site.damage(chance)
    assert site.files() == whole.files()
    assert site.pieces() == []
    assert site.report().status == READY
    assert _bare_report(site) == _bare_report(whole)
    assert in_vain <= site.report().attempts <= in_vain + 1
    subjects = {row.id for row in site.store.subjects(site.study)}
    if not lost:  # of an index that is lost, all is read anew
        once_more = ends * (GROUP_EVENTS + AHEAD)  # a group is of no more subjects than events
        assert site.dynamodb.read.total() <= len(subjects) + once_more
        assert {len(versions) for versions in site.cut_files().values()} <= {1}


def test_a_report_that_is_ended_at_random_is_the_one_that_was_not() -> None:
    first = soak.seed("reports that go on")
    histories = soak.size(6, 400)
    for number in range(first, first + histories):
        try:
            _history(number)
        except BaseException:
            soak.note(f"reports that go on: history {number}")
            raise


def _journals_kept(site: Site) -> list[ReadJournal]:
    """Read every version of every piece that holds journals."""
    groups = [
        JournalGroup.decode(body)
        for key, versions in site.s3.versions.items()
        if key.startswith("pieces/") and "/journals-" in key
        for _, body in versions
    ]
    return [journal for group in groups for journal in group.journals]


def _holds_texts(site: Site, name: str) -> bool:
    """Return whether a piece holds a subject as it was before it was erased."""
    return any(
        kept.id == name
        and kept.position != NOWHERE
        and not kept.position.erased
        and not subjects.decode(Subject(name), kept.packed).erased
        for kept in _journals_kept(site)
    )


@pytest.mark.parametrize(("number", "is_told"), [(0, True), (1, True), (2, False)])
def test_what_is_erased_while_a_report_is_made_is_in_no_file_and_no_piece(
    number: int,
    is_told: bool,  # noqa: FBT001
) -> None:
    first_number = soak.seed(f"reports and erasures {number}")
    chance = random.Random(first_number + number)  # noqa: S311 (no secret)
    site = _site(chance)
    site.dynamodb.read.clear()
    assert site.go_on(30) is False
    first = {key: versions[0][0] for key, versions in site.s3.versions.items() if "pieces/" in key}
    recorded = sorted(kept.id for kept in _journals_kept(site) if kept.position != NOWHERE)
    name = chance.choice(recorded)
    assert _holds_texts(site, name)
    site.erase(name)
    if is_told:  # else whoever goes on finds it
        site.forget_erased()
        assert not _holds_texts(site, name)
    whole = site.copied()
    whole.make(REPORT)
    site.go_on(30)
    assert not _holds_texts(site, name)
    kept = {version for versions in site.s3.versions.values() for version, _ in versions}
    for first_id, *ids in blocks.in_blocks(recorded, str):
        if name in (first_id, *ids):
            block_key = f"{site.block_prefix}block-{sha256(first_id.encode())[:24]}"
            assert first.get(block_key) not in kept
    assert max(site.dynamodb.read.values()) <= 3
    while not site.go_on(2_000):
        pass
    assert whole.files().items() <= site.files().items()
    assert site.pieces() == []
    assert _bare_report(site) == _bare_report(whole)


@pytest.mark.parametrize("is_told", [True, False])
def test_what_is_erased_goes_from_shards_that_were_read_side_by_side(
    is_told: bool,  # noqa: FBT001
) -> None:
    site = _site(random.Random(2))  # noqa: S311 (no secret)
    site.read_shard(1)
    name = next(kept.id for kept in _journals_kept(site) if kept.position != NOWHERE)
    assert _holds_texts(site, name)
    site.erase(name)
    if is_told:
        site.forget_erased()
    else:
        site.go_on(8)  # shard 0 was not read: what is behind it is not taken
    assert not _holds_texts(site, name)
    whole = site.copied()
    whole.make(REPORT)
    while not site.go_on(2_000):
        pass
    assert whole.files().items() <= site.files().items()


def test_a_call_that_has_no_time_is_no_try_and_reads_nothing() -> None:
    site = _site(random.Random(1))  # noqa: S311 (no secret)
    with pytest.raises(Unfinished):
        site.make(REPORT, 0)
    assert site.report().attempts == 0
    assert site.go_on(30) is False
    site.dynamodb.read.clear()
    assert site.go_on(2) is None  # its time ends with what is kept
    assert not site.dynamodb.read


def test_what_was_kept_for_an_audience_that_is_no_more_goes_too() -> None:
    site = _site(random.Random(1))  # noqa: S311 (no secret)
    site.study = parallel(ROWS, (A, B, TOTAL), blinded=True, shards=2)
    assert site.go_on(30) is False
    assert any("/unblinded/" in key for key in site.pieces())
    site.study = parallel(ROWS, (A, B, TOTAL), blinded=False, shards=2)
    while not site.go_on(2_000):
        pass
    assert site.pieces() == []


def test_blocks_of_every_audience_go_with_the_group_whose_texts_are_erased() -> None:
    site = _site(random.Random(1))  # noqa: S311 (no secret)
    site.study = parallel(ROWS, (A, B, TOTAL), blinded=True, shards=2)

    def blocks_kept() -> set[tuple[str, str]]:
        return {
            (key, version)
            for key in site.pieces()
            if "/block-" in key
            for version, _ in site.s3.versions[key]
        }

    looks = 40
    while not any("/unblinded/" in key for key, _ in blocks_kept()):
        assert not site.go_on(looks)
        looks += 10
    before = blocks_kept()
    group = next(kept for kept in _journals_kept(site) if kept.position != NOWHERE)
    site.forget_erased()
    assert before == blocks_kept()
    site.erase(group.id)
    site.forget_erased()
    assert not blocks_kept()
    site.go_on(5)
    assert not before & blocks_kept()
    assert not _holds_texts(site, group.id)
