"""Generations of sums: which ones writers keep, and the header that each has in every shard.

A generation is a definition's digest and the version of the code's contributions. CURRENT names
those that are live. A generation's header in a shard is its row of sums `study`; it carries a
fence, the number of CURRENT's plan. Every transaction that changes a subject touches the header of
every live generation on condition that the fence is the one it knows; a plan is changed in one
transaction with all the headers it concerns. So no writer ever commits under a plan that has been
replaced, however long ago it read CURRENT, and no clock has a say in it.

A writer that cannot compute a live generation's share, because that is other code's or because
both do not fit into one transaction, leaves a mark on its header. Marks beyond those that Backfill
has reconciled mean `is_stale`: some share is older than its subject. What is not stale is exact.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from trial.deferred import dataclass
from trial.definition.study import Study, generation
from trial.store import keys
from trial.store.rows import COMMITS, stamp_text
from trial.store.table import ABSENT, Action, Item, Table, key, number, text

HEADER_ROW = "study"
"""The row of sums that every transaction touches: a generation's header in its shard.

What the whole study counts, `tables.compiled.STUDY_ROW`, stands in it too.
"""

TRANSACTION_ACTIONS = 100  # DynamoDB's limit of a transaction
# As the rows of deployed tables name them: whoever renames one has to write all headers anew.
FENCE, STALE_MARKS, RECONCILED_MARKS = "fence", "marks", "filled"
FENCED = f"{FENCE} = :fence"
_NO_COMMITS = f"{FENCED} AND {COMMITS} = :none"


@dataclass(frozen=True)
class Generation:
    """A generation that CURRENT knows; `since` is when it became live, or dormant."""

    digest: str
    version: int
    since: str
    live: bool = True


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a whole study: who, when and why."""

    at: str
    principal: str
    reason: str


@dataclass(frozen=True)
class Current:
    """Which definition is in force, which one is being filled, and the generations there are.

    `plan_number` rises with every change of these, `epoch` when another definition comes into
    force. A `retired` study is read-only; of a `removed` one nothing but this is left.
    """

    digest: str
    epoch: int
    plan_number: int
    backfilling: str
    generations: Mapping[str, Generation]
    retired: Decision | None = None
    removed: Decision | None = None

    @property
    def live(self) -> dict[str, Generation]:
        """The generations that every writer must keep or mark."""
        return {
            name: generation for name, generation in self.generations.items() if generation.live
        }

    @property
    def needed_digests(self) -> tuple[str, ...]:
        """The definitions whose sums are needed: the one in force first."""
        return (self.digest, self.backfilling) if self.backfilling else (self.digest,)

    def join(self, version: int, now: datetime) -> "Current":
        """Return the plan with one code version's generations of what is needed live."""
        live = {
            name: Generation(digest, version, stamp_text(now))
            for digest in self.needed_digests
            if (name := generation(digest, version)) not in self.live
        }
        return replace(self, generations={**self.generations, **live})

    def retire_generations(self, names: Iterable[str], now: datetime) -> "Current":
        """Return the plan with generations dormant: writers keep them no more."""
        dormant = {
            name: replace(self.generations[name], since=stamp_text(now), live=False)
            for name in names
        }
        # They are kept, for a reader by the old plan may still find their sums.
        return replace(self, generations={**self.generations, **dormant})

    def amend(self, backfilling: str, version: int, now: datetime) -> "Current":
        """Return the plan that fills one definition beside the one in force; none if it is ''."""
        amended = replace(self, backfilling=backfilling)
        needed = amended.needed_digests
        unneeded = [name for name, live in self.live.items() if live.digest not in needed]
        amended = amended.retire_generations(unneeded, now)
        return amended.join(version, now) if backfilling else amended

    def activate(self, now: datetime) -> "Current":
        """Return the plan by which the definition that was filled is in force."""
        activated = replace(self, digest=self.backfilling, backfilling="", epoch=self.epoch + 1)
        other_names = [name for name, live in self.live.items() if live.digest != activated.digest]
        return activated.retire_generations(other_names, now)


@dataclass(frozen=True)
class ShardHeader:
    """A generation's header in one shard, as read."""

    fence: int
    commits: int
    stale_marks: int
    reconciled_marks: int

    @property
    def is_stale(self) -> bool:
        """Whether some share may be older than its subject."""
        return self.stale_marks != self.reconciled_marks


MISSING_HEADER = ShardHeader(fence=0, commits=0, stale_marks=1, reconciled_marks=0)
"""The header of a generation that has none: stale for ever."""


@dataclass(frozen=True)
class WritePlan:
    """What a writer of this code must do for every generation that is live.

    `counted` are the studies, the one in force first, whose sums it moves itself; `others` are
    the generations that it can only mark.
    """

    fence: int
    study: Study
    counted: tuple[Study, ...]
    others: tuple[str, ...]
    retired: bool = False
    """Whether the study is only read, but for erasures."""

    @property
    def keeps_current(self) -> bool:
        """Whether this code's generation of the definition in force is live."""
        return any(study is self.study for study in self.counted)

    @property
    def header_count(self) -> int:
        """How many headers every transaction touches."""
        return len(self.counted) + len(self.others)


def generation_row(name: str, row: str) -> str:
    """Return the name of a generation's row of sums among those of all generations."""
    return f"{name}#{row}"


def header_row(name: str) -> str:
    """Return the name of a generation's header among the rows of sums of all generations."""
    return generation_row(name, HEADER_ROW)


def is_header(row: str) -> bool:
    """Return whether such a name is a header's."""
    return row.partition("#")[2] == HEADER_ROW


def write_current(study_id: str, current: Current) -> Item:
    """Write the row CURRENT."""
    generations = {
        name: {
            "M": {
                "digest": text(generation.digest),
                "version": number(generation.version),
                "since": text(generation.since),
                "live": number(int(generation.live)),
            }
        }
        for name, generation in current.generations.items()
    }
    decisions = {
        name: {"M": {field: text(value) for field, value in vars(decision).items()}}
        for name, decision in (("retired", current.retired), ("removed", current.removed))
        if decision is not None
    }
    return (
        key(keys.current(study_id))
        | decisions
        | {
            "digest": text(current.digest),
            "epoch": number(current.epoch),
            FENCE: number(current.plan_number),
            "filling": text(current.backfilling),
            "generations": {"M": generations},
        }
    )


def read_current(item: Item) -> Current:
    """Read the row CURRENT."""
    generations = {
        name: Generation(
            attributes["M"]["digest"]["S"],
            int(attributes["M"]["version"]["N"]),
            attributes["M"]["since"]["S"],
            attributes["M"]["live"]["N"] == "1",
        )
        for name, attributes in item["generations"]["M"].items()
    }
    return Current(
        item["digest"]["S"],
        int(item["epoch"]["N"]),
        int(item[FENCE]["N"]),
        item["filling"]["S"],
        generations,
        _decision(item, "retired"),
        _decision(item, "removed"),
    )


def _decision(item: Item, name: str) -> Decision | None:
    if name not in item:
        return None
    return Decision(**{field: value["S"] for field, value in item[name]["M"].items()})


def read_header(item: Item) -> ShardHeader:
    """Read a shard header."""
    names = FENCE, COMMITS, STALE_MARKS, RECONCILED_MARKS
    return ShardHeader(*(int(item[name]["N"]) if name in item else 0 for name in names))


def open_study(table: Table, study: Study, current: Current) -> Iterator[Action]:
    """Write CURRENT and the headers of a study that has no events and had no definition."""
    yield table.put(write_current(study.id, current), ABSENT)
    yield from _new_headers(table, study, current)


def replace_unused(
    table: Table, old: Current, shards: int, study: Study, current: Current
) -> Iterator[Action]:
    """Write CURRENT anew while no header has counted a commit: nothing needs to be filled."""
    # The condition is checked where events count, so no event can slip in between.
    yield _put_current(table, study.id, old, current)
    for header_key, _ in _headers(study.id, old.live, shards):
        yield _retire_header(table, header_key, old, current, _NO_COMMITS)
    yield from _new_headers(table, study, current)


def change_plan(
    table: Table, study_id: str, shards: int, old: Current, new: Current
) -> Iterator[Action]:
    """Write CURRENT anew with the headers of every generation that is, was or becomes live."""
    yield _put_current(table, study_id, old, new)
    for header_key, name in _headers(study_id, old.live | new.live, shards):
        if name not in new.live:
            yield _retire_header(table, header_key, old, new, FENCED)
        elif name in old.live:
            yield table.update(
                header_key,
                f"SET {FENCE} = :new",
                FENCED,
                ExpressionAttributeValues={
                    ":new": number(new.plan_number), ":fence": number(old.plan_number)
                },
            )  # fmt: skip
        else:
            # One that becomes live may have been dormant: what it missed then is marked.
            yield table.update(
                header_key,
                f"SET {FENCE} = :new ADD {STALE_MARKS} :one,{COMMITS} :none",
                "",
                ExpressionAttributeValues={
                    ":new": number(new.plan_number), ":one": number(1), ":none": number(0)
                },
            )  # fmt: skip


def _put_current(table: Table, study_id: str, old: Current, new: Current) -> Action:
    return table.put(write_current(study_id, new), FENCED, fence=number(old.plan_number))


def _headers(
    study_id: str, generations: Iterable[str], shards: int
) -> Iterator[tuple[keys.Key, str]]:
    for name in sorted(generations):
        for shard in range(shards):
            yield keys.sum_row(study_id, shard, header_row(name)), name


def _new_headers(table: Table, study: Study, current: Current) -> Iterator[Action]:
    # No condition: CURRENT is written in the same transaction, on condition of what it was.
    for header_key, _ in _headers(study.id, current.live, study.definition.shards):
        yield table.put(key(header_key) | {COMMITS: number(0), FENCE: number(current.plan_number)})


def _retire_header(
    table: Table, header_key: keys.Key, old: Current, new: Current, condition: str
) -> Action:
    """Mark a header for good: no writer keeps its generation any more."""
    # Whoever still reads by the old plan finds it stale, and computes from the subjects instead.
    values = {":new": number(new.plan_number), ":one": number(1), ":fence": number(old.plan_number)}
    if condition == _NO_COMMITS:
        values[":none"] = number(0)
    return table.update(
        header_key,
        f"SET {FENCE} = :new ADD {STALE_MARKS} :one",
        condition,
        ExpressionAttributeValues=values,
    )
