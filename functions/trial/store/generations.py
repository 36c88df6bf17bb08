"""Generations of sums: which ones writers keep, and the gate that each has in every shard.

A generation is a definition's digest and the version of the code's contributions. CURRENT names
those that are live. A generation's gate is its row of sums `study`; it carries a fence, the
number of CURRENT's plan. Every transaction that changes a subject touches the gate of every live
generation on condition that the fence is the one it knows; a plan is changed in one transaction
with all the gates it concerns. So no writer ever commits under a plan that is no longer, however
long ago it read CURRENT, and no clock has a say in it.

A writer that cannot compute a live generation's share, because that is other code's or because
both do not fit into one transaction, leaves a mark on its gate. Marks beyond those that Fill has
worked off mean `behind`: some share is older than its subject. Whatever is not behind is exact.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from trial.definition.study import Study, generation
from trial.store import keys
from trial.store.rows import COMMITS, stamp_text
from trial.store.table import ABSENT, Action, Item, Table, key, number, text

STUDY_ROW = "study"
"""The row of sums that every transaction touches: a generation's gate in its shard."""

ACTIONS = 100  # DynamoDB's limit of a transaction
FENCE, MARKS, FILLED = "fence", "marks", "filled"
FENCED = f"{FENCE} = :fence"
_UNUSED = f"{FENCED} AND {COMMITS} = :none"


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

    `plan` rises with every change of these; `epoch` when another definition comes into force.
    A study that is `retired` is only read; of one that is `removed` nothing else is left.
    """

    digest: str
    epoch: int
    plan: int
    filling: str
    generations: Mapping[str, Generation]
    retired: Decision | None = None
    removed: Decision | None = None

    @property
    def live(self) -> dict[str, Generation]:
        """The generations that every writer must keep or mark."""
        return {name: each for name, each in self.generations.items() if each.live}

    @property
    def wanted(self) -> tuple[str, ...]:
        """The definitions whose sums are needed: the one in force first."""
        return (self.digest, self.filling) if self.filling else (self.digest,)

    def join(self, version: int, now: datetime) -> "Current":
        """Make one version's generations of what is wanted live."""
        live = {
            name: Generation(digest, version, stamp_text(now))
            for digest in self.wanted
            if (name := generation(digest, version)) not in self.live
        }
        return replace(self, generations={**self.generations, **live})

    def retire_generations(self, names: Iterable[str], now: datetime) -> "Current":
        """Make generations dormant: writers forget them."""
        dormant = {
            name: replace(self.generations[name], since=stamp_text(now), live=False)
            for name in names
        }
        return replace(self, generations={**self.generations, **dormant})

    def amend(self, filling: str, version: int, now: datetime) -> "Current":
        """Fill one definition beside the one in force; none if it is empty."""
        planned = replace(self, filling=filling)
        gone = [name for name, each in self.live.items() if each.digest not in planned.wanted]
        planned = planned.retire_generations(gone, now)
        return planned.join(version, now) if filling else planned

    def activate(self, now: datetime) -> "Current":
        """Bring the definition that was filled into force."""
        moved = replace(self, digest=self.filling, filling="", epoch=self.epoch + 1)
        gone = [name for name, each in self.live.items() if each.digest != moved.digest]
        return moved.retire_generations(gone, now)


@dataclass(frozen=True)
class ShardHeader:
    """A generation's gate in one shard, as read."""

    fence: int
    commits: int
    marks: int
    filled: int

    @property
    def is_stale(self) -> bool:
        """Whether some share may be older than its subject."""
        return self.marks != self.filled


MISSING_HEADER = ShardHeader(fence=0, commits=0, marks=1, filled=0)
"""The gate of a generation that was never made: behind."""


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
    def kept(self) -> bool:
        """Whether this code's generation of the definition in force is live."""
        return any(each is self.study for each in self.counted)

    @property
    def gates(self) -> int:
        """How many gates every transaction touches."""
        return len(self.counted) + len(self.others)


def row_of(name: str, row: str) -> str:
    """Name a generation's row of sums among those of all generations."""
    return f"{name}#{row}"


def header_row(name: str) -> str:
    """Name a generation's gate among the rows of sums of all generations."""
    return row_of(name, STUDY_ROW)


def is_header(row: str) -> bool:
    """Say whether such a name is a gate's."""
    return row.partition("#")[2] == STUDY_ROW


def write_current(study_id: str, current: Current) -> Item:
    """Write the row CURRENT."""
    generations = {
        name: {"M": {"digest": text(each.digest), "version": number(each.version),
                     "since": text(each.since), "live": number(int(each.live))}}
        for name, each in current.generations.items()
    }  # fmt: skip
    decisions = {
        name: {"M": {each: text(of) for each, of in vars(decision).items()}}
        for name, decision in (("retired", current.retired), ("removed", current.removed))
        if decision is not None
    }
    return (
        key(keys.current(study_id))
        | decisions
        | {
            "digest": text(current.digest),
            "epoch": number(current.epoch),
            FENCE: number(current.plan),
            "filling": text(current.filling),
            "generations": {"M": generations},
        }
    )


def read_current(item: Item) -> Current:
    """Read the row CURRENT."""
    generations = {
        name: Generation(
            each["M"]["digest"]["S"],
            int(each["M"]["version"]["N"]),
            each["M"]["since"]["S"],
            each["M"]["live"]["N"] == "1",
        )
        for name, each in item["generations"]["M"].items()
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
    return Decision(**{each: of["S"] for each, of in item[name]["M"].items()})


def read_header(item: Item) -> ShardHeader:
    """Read a gate."""
    fence, commits, marks, filled = (
        int(item[name]["N"]) if name in item else 0 for name in (FENCE, COMMITS, MARKS, FILLED)
    )
    return ShardHeader(fence, commits, marks, filled)


def opened(table: Table, study: Study, current: Current) -> Iterator[Action]:
    """Write CURRENT and the gates of a study that has no events and had no definition."""
    yield table.put(write_current(study.id, current), ABSENT)
    yield from _fresh_gates(table, study, current)


def replaced(
    table: Table, old: Current, shards: int, study: Study, current: Current
) -> Iterator[Action]:
    """Write CURRENT anew while no gate has counted a commit: nothing needs to be filled."""
    yield _current(table, study.id, old, current)
    for at, _ in _gates(study.id, old.live, shards):
        yield _left(table, at, old, current, _UNUSED)
    yield from _fresh_gates(table, study, current)


def replanned(
    table: Table, study_id: str, shards: int, old: Current, new: Current
) -> Iterator[Action]:
    """Write CURRENT anew with the gates of every generation that is, was or becomes live."""
    yield _current(table, study_id, old, new)
    for at, name in _gates(study_id, old.live | new.live, shards):
        if name not in new.live:
            yield _left(table, at, old, new, FENCED)
        elif name in old.live:
            yield table.update(
                at,
                f"SET {FENCE} = :new",
                FENCED,
                ExpressionAttributeValues={
                    ":new": number(new.plan), ":fence": number(old.plan)
                },
            )  # fmt: skip
        else:
            yield table.update(
                at,
                f"SET {FENCE} = :new ADD {MARKS} :one,{COMMITS} :none",
                "",
                ExpressionAttributeValues={
                    ":new": number(new.plan), ":one": number(1), ":none": number(0)
                },
            )  # fmt: skip


def _current(table: Table, study_id: str, old: Current, new: Current) -> Action:
    return table.put(write_current(study_id, new), FENCED, fence=number(old.plan))


def _gates(
    study_id: str, generations: Iterable[str], shards: int
) -> Iterator[tuple[keys.Key, str]]:
    for name in sorted(generations):
        for shard in range(shards):
            yield keys.sum_row(study_id, shard, header_row(name)), name


def _fresh_gates(table: Table, study: Study, current: Current) -> Iterator[Action]:
    for at, _ in _gates(study.id, current.live, study.definition.shards):
        yield table.put(key(at) | {COMMITS: number(0), FENCE: number(current.plan)})


def _left(table: Table, at: keys.Key, old: Current, new: Current, condition: str) -> Action:
    """Mark a gate for good: its generation is not kept any more."""
    values = {":new": number(new.plan), ":one": number(1), ":fence": number(old.plan)}
    if condition == _UNUSED:
        values[":none"] = number(0)
    return table.update(
        at,
        f"SET {FENCE} = :new ADD {MARKS} :one",
        condition,
        ExpressionAttributeValues=values,
    )
