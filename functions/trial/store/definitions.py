"""Which definition of a study is in force, and the gates that end a generation of sums.

A generation's sums begin, in every shard, with the row that every transaction adds to on
condition that it is there. That row is the generation's gate: while none of them has counted a
commit, one transaction can take them away, put those of another definition in their place and
move CURRENT; a writer that still holds the old definition is refused by the store itself.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from trial import study as studies
from trial.errors import Rejected, Unavailable
from trial.messages import canonical, is_identifier, read_json
from trial.store import keys
from trial.store.drafts import ACTIONS, ITEM_BYTES, STUDY_ROW
from trial.store.rows import COMMITS, Current
from trial.store.table import ABSENT, Action, Cancelled, Table, key, number, text
from trial.study import Study

LIFE = timedelta(seconds=30)
"""How long a process may go on with what it read before it looks at CURRENT again."""

_TRIES = 5
_AS_READ = "digest = :digest AND epoch = :epoch"
_UNUSED = "commits = :none"


def known(study_id: str) -> str:
    """Give a study's id back, or raise `Rejected` (404) where it cannot be any study's."""
    if not is_identifier(study_id):
        raise _not_found()
    return study_id


class Definitions:
    """A table's definitions, kept in this process for a short while."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now
        self._fresh: dict[str, tuple[datetime, Study]] = {}
        self._parsed: dict[str, Study] = {}

    def put(self, study: Study, source: str | bytes) -> Literal["created", "same"]:
        """Bring a definition into force; raises `Rejected` (409) once the study has events."""
        body = canonical(read_json(source))
        if len(body.encode()) > ITEM_BYTES:
            raise Rejected(413, "Definition too large", f"more than {ITEM_BYTES} bytes")
        for _ in range(_TRIES):
            current = self.current(study.id)
            if current and (current.digest, current.generation) == (study.digest, study.generation):
                return "same"
            try:
                self._table.write(self._replacement(study, body, current))
            except Cancelled as cancelled:
                if current and _only_gates_refused(cancelled.codes):
                    raise _running() from cancelled
            else:
                self.forget(study.id)
                return "created"
        raise Unavailable("the definition is being written to")

    def current(self, study_id: str) -> Current | None:
        """Read what is in force; None for a study that has no definition."""
        item = self._table.get(keys.current(study_id))
        if item is None:
            return None
        digest, generation = item["digest"]["S"], item["generation"]["S"]
        return Current(digest, generation, int(item["epoch"]["N"]))

    def get(self, study_id: str) -> Study:
        """Give the study in force; raises `Rejected` (404) where there is none."""
        read_at, study = self._fresh.get(known(study_id), (None, None))
        if study is not None and read_at is not None and self._now() - read_at < LIFE:
            return study
        read_at = self._now()
        current = self.current(study_id)
        if current is None:
            raise _not_found()
        study = self._parsed.get(current.digest) or self._load(study_id, current.digest)
        self._fresh[study_id] = read_at, study
        return study

    def forget(self, study_id: str) -> None:
        """Look again at the next use."""
        self._fresh.pop(study_id, None)

    def _load(self, study_id: str, digest: str) -> Study:
        item = self._table.get(keys.definition(study_id, digest))
        if item is None:
            raise Unavailable("the definition in force is missing")
        study = self._parsed[digest] = studies.load(item["body"]["S"])
        return study

    def _replacement(self, study: Study, body: str, current: Current | None) -> list[Action]:
        """Move CURRENT, and the gates with it: the definition and CURRENT come first."""
        old = self._gates(study.id, current)
        if 2 + len(old) + study.definition.shards > ACTIONS:
            if current is not None:
                raise _running()
            detail = f"at most {ACTIONS - 2} shards fit into the transaction that opens them"
            raise Rejected(422, "Definition not accepted", detail)
        kept = key(keys.definition(study.id, study.digest)) | {"body": text(body)}
        moved = key(keys.current(study.id)) | {
            "digest": text(study.digest),
            "generation": text(study.generation),
            "epoch": number(current.epoch + 1 if current else 1),
        }
        return [
            self._table.put(kept),
            self._table.put(
                moved, _AS_READ, digest=text(current.digest), epoch=number(current.epoch)
            )
            if current
            else self._table.put(moved, ABSENT),
            *(self._table.delete(gate, _UNUSED, none=number(0)) for gate in old),
            *(
                self._table.put(key(gate) | {COMMITS: number(0)})
                for gate in gates(study, study.generation)
            ),
        ]

    def _gates(self, study_id: str, current: Current | None) -> list[keys.Key]:
        if current is None:
            return []
        return gates(self._load(study_id, current.digest), current.generation)


def gates(study: Study, generation: str) -> list[keys.Key]:
    """List a generation's gates, one a shard."""
    shards = range(study.definition.shards)
    return [keys.sum_row(study.id, number, generation, STUDY_ROW) for number in shards]


def _only_gates_refused(codes: Sequence[str]) -> bool:
    """Say whether CURRENT was as it was read, and a gate has counted commits."""
    return list(codes[:2]) == ["None", "None"] and "ConditionalCheckFailed" in codes


def _not_found() -> Rejected:
    return Rejected(404, "Study not found", "no definition was put for it")


def _running() -> Rejected:
    detail = (
        "the study has recorded events: amendments of a running study come with generations,"
        " in a later release"
    )
    return Rejected(409, "Definition cannot be replaced", detail)
