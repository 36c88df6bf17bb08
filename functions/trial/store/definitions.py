"""Which definition of a study is in force, and which one is being filled beside it."""

import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from trial.deferred import dataclass
from trial.definition import study as studies
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events.fields import is_identifier
from trial.events.json_body import canonical, read_json
from trial.store import amendments, keys
from trial.store.generations import (
    TRANSACTION_ACTIONS,
    Current,
    Decision,
    WritePlan,
    change_plan,
    header_row,
    open_study,
    read_current,
    read_header,
    replace_unused,
)
from trial.store.rows import stamp_text
from trial.store.subject_update import ITEM_BYTES
from trial.store.table import (
    Action,
    Item,
    Table,
    TransactionCancelled,
    Value,
    binary,
    key,
    sort_key,
    text,
)

CACHE_LIFETIME = timedelta(seconds=30)
"""How long a process may go on with what it read before it reads CURRENT again."""

type ChangeStatus = Literal["created", "backfilling", "cancelled"]
type PutStatus = ChangeStatus | Literal["unchanged"]
"""In force now; being backfilled first; the backfill of another cancelled; in force already."""

_TRIES = 5
_NOT_REMOVED = "Study not deleted"


def validated_study_id(study_id: str) -> str:
    """Return a study's id, or raise `Rejected` (404) where it cannot be any study's."""
    if not is_identifier(study_id):
        raise _not_found()
    return study_id


def check_stays_blinded(in_force: Study, proposed: Study) -> None:
    """Refuse (403) a definition that would open a study which is blinded."""
    if in_force.definition.blinded and not proposed.definition.blinded:
        detail = f"to unblind the study, use POST /studies/{proposed.id}/unblind with a `reason`"
        raise Rejected(403, "Study cannot be unblinded by PUT", detail)


@dataclass(frozen=True)
class CachedStudy:
    """What this process read of a study, and when."""

    read_at: datetime
    current: Current
    plan: WritePlan


class Definitions:
    """A table's definitions, kept in this process for a short while."""

    def __init__(
        self, table: Table, now: Callable[[], datetime], version: int | None, language: str
    ) -> None:
        self._table = table
        self._now = now
        self._version = version
        self._language = language
        self._cache: dict[str, CachedStudy] = {}
        self._parsed: dict[str, Study] = {}
        self._validated: list[Study] = []
        """Those that this process had to validate."""

    @property
    def version(self) -> int:
        """Which version of the contributions this process computes."""
        return studies.CONTRIBUTION_VERSION if self._version is None else self._version

    def put(
        self,
        study: Study,
        source: str | bytes,
        decision: Decision,
        *,
        unblinds: bool = False,
        compared_with: str = "",
    ) -> PutStatus:
        """Bring a definition into force: at once while the study has no events, else by Fill.

        Refused: 403 where it opens a study that is blinded, unless the decision is to do that; 409
        where the decision was made beside another definition than the one in force.
        """
        stored = self._stored(study, source)
        for _ in range(_TRIES):
            current = self.current(study.id)
            if current and current.retired:
                raise retired_error()
            if compared_with and (current is None or current.digest != compared_with):
                detail = "another definition has come into force meanwhile: check it again"
                raise Rejected(409, "Definition changed meanwhile", detail)
            if current and current.digest == study.digest and not current.backfilling:
                return "unchanged"
            if current and current.backfilling == study.digest:
                return "backfilling"
            if current and not unblinds:
                check_stays_blinded(self.load(study.id, current.digest), study)
            status, actions = self._change(study, current)
            digests = study.digest, current.digest if current else ""
            plan_number = current.plan_number + 1 if current else 1
            amendment = amendments.put_action(
                self._table, study.id, plan_number, status, digests, decision
            )
            try:
                self._table.write([stored, amendment, *actions])
            except TransactionCancelled:
                continue
            self.invalidate(study.id)
            return status
        raise Unavailable("the definition is being written to")

    def _stored(self, study: Study, source: str | bytes) -> Action:
        """Return what writes a definition, and how it was posted where that is not the same.

        What was kept of an earlier posting stays.
        """
        body = study.source or canonical(read_json(source))
        size = len(body.encode())
        if size > ITEM_BYTES:
            pieces = ", ".join(part.piece for part in study.definition.extended)
            whole = f", with what it extends ({pieces})," if pieces else ""
            detail = f"as canonical JSON it has{whole} {size} bytes; at most {ITEM_BYTES}"
            raise Rejected(413, "Definition too large", detail)
        values = {":body": _compressed(body)}
        if study.posted:
            values[":posted"] = _compressed(study.posted)
        if sum(map(_bytes, values.values())) > ITEM_BYTES:
            detail = f"as it is stored, compressed, it may have at most {ITEM_BYTES} bytes"
            raise Rejected(413, "Definition too large", detail)
        changes, values = self._with_validated(study, values)
        return self._table.update(
            keys.definition(study.id, study.digest), changes, "",
            ExpressionAttributeValues=values,
        )  # fmt: skip

    def _with_validated(
        self, study: Study, values: dict[str, Value]
    ) -> tuple[str, dict[str, Value]]:
        """Return what writes values of a definition's row, and what this release validated.

        Where that is too large beside them, the row is left without it, and validated when read.
        """
        if not self._language:
            return _set(values), values
        validated = _compressed(studies.validated_text(study))
        if sum(map(_bytes, [*values.values(), validated])) > ITEM_BYTES:
            return f"{_set(values)} REMOVE validated, validated_by", values
        values = values | {":validated": validated, ":validated_by": text(self._language)}
        return _set(values), values

    def current(self, study_id: str) -> Current | None:
        """Read what is in force; None for a study that has no definition."""
        item = self._table.get(keys.current(study_id))
        return read_current(item) if item else None

    def get(self, study_id: str) -> Study:
        """Return the study in force; raises `Rejected` (404) where there is none."""
        return self.plan(study_id).study

    def plan(self, study_id: str) -> WritePlan:
        """Return what a writer must keep; raises `Rejected` (404) where there is no definition."""
        cached = self._cache.get(validated_study_id(study_id))
        if cached is None or self._now() - cached.read_at >= CACHE_LIFETIME:
            cached = self._cache[study_id] = self._read(study_id)
        return cached.plan

    def reload_plan(self, study_id: str) -> WritePlan:
        """Return what a writer must keep now, past the cache."""
        self.invalidate(study_id)
        return self.plan(study_id)

    def invalidate(self, study_id: str) -> None:
        """Drop what is cached of a study: the next use reads it again."""
        self._cache.pop(study_id, None)

    def join(self, study_id: str) -> WritePlan:
        """Make this code's generations live, if they are not: they then wait to be filled."""
        for _ in range(_TRIES):
            cached = self._cache[validated_study_id(study_id)] = self._read(study_id)
            current = cached.current
            joined = current.join(self.version, self._now())
            if joined.live.keys() == current.live.keys():
                return cached.plan
            try:
                self.replan(cached.plan.study, current, joined)
            except Rejected as rejected:
                raise Unavailable("too many generations are live") from rejected
        raise Unavailable("the study's generations are being changed")

    def replan(self, study: Study, old: Current, new: Current) -> bool:
        """Change the plan; say whether it still was as it was read."""
        new = replace(new, plan_number=old.plan_number + 1)
        shards = study.definition.shards
        actions = _fitting(list(change_plan(self._table, study.id, shards, old, new)))
        if new.digest != old.digest:
            activation = Decision(stamp_text(self._now()), "", "")
            digests = new.digest, old.digest
            actions.append(
                amendments.put_action(
                    self._table, study.id, new.plan_number, "in force", digests, activation
                )
            )
        try:
            self._table.write(actions)
        except TransactionCancelled:
            return False
        finally:
            self.invalidate(study.id)
        return True

    def retire(self, study_id: str, decision: Decision) -> Decision:
        """Make a study read-only for ever; return the decision by which it is.

        The fence moves, so no writer commits by what it knew before.
        """
        for _ in range(_TRIES):
            study = self._read(validated_study_id(study_id))
            if study.current.retired:
                return study.current.retired
            without_backfill = study.current.amend("", self.version, self._now())
            retired = replace(without_backfill, retired=decision)
            if self.replan(study.plan.study, study.current, retired):
                return decision
        raise Unavailable("the study's generations are being changed")

    def remove(self, study_id: str, decision: Decision) -> None:
        """Decide that all of a retired study is deleted; refused (409) while it must be kept."""
        for _ in range(_TRIES):
            study = self._read(validated_study_id(study_id))
            retired = study.current.retired
            if retired is None:
                detail = f"the study must be retired first: POST /studies/{study_id}/retire"
                raise Rejected(409, _NOT_REMOVED, detail)
            until = _retention_end(retired, study.plan.study.definition.retention)
            if decision.at < until:
                detail = f"its retention period ends on {until[:10]}"
                raise Rejected(409, _NOT_REMOVED, detail)
            removed = replace(study.current, removed=decision)
            if self.replan(study.plan.study, study.current, removed):
                return
        raise Unavailable("the study's generations are being changed")

    def load(self, study_id: str, digest: str) -> Study:
        """Read a definition by its digest, as this code's contributions count it."""
        if digest in self._parsed:
            return self._parsed[digest]
        item = self._table.get(keys.definition(study_id, digest))
        if item is None:
            raise Unavailable("the definition in force is missing")
        source = _decompressed(item)
        if self._language and item.get("validated_by") == text(self._language):
            validated = _decompressed(item, "validated")
            study = studies.restored(validated, digest, source, self.version)
        else:
            study = studies.load(source, self.version)
            self._validated.append(study)
        self._parsed[digest] = study
        return study

    def keep_validated(self) -> None:
        """Keep with definitions what this process validated, so that its release need not again.

        Those of another release are replaced: each validates for itself.
        """
        validated, self._validated = self._validated, []
        for study in validated if self._language else ():
            item_key = keys.definition(study.id, study.digest)
            item = self._table.get(item_key)
            if item is None:  # the study was deleted meanwhile
                continue
            values = {f":{name}": item[name] for name in ("body", "posted") if name in item}
            changes, values = self._with_validated(study, values)
            condition = "attribute_exists(body)"
            action = self._table.update(
                item_key, changes, condition, ExpressionAttributeValues=values
            )
            with suppress(TransactionCancelled):  # deleted, or another process keeps the same
                self._table.write([action])

    def source(self, study_id: str, digest: str) -> tuple[str, str]:
        """Return a definition that the study ever had, as it is stored and as it was posted.

        The latter is '' where it is the same. Raises `Rejected` (404).
        """
        item = self._table.get(keys.definition(validated_study_id(study_id), digest))
        if item is None:
            detail = "the study never had a definition with this digest"
            raise Rejected(404, "Definition not found", detail)
        return _decompressed(item), _decompressed(item, "posted") if "posted" in item else ""

    def _read(self, study_id: str) -> CachedStudy:
        read_at = self._now()
        current = self.current(study_id)
        if current is None or current.removed:
            raise _not_found()
        studies_needed = [self.load(study_id, digest) for digest in current.needed_digests]
        counted = tuple(study for study in studies_needed if study.generation in current.live)
        other_generations = tuple(
            sorted(current.live.keys() - {study.generation for study in counted})
        )
        retired = bool(current.retired)
        plan = WritePlan(
            current.plan_number, studies_needed[0], counted, other_generations, retired
        )
        return CachedStudy(read_at, current, plan)

    def _change(self, study: Study, current: Current | None) -> tuple[ChangeStatus, list[Action]]:
        if current is None:
            entry = self._table.put(key(keys.study_entry(study.id)))
            opening = open_study(self._table, study, self._without_events(study, 1, 1))
            return "created", [entry, *opening]
        old = self.load(study.id, current.digest)
        if current.digest != study.digest and self._has_no_events(old, current):
            replacement = self._without_events(study, current.epoch + 1, current.plan_number + 1)
            old_shards = old.definition.shards
            actions = list(replace_unused(self._table, current, old_shards, study, replacement))
            return "created", _fitting(actions)
        shards = study.definition.shards
        if old.definition.shards != shards:
            detail = "`shards` cannot change once events are recorded"
            raise Rejected(409, "Definition cannot be replaced", detail)
        backfilling = "" if current.digest == study.digest else study.digest
        amended = current.amend(backfilling, self.version, self._now())
        amended = replace(amended, plan_number=current.plan_number + 1)
        actions = list(change_plan(self._table, study.id, shards, current, amended))
        return ("backfilling" if backfilling else "cancelled"), _fitting(actions)

    def _without_events(self, study: Study, epoch: int, plan: int) -> Current:
        """Return the plan of a study without events: nothing is stale."""
        return Current(study.digest, epoch, plan, "", {}).join(self.version, self._now())

    def _has_no_events(self, study: Study, current: Current) -> bool:
        """Return whether no event was recorded: every sum is exact, and none has changed yet."""
        if study.generation not in current.live:
            return False
        header_keys = [
            keys.sum_row(study.id, shard, header_row(name))
            for name in current.live
            for shard in range(study.definition.shards)
        ]
        own_prefix = keys.sum_prefix(study.generation)
        headers = [
            (read_header(item), sort_key(item).startswith(own_prefix))
            for item in self._table.get_batch(header_keys)
        ]
        return all(
            header.commits == 0 and not (is_own and header.is_stale) for header, is_own in headers
        )


def _bytes(value: Value) -> int:
    """Return the size of a definition's text: as bytes, or as earlier releases wrote it."""
    return len(value["B"] if "B" in value else value["S"].encode())


def _set(values: Mapping[str, Value]) -> str:
    return "SET " + ", ".join(f"{name[1:]} = {name}" for name in values)


def _compressed(body: str) -> Value:
    """Write a definition small: every process reads it, whatever little it has to do."""
    return binary(zlib.compress(body.encode(), level=9))


def _decompressed(item: Item, name: str = "body") -> str:
    """Read a definition's text, which earlier releases wrote as it is."""
    body = item[name]
    return str(body["S"]) if "S" in body else zlib.decompress(body["B"]).decode()


def _fitting(actions: list[Action]) -> list[Action]:
    if (
        len(actions) + 2 > TRANSACTION_ACTIONS
    ):  # the definition's own row and who put it come with them
        detail = "too many definitions and releases are being prepared at once; retry later"
        raise Rejected(409, "Definition cannot be replaced now", detail)
    return actions


def retired_error() -> Rejected:
    """Return the refusal of what a retired study does not take."""
    return Rejected(
        409,
        "Study is retired",
        "A retired study is read-only.",
    )


def _retention_end(retired: Decision, years: int) -> str:
    """Return when a study's retention ends: so many years after it was retired, to the day."""
    year, month_and_later = retired.at.split("-", maxsplit=1)
    return f"{int(year) + years:04}-{month_and_later}"


def _not_found() -> Rejected:
    detail = "No definition has been uploaded for this study: see PUT /studies/{study}/definition."
    return Rejected(404, "Study not found", detail)
