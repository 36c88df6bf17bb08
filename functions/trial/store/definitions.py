"""Which definition of a study is in force, and which one is being filled beside it."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from trial.definition import study as studies
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events.fields import is_identifier
from trial.events.json_body import canonical, read_json
from trial.store import amendments, keys
from trial.store.generations import (
    ACTIONS,
    Current,
    Decision,
    WritePlan,
    header_row,
    opened,
    read_current,
    read_header,
    replaced,
    replanned,
)
from trial.store.rows import stamp_text
from trial.store.subject_update import ITEM_BYTES
from trial.store.table import Action, Item, Table, TransactionCancelled, Value, binary, key, key_of

LIFE = timedelta(seconds=30)
"""How long a process may go on with what it read before it looks at CURRENT again."""

type Made = Literal["created", "filling", "cancelled"]
type Put = Made | Literal["same"]
"""In force now; in force already; being filled first; the filling of another given up."""

_TRIES = 5
_NOT_REMOVED = "Study not removed"


def known(study_id: str) -> str:
    """Give a study's id back, or raise `Rejected` (404) where it cannot be any study's."""
    if not is_identifier(study_id):
        raise _not_found()
    return study_id


@dataclass(frozen=True)
class CachedStudy:
    """What this process read of a study, and when."""

    read_at: datetime
    current: Current
    plan: WritePlan


class Definitions:
    """A table's definitions, kept in this process for a short while."""

    def __init__(self, table: Table, now: Callable[[], datetime], version: int | None) -> None:
        self._table = table
        self._now = now
        self._version = version
        self._fresh: dict[str, CachedStudy] = {}
        self._parsed: dict[str, Study] = {}

    @property
    def version(self) -> int:
        """Which version of the contributions this process computes."""
        return studies.CONTRIBUTION_VERSION if self._version is None else self._version

    def put(
        self, study: Study, source: str | bytes, decision: Decision, *, unblinds: bool = False
    ) -> Put:
        """Bring a definition into force: at once while the study has no events, else by Fill.

        Refused (403) where it opens a study that is blinded, unless the decision is to do that.
        """
        body = canonical(read_json(source))
        if len(body.encode()) > ITEM_BYTES:
            raise Rejected(413, "Definition too large", f"more than {ITEM_BYTES} bytes")
        kept = key(keys.definition(study.id, study.digest)) | {"body": _packed(body)}
        for _ in range(_TRIES):
            current = self.current(study.id)
            if current and current.retired:
                raise retired_error()
            if current and current.digest == study.digest and not current.filling:
                return "same"
            if current and current.filling == study.digest:
                return "filling"
            if current and not unblinds:
                self._check_blinded(study, current)
            made, actions = self._change(study, current)
            digests = study.digest, current.digest if current else ""
            number = current.plan + 1 if current else 1
            told = amendments.put(self._table, study.id, number, made, digests, decision)
            try:
                self._table.write([self._table.put(kept), told, *actions])
            except TransactionCancelled:
                continue
            self.forget(study.id)
            return made
        raise Unavailable("the definition is being written to")

    def _check_blinded(self, study: Study, current: Current) -> None:
        if study.definition.blinded or not self.load(study.id, current.digest).definition.blinded:
            return
        detail = f"POST /studies/{study.id}/unblind, with a reason, opens a blinded study"
        raise Rejected(403, "Unblinding has a route of its own", detail)

    def current(self, study_id: str) -> Current | None:
        """Read what is in force; None for a study that has no definition."""
        item = self._table.get(keys.current(study_id))
        return read_current(item) if item else None

    def get(self, study_id: str) -> Study:
        """Give the study in force; raises `Rejected` (404) where there is none."""
        return self.plan(study_id).study

    def plan(self, study_id: str) -> WritePlan:
        """Say what a writer must keep; raises `Rejected` (404) where there is no definition."""
        found = self._fresh.get(known(study_id))
        if found is None or self._now() - found.read_at >= LIFE:
            found = self._fresh[study_id] = self._read(study_id)
        return found.plan

    def renewed(self, study_id: str) -> WritePlan:
        """Say what a writer must keep now, past what this process remembers."""
        self.forget(study_id)
        return self.plan(study_id)

    def forget(self, study_id: str) -> None:
        """Look again at the next use."""
        self._fresh.pop(study_id, None)

    def join(self, study_id: str) -> WritePlan:
        """Make this code's generations live, if they are not: they then wait to be filled."""
        for _ in range(_TRIES):
            known_now = self._fresh[known(study_id)] = self._read(study_id)
            current = known_now.current
            joined = current.join(self.version, self._now())
            if joined.live.keys() == current.live.keys():
                return known_now.plan
            try:
                self.replan(known_now.plan.study, current, joined)
            except Rejected as rejected:
                raise Unavailable("too many generations are live") from rejected
        raise Unavailable("the study's generations are being changed")

    def replan(self, study: Study, old: Current, new: Current) -> bool:
        """Change the plan; say whether it still was as it was read."""
        new = replace(new, plan=old.plan + 1)
        shards = study.definition.shards
        actions = _fitting(list(replanned(self._table, study.id, shards, old, new)))
        if new.digest != old.digest:
            filled = Decision(stamp_text(self._now()), "", "")
            digests = new.digest, old.digest
            actions.append(
                amendments.put(self._table, study.id, new.plan, "in force", digests, filled)
            )
        try:
            self._table.write(actions)
        except TransactionCancelled:
            return False
        finally:
            self.forget(study.id)
        return True

    def retire(self, study_id: str, decision: Decision) -> Decision:
        """Let a study only be read from now on; give the decision by which it is, for ever.

        The fence moves, so no writer commits by what it knew before.
        """
        for _ in range(_TRIES):
            found = self._read(known(study_id))
            if found.current.retired:
                return found.current.retired
            given_up = found.current.amend("", self.version, self._now())
            if self.replan(found.plan.study, found.current, replace(given_up, retired=decision)):
                return decision
        raise Unavailable("the study's generations are being changed")

    def remove(self, study_id: str, decision: Decision) -> None:
        """Decide that all of a retired study is deleted; refused (409) while it must be kept."""
        for _ in range(_TRIES):
            found = self._read(known(study_id))
            if found.current.retired is None:
                raise Rejected(409, _NOT_REMOVED, "it is not retired")
            until = _kept_until(found.current.retired, found.plan.study.definition.retention)
            if decision.at < until:
                raise Rejected(409, _NOT_REMOVED, f"it is kept until {until[:10]}")
            removed = replace(found.current, removed=decision)
            if self.replan(found.plan.study, found.current, removed):
                return
        raise Unavailable("the study's generations are being changed")

    def load(self, study_id: str, digest: str) -> Study:
        """Read a definition by its digest, as this code's contributions count it."""
        if digest in self._parsed:
            return self._parsed[digest]
        item = self._table.get(keys.definition(study_id, digest))
        if item is None:
            raise Unavailable("the definition in force is missing")
        study = self._parsed[digest] = studies.load(_unpacked(item), self.version)
        return study

    def source(self, study_id: str, digest: str) -> str:
        """Read a definition that the study ever had, as it is kept; raises `Rejected` (404)."""
        item = self._table.get(keys.definition(known(study_id), digest))
        if item is None:
            raise Rejected(404, "No such definition")
        return _unpacked(item)

    def _read(self, study_id: str) -> CachedStudy:
        read_at = self._now()
        current = self.current(study_id)
        if current is None or current.removed:
            raise _not_found()
        own = [self.load(study_id, digest) for digest in current.wanted]
        counted = tuple(each for each in own if each.generation in current.live)
        others = current.live.keys() - {each.generation for each in counted}
        others_too = tuple(sorted(others))
        plan = WritePlan(current.plan, own[0], counted, others_too, retired=bool(current.retired))
        return CachedStudy(read_at, current, plan)

    def _change(self, study: Study, current: Current | None) -> tuple[Made, list[Action]]:
        if current is None:
            listed = self._table.put(key(keys.listed(study.id)))
            opening = opened(self._table, study, self._alone(study, 1, 1))
            return "created", [listed, *opening]
        old = self.load(study.id, current.digest)
        if current.digest != study.digest and self._unused(old, current):
            fresh = self._alone(study, current.epoch + 1, current.plan + 1)
            actions = list(replaced(self._table, current, old.definition.shards, study, fresh))
            return "created", _fitting(actions)
        shards = study.definition.shards
        if old.definition.shards != shards:
            detail = "a study that has recorded events keeps its number of shards"
            raise Rejected(409, "Definition cannot be replaced", detail)
        filling = "" if current.digest == study.digest else study.digest
        amended = current.amend(filling, self.version, self._now())
        amended = replace(amended, plan=current.plan + 1)
        actions = list(replanned(self._table, study.id, shards, current, amended))
        return ("filling" if filling else "cancelled"), _fitting(actions)

    def _alone(self, study: Study, epoch: int, plan: int) -> Current:
        """Make the plan of a study without events: nothing is behind."""
        alone = Current(study.digest, epoch, plan, "", {})
        return alone.join(self.version, self._now())

    def _unused(self, study: Study, current: Current) -> bool:
        """Say whether no event was recorded: every sum is exact, and none has changed yet."""
        if study.generation not in current.live:
            return False
        wanted = [
            keys.sum_row(study.id, shard, header_row(name))
            for name in current.live
            for shard in range(study.definition.shards)
        ]
        found = [(key_of(item), read_header(item)) for item in self._table.get_batch(wanted)]
        own = keys.sums(study.generation)
        return all(
            gate.commits == 0 and not (at[1].startswith(own) and gate.is_stale)
            for at, gate in found
        )


def _packed(body: str) -> Value:
    """Write a definition small: every process reads it, whatever little it has to do."""
    return binary(zlib.compress(body.encode(), level=9))


def _unpacked(item: Item) -> str:
    """Read a definition's text, which earlier releases wrote as it is."""
    body = item["body"]
    return str(body["S"]) if "S" in body else zlib.decompress(body["B"]).decode()


def _fitting(actions: list[Action]) -> list[Action]:
    if len(actions) + 2 > ACTIONS:  # the definition's own row and who put it come with them
        detail = "too many definitions and releases are being filled at once: put it again later"
        raise Rejected(409, "Definition cannot be replaced now", detail)
    return actions


def retired_error() -> Rejected:
    """Refuse what a retired study does not take."""
    return Rejected(409, "Study is retired", "it is only read: it takes no events any more")


def _kept_until(retired: Decision, years: int) -> str:
    """Say when a study's retention ends: so many years after it was retired, to the day."""
    year, rest = retired.at.split("-", maxsplit=1)
    return f"{int(year) + years:04}-{rest}"


def _not_found() -> Rejected:
    return Rejected(404, "Study not found", "no definition was put for it")
