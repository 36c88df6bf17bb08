"""The blocks of live documents in parts that are made side by side, each by a process of its own.

What subjects show together decides for each block, so all are surveyed first, shard by shard: the
subjects' ids and the survey of a shard stand in a piece until the blocks are made. Then each part
makes some of the blocks, for every audience, and keeps an index of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import field

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.reporting.blocks import in_blocks
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import unfinished
from trial.reporting.live.contents import BlocksFromRows, ChangedRows, PiecesInUse
from trial.reporting.live.state import inputs_of
from trial.reporting.spool import Spool
from trial.store.bucket.pieces import Pieces
from trial.tables.discrepancies.across import CrossSubjectSurvey

MOST_PARTS = 64
"""How many parts there are at most: of 400,000 subjects each has some 6,000."""
SURVEY = "survey-"


@dataclass
class Surveyed:
    """All subjects' ids, and what they show together."""

    ids: list[str] = field(default_factory=list)
    survey: CrossSubjectSurvey = field(default_factory=CrossSubjectSurvey)

    @property
    def blocks(self) -> Sequence[Sequence[str]]:
        """The ids of the subjects of each block."""
        return list(in_blocks(sorted(self.ids), str))

    @property
    def parts(self) -> int:
        """How many parts the blocks are made in: none has fewer than are kept together, but one."""
        return min(MOST_PARTS, -(-len(self.blocks) // unfinished.AT_ONCE))

    def ids_of(self, part: int, parts: int) -> list[str]:
        """Return whose blocks a part has, one part beside the other."""
        blocks = self.blocks
        first, last = (len(blocks) * number // parts for number in (part, part + 1))
        return [name for block in blocks[first:last] for name in block]


@dataclass(frozen=True)
class LiveParts:
    """What the parts of a study's live documents are made with."""

    writer: DocumentWriter
    study: Study
    epoch: int

    @property
    def inputs(self) -> str:
        """The digest of what decides them."""
        return self._inputs(self.study)

    def survey(self, shard: int) -> None:
        """Keep what the subjects of a shard show together: a million take some minutes."""
        ids, survey = [], CrossSubjectSurvey()
        for row in self.writer.store.shard_rows(self.study, shard):
            ids.append(row.subject.id)
            survey.add(row.subject)
        document = {"inputs": self.inputs, "ids": ids, "survey": survey.document()}
        self._pieces(self.study).write_document(_survey_name(shard), document)

    def surveyed(self) -> Surveyed | None:
        """Return what all subjects show together; None where a shard is not surveyed."""
        total, pieces = Surveyed(), self._pieces(self.study)
        for shard in range(self.study.definition.shards):
            document = pieces.read_document(_survey_name(shard))
            if document is None or document["inputs"] != self.inputs:
                return None
            total.ids += document["ids"]
            total.survey.add_surveyed(document["survey"])
        return total

    def make_blocks(self, part: int, parts: int, note: Callable[[], None]) -> None:
        """Make and keep the blocks of a part, for every audience; `note` is told of each some."""
        surveyed = self.surveyed()
        if surveyed is None:
            return
        names = frozenset(surveyed.ids_of(part, parts))
        with Spool() as rows_spool:
            changes = ChangedRows(
                self.writer.store, self.study, names, rows_spool, self.writer.beat
            )
            for view in self.study.views:
                with Spool() as spool:
                    in_use = PiecesInUse(self._pieces(view), self._inputs(view), spool)
                    disputes = list(self.writer.store.disputes(view))
                    making = BlocksFromRows(
                        view, changes.rows, disputes, surveyed.survey, in_use, part
                    )
                    for _ in making.complete(self.writer.beat, lambda *_counts: note()):
                        pass

    def forget_survey(self) -> None:
        """Delete what the survey kept."""
        self._pieces(self.study).clear(SURVEY)

    def _inputs(self, view: Study) -> str:
        return inputs_of(view, self.epoch, self.writer.code_version)

    def _pieces(self, view: Study) -> Pieces:
        return self.writer.documents.pieces(view.id, view.audience)


def _survey_name(shard: int) -> str:
    return f"{SURVEY}{shard:02}"
