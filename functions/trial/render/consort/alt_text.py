"""The participant flow in words and as data: what every rendering of it says alike."""

from collections.abc import Iterator

from trial.render.tables_json import Document, cut_fields
from trial.tables.bidi import isolated
from trial.tables.grid import Box, Cut, Flow, Stage

_FORMS = {
    "single": (
        "CONSORT-adapted flow (single group)",
        "Items on randomisation do not apply: one group",
    ),
    "crossover": ("CONSORT-adapted flow (crossover)", "Groups are the sequences of treatments"),
    "parallel": ("CONSORT 2025 flow (parallel groups)", ""),
}


def form(flow: Flow) -> str:
    """Return the form of the flow: CONSORT's own is for parallel groups, others are adapted."""
    return _form(flow)[0]


def note(flow: Flow) -> str:
    """Return what the adapted form leaves out or changes; nothing where it is CONSORT's own."""
    return _form(flow)[1]


def _form(flow: Flow) -> tuple[str, str]:
    kind = next((design for design in _FORMS if flow.design.startswith(design)), "parallel")
    several = max((len(stage.boxes) for stage in flow.stages), default=1) > 1
    return _FORMS["parallel" if several and kind == "single" else kind]


def name(box: Box) -> str:
    """Return the name of a box, with its arm."""
    label = isolated(box.label)
    return f"{isolated(box.arm)}: {label}" if box.arm else label


def count_text(box: Box) -> str:
    """Write a box's count; what was never reported, or is not collected, is not zero."""
    if box.n is None:
        return box.absent
    return f"n = {box.n}; not yet due: {box.not_due}" if box.not_due else f"n = {box.n}"


def outline(flow: Flow) -> Iterator[tuple[int, str]]:
    """Write the flow in words, a line a box, each with its depth: 0 the flow, 1 those who left."""
    for stage in flow.stages:
        for depth, boxes in enumerate((stage.boxes, stage.visible_side)):
            for box in boxes:
                yield depth, box_text(box)


def box_text(box: Box) -> str:
    """Write a box in one line, with its reasons."""
    reasons = "; ".join(f"{isolated(label)}: {n}" for label, n in box.reasons)
    text = f"{name(box)}: {count_text(box)}"
    return f"{text} ({reasons})" if reasons else text


def flow_json(flow: Flow, cut: Cut | None = None) -> Document:
    """Return the flow as data; with a cut, first which state of which study it shows."""
    source: Document = {}
    if cut is not None:
        source = {"study": cut.study, "notice": cut.notice, "cut": cut_fields(cut)}
    return source | {
        "title": flow.title,
        "design": flow.design,
        "form": form(flow),
        "note": note(flow) or None,
        "stages": [_stage(stage) for stage in flow.stages],
        "discrepancies": list(flow.discrepancies),
    }


def _stage(stage: Stage) -> Document:
    return {
        "id": stage.id,
        "label": stage.label,
        "boxes": [_box(box) for box in stage.boxes],
        "side": [_box(box) for box in stage.side],
    }


def _box(box: Box) -> Document:
    reasons = [{"label": label, "n": n} for label, n in box.reasons]
    return {
        "id": box.id,
        "label": box.label,
        "arm": box.arm or None,
        "n": box.n,
        "text": count_text(box),
        "not_due": box.not_due,
        "shown": box.shown,
        "reasons": reasons,
    }
