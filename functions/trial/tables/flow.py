"""The participant flow: who was assessed, enrolled, treated, followed and analysed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trial.cells import Cells, Share
from trial.derivation import Derivation
from trial.errors import Fault, Rejected
from trial.rules import Rules, Test
from trial.study import FlowBox, FlowDefinition, Levels
from trial.tables.grid import Box, Flow, Stage
from trial.tables.rows import put

FLOW_ROW = "flow#0"
_DESIGNS = {"single-group": "single group", "parallel": "parallel groups", "crossover": "crossover"}
Finder = Callable[[Derivation], Iterable[str]]


@dataclass(frozen=True)
class BoxPlan:
    """A box, ready to count."""

    definition: FlowBox
    test: Test
    reasons: Finder | None

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject in the box and, in a box with reasons, at its reason."""
        if not self.test(derivation):
            return
        put(share, FLOW_ROW, self.definition.id, 1)
        if self.reasons is not None:
            reason = next(iter(sorted(self.reasons(derivation))), "")
            put(share, FLOW_ROW, f"{self.definition.id}={reason}", 1)

    def read(self, cells: Cells) -> Box:
        """Give the box: None where nothing of the kind was ever reported."""
        box = self.definition
        n: int | None = cells.get(box.id, 0)
        if not n and box.absent:
            n = None
        named = box.reasons.values if box.reasons else []
        names = {each.value: each.label for each in named}
        start = f"{box.id}="
        found = {name[len(start) :]: n for name, n in cells.items() if name.startswith(start)}
        others = sorted(found.keys() - names.keys(), key=lambda name: (-found[name], name))
        labels = names | {name: name or "Reason not reported" for name in others}
        reasons = tuple((label, found[name]) for name, label in labels.items() if found.get(name))
        return Box(box.id, box.label, n, reasons)


@dataclass(frozen=True)
class FlowPlan:
    """The flow of a definition, ready to count and to read."""

    definition: FlowDefinition
    design: str
    stages: Sequence[tuple[BoxPlan, Sequence[BoxPlan]]]

    def contribute(self, derivation: Derivation, share: Share) -> None:
        """Count the subject in every box it belongs to."""
        for box, side in self.stages:
            for each in (box, *side):
                each.contribute(derivation, share)

    def read(self, sums: Share) -> Flow:
        """Read the flow; an identity that does not hold is a finding, shown and not hidden."""
        cells = sums.get(FLOW_ROW, {})
        stages = tuple(
            Stage(
                definition.id,
                definition.label,
                (box.read(cells),),
                tuple(each.read(cells) for each in side),
            )
            for definition, (box, side) in zip(self.definition.stages, self.stages, strict=True)
        )
        findings = tuple(self._findings(cells))
        return Flow(self.definition.title, self.design, stages, findings)

    def _findings(self, cells: Cells) -> Iterable[str]:
        unreported = {
            box.id
            for stage in self.definition.stages
            for box in (stage.box, *stage.side)
            if box.absent and box.id not in cells
        }
        labels = {
            box.id: box.label
            for stage in self.definition.stages
            for box in (stage.box, *stage.side)
        }
        for identity in self.definition.identities:
            if identity.total in unreported:
                continue
            whole = cells.get(identity.total, 0)
            parts = sum(cells.get(part, 0) for part in identity.parts)
            if whole != parts:
                names = " + ".join(labels[part] for part in identity.parts)
                yield f"{labels[identity.total]} ({whole}) is not {names} ({parts})"


def compile_flow(
    definition: FlowDefinition, rules: Rules, levels: Callable[[Rules, Levels, str], Finder]
) -> FlowPlan:
    """Get a flow ready; raises `Rejected` where it names what the definition does not define."""

    def plan(box: FlowBox, path: str) -> BoxPlan:
        reasons = levels(rules, box.reasons, f"{path}/reasons") if box.reasons else None
        return BoxPlan(box, rules.condition(box.count, f"{path}/count"), reasons)

    known = {box.id for stage in definition.stages for box in (stage.box, *stage.side)}
    for i, identity in enumerate(definition.identities):
        for name in {identity.total, *identity.parts} - known:
            fault = Fault(f"/flow/identities/{i}", f"names no box of the flow: {name}")
            raise Rejected(422, "Definition not accepted", "", fault)
    stages = [
        (
            plan(stage.box, f"/flow/stages/{i}/box"),
            [plan(each, f"/flow/stages/{i}/side/{j}") for j, each in enumerate(stage.side)],
        )
        for i, stage in enumerate(definition.stages)
    ]
    return FlowPlan(definition, _DESIGNS[rules.study.definition.design], stages)
