"""The participant flow: who was assessed, enrolled, treated, followed and analysed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from trial.deferred import dataclass
from trial.definition.design import Arm
from trial.definition.flow import FlowBox, FlowDefinition, FlowStage, Identity
from trial.definition.outputs import CellRef
from trial.definition.references import find_row
from trial.rules import Rules
from trial.rules.categories import level_text
from trial.rules.matching import Test, refused
from trial.statistics.cells import Cells, Share
from trial.subject.derivation import Derivation
from trial.tables.bidi import isolated
from trial.tables.compiling import level_finder
from trial.tables.grid import NOT_REPORTED, Box, Flow, Stage
from trial.tables.rows.kinds import put_cell

FLOW_ROW = "flow#0"
_DESIGNS = {"single-group": "single group", "parallel": "parallel groups", "crossover": "crossover"}
LevelFinder = Callable[[Derivation], Iterable[str]]
NOBODY: Mapping[str, int] = {}
UNREPORTED = "Reason not reported"
"""What stands in place of a reason that nobody gave."""


@dataclass(frozen=True)
class CompiledBox:
    """A compiled box: of all subjects, or one of each arm."""

    definition: FlowBox
    test: Test
    reasons: LevelFinder | None
    arms: Sequence[Arm]
    zero_counts: bool

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject in the box and, in a box with reasons, at its reason."""
        if not self.test(derivation):
            return
        name = self._name(derivation.planned_arm) if self.arms else self.definition.id
        put_cell(share, FLOW_ROW, name, 1)
        if self.reasons is not None:
            reason = next(filter(None, self.reasons(derivation)), "")  # the first by date
            put_cell(share, FLOW_ROW, f"{name}={reason}", 1)

    def _name(self, arm: str | None) -> str:
        return f"{self.definition.id}@{arm or ''}"

    def side(self, cells: Cells) -> Iterator[Box]:
        """Read a side box: where nobody left, in any arm, it need not be shown."""
        boxes = list(self.read(cells))
        is_shown = self.zero_counts or any(box.n != 0 for box in boxes)
        return (replace(box, shown=is_shown) for box in boxes)

    def read(self, cells: Cells, not_due_counts: Mapping[str, int] = NOBODY) -> Iterator[Box]:
        """Read the box, or one of each arm; n is None where none was ever reported."""
        if not self.arms:
            box = self._read(cells, self.definition.id, "")
            yield replace(box, not_due=not_due_counts.get(box.id))
            return
        for arm in self.arms:
            yield self._read(cells, self._name(arm.id), arm.label)
        if self._name(None) in cells:
            yield self._read(cells, self._name(None), "No arm")

    def _read(self, cells: Cells, name: str, arm: str) -> Box:
        box = self.definition
        n: int | None = cells.get(name, 0)
        if not n and box.absent:
            n = None
        reason_values = box.reasons.values if box.reasons else []
        names = {level_text(reason.value): reason.label for reason in reason_values}
        start = f"{name}="
        counts = {cell[len(start) :]: n for cell, n in cells.items() if cell.startswith(start)}
        further = sorted(counts.keys() - names.keys(), key=lambda text: (-counts[text], text))
        labels = names | {text: text or UNREPORTED for text in further}
        reasons = tuple(
            (label, counts.get(text, 0))
            for text, label in labels.items()
            if text in counts or (self.zero_counts and n is not None)
        )
        return Box(box.id, box.label, n, reasons, arm, box.absent or NOT_REPORTED)


@dataclass(frozen=True)
class CompiledFlow:
    """The compiled flow of a definition."""

    definition: FlowDefinition
    design: str
    stages: Sequence[tuple[CompiledBox, Sequence[CompiledBox]]]

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject in every box it belongs to."""
        for box, side in self.stages:
            for counted_box in (box, *side):
                counted_box.contribute(derivation, share)

    @property
    def not_due_cells(self) -> Mapping[str, CellRef]:
        """The cells that count subjects who may still come into a box, by the box's id."""
        boxes = (box.definition for box, _ in self.stages)
        return {box.id: box.not_due for box in boxes if box.not_due is not None}

    def read(self, sums: Share, not_due_counts: Mapping[str, int] = NOBODY) -> Flow:
        """Read the flow, given who may still come into a box.

        An identity that does not hold is a discrepancy, shown and not hidden.
        """
        cells = sums.get(FLOW_ROW, {})
        stages = tuple(
            Stage(
                definition.id,
                definition.label,
                tuple(box.read(cells, not_due_counts)),
                tuple(read_box for side_box in side for read_box in side_box.side(cells)),
                definition.apart,
            )
            for definition, (box, side) in zip(self.definition.stages, self.stages, strict=True)
        )
        boxes = [box for stage in stages for box in (*stage.boxes, *stage.side)]
        discrepancies = tuple(
            violation
            for identity in self.definition.identities
            for violation in _violations(identity, boxes)
        )
        return Flow(self.definition.title, self.design, stages, discrepancies)


def _violations(identity: Identity, boxes: Sequence[Box]) -> Iterator[str]:
    """Yield the arms in which an identity does not hold, or that it does not hold over all.

    Where the total or some of the parts are not by arm, only the sums over arms can agree.
    """
    names = (identity.total, *identity.parts)
    boxes_by_id = {name: [box for box in boxes if box.id == name] for name in names}
    arms: Iterable[str | None] = dict.fromkeys(
        box.arm for group in boxes_by_id.values() for box in group
    )
    if any("" in {box.arm for box in group} for group in boxes_by_id.values()):
        arms = [None]
    for arm in arms:
        boxes_of_arm = {
            name: [box for box in group if arm is None or box.arm == arm]
            for name, group in boxes_by_id.items()
        }
        if any(box.n is None for box in boxes_of_arm[identity.total]):
            continue
        sizes = {name: sum(box.n or 0 for box in group) for name, group in boxes_of_arm.items()}
        parts = sum(sizes[name] for name in identity.parts)
        if sizes[identity.total] != parts:
            labels = {name: isolated(group[0].label) for name, group in boxes_by_id.items()}
            arm_words = f"{isolated(arm)}: " if arm else ""
            joined = " + ".join(labels[name] for name in identity.parts)
            total = f"{labels[identity.total]} ({sizes[identity.total]})"
            yield f"{arm_words}{total} is not {joined} ({parts})"


def compile_flow(definition: FlowDefinition, rules: Rules) -> CompiledFlow:
    """Compile a flow; raises `Rejected` where it names what the definition does not define."""

    def compile_box(box: FlowBox, path: str, *, by_arm: bool) -> CompiledBox:
        reasons = level_finder(rules, box.reasons, f"{path}/reasons") if box.reasons else None
        arms = rules.study.definition.arms if by_arm else ()
        test = rules.condition(box.count, f"{path}/count")
        zero_counts = definition.zero_counts if box.zero_counts is None else box.zero_counts
        return CompiledBox(box, test, reasons, arms, zero_counts)

    def compile_stage(i: int, stage: FlowStage) -> tuple[CompiledBox, Sequence[CompiledBox]] | None:
        plans = [
            rules.faults.attempt(
                partial(compile_box, box, f"/flow/stages/{i}/{box_path}", by_arm=stage.by_arm)
            )
            for box_path, box in _boxes(stage)
        ]
        box, *side = plans
        return (
            None if box is None else (box, [side_box for side_box in side if side_box is not None])
        )

    _check_waiting(definition, rules)
    stages = [compile_stage(i, stage) for i, stage in enumerate(definition.stages)]
    design = _DESIGNS[rules.study.definition.design]
    return CompiledFlow(definition, design, [stage for stage in stages if stage is not None])


def _boxes(stage: FlowStage) -> Iterator[tuple[str, FlowBox]]:
    """Yield the boxes of a stage with their paths in it."""
    yield "box", stage.box
    yield from ((f"side/{i}", box) for i, box in enumerate(stage.side))


def _check_waiting(definition: FlowDefinition, rules: Rules) -> None:
    """Refuse a box whose `not_due` is not a cell of subjects not yet due."""

    def check(ref: CellRef, path: str, *, of_all: bool) -> None:
        table_and_row = find_row(ref, rules.study.definition.tables)
        not_due = table_and_row[1].not_due if table_and_row else None
        counts = not_due is not None and (not isinstance(not_due, dict) or ref.column in not_due)
        if not counts or not of_all:
            raise refused(
                path, "must be a cell of a `not_due` row, in the box of a stage that is not by arm"
            )

    for i, stage in enumerate(definition.stages):
        for box_path, box in _boxes(stage):
            if box.not_due is not None:
                of_all = box_path == "box" and not stage.by_arm
                path = f"/flow/stages/{i}/{box_path}/not_due"
                rules.faults.attempt(partial(check, box.not_due, path, of_all=of_all))
