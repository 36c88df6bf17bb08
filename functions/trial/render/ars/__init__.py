"""The results as CDISC Analysis Results Standard (ARS) 1.0: one reporting event a cut.

Every statistic of every cell of every table is there once, with the analysis, the set, the group
and the operation that it comes from; nothing is computed here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from trial.definition import Definition
from trial.definition.conditions import Ref
from trial.render.ars import outputs
from trial.render.ars.analyses import NO_LOOK, NO_ROLE, AnalysisCollector, Roles, reason
from trial.render.ars.clauses import combined, equal, written
from trial.render.ars.groupings import set_id
from trial.render.ars.methods import Methods
from trial.render.tables_json import Document
from trial.tables.analysis_plan import AnalysisPlan
from trial.tables.grid import Cut, Report

_NO_ROLES: Roles = {}


def results(
    report: Report,
    definition: Definition,
    roles: Roles = _NO_ROLES,
    parts: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[bytes]:
    """Write the reporting event in pieces, one object of a list a line.

    `definition` is the one that the report was made by: of a blinded study's open report, the
    pooled one. `roles` says which rows of which tables are outcome measures; the others are of no
    stated role. `parts` are the workbooks of the listings, by id, that have some of their own.
    """
    plan, methods = report.analysis_plan, Methods()
    reason_text = reason(report.cut.completion)
    collector = AnalysisCollector(definition, plan, methods, roles, reason_text)
    analyses_by_table = [collector.collect(grid) for grid in report.grids]
    yield from _pieces(
        {
            **_event(report.cut),
            "mainListOfContents": outputs.planned_analyses(report, analyses_by_table),
            "otherListsOfContents": [outputs.planned_outputs(report)],
            "referenceDocuments": outputs.documents(report.cut),
            "terminologyExtensions": outputs.extensions(NO_ROLE, NO_LOOK),
            "analysisSets": [*_sets(definition, plan), *_joint_sets(collector.joint_sets, plan)],
            "dataSubsets": list(collector.subsets.values()),
            "analysisGroupings": list(collector.groupings.values()),
            "methods": methods.written(),
            "analyses": (
                analysis.written() for analyses in analyses_by_table for analysis in analyses
            ),
            "globalDisplaySections": outputs.sections(report.cut),
            "outputs": outputs.outputs(report, parts or {}),
        }
    )


def _event(cut: Cut) -> Document:
    """Return the reporting event; its version rises with every revision that is accepted.

    Of a cut that is not named it has none.
    """
    limits = {"As of": cut.as_of, "Cut-off": cut.cutoff}
    sentences = [cut.completion.text]
    if cut.is_named:
        sentences.append(f"Cut {cut.id}, content {cut.content_root}")
    sentences += [f"{name} {value}" for name, value in limits.items() if value]
    return {
        "id": f"{cut.study}/{cut.audience}",
        "name": cut.title,
        "label": cut.study,
        **({"version": cut.accepted} if cut.is_named else {}),
        "description": ". ".join((*sentences, cut.notice)) if cut.notice else ". ".join(sentences),
    }


def _sets(definition: Definition, plan: AnalysisPlan) -> Iterator[Document]:
    """Write the analysis sets: by their flags, and as they are defined."""
    for order, (name, analysis_set) in enumerate(definition.sets.items(), 1):
        flag = plan.sets.get(name)
        yield {
            "id": set_id(name),
            "name": name,
            "label": analysis_set.label,
            "description": f"As defined: {_defined(analysis_set.condition, definition)}",
            "level": 1,
            "order": order,
            **(written(equal(flag, "Y")) if flag else {}),
        }


def _joint_sets(
    joint_sets: Mapping[str, tuple[str, ...]], plan: AnalysisPlan
) -> Iterator[Document]:
    """Write the sets that columns compare together: who is in one of them."""
    for order, (id_, names) in enumerate(joint_sets.items(), len(plan.sets) + 1):
        flags = [equal(plan.sets[name], "Y") for name in names if name in plan.sets]
        yield {
            "id": id_,
            "name": " or ".join(names),
            "description": f"As defined: in one of {', '.join(names)}",
            "level": 1,
            "order": order,
            **(written(combined("OR", *flags)) if flags else {}),
        }


def _defined(condition: Ref, definition: Definition) -> str:
    """Write a condition in the definition's own language; a name as what it stands for."""
    if isinstance(condition, str):
        return f"{condition}, {_defined(definition.conditions[condition], definition)}"
    members = condition.model_dump(mode="json", exclude_unset=True)
    return json.dumps(members, ensure_ascii=False)


def _pieces(document: Mapping[str, object]) -> Iterator[bytes]:
    """Write a document member by member, and its lists item by item, a line each."""
    separator = "{\n"
    for name, value in document.items():
        yield _bytes(f'{separator}"{name}": ')
        separator = ",\n"
        if isinstance(value, Iterator | list):
            yield from _items(value)
        else:
            yield _bytes(_compact(value))
    yield b"\n}\n"


def _items(values: Iterator[object] | Sequence[object]) -> Iterator[bytes]:
    separator = "[\n"
    for value in values:
        yield _bytes(f"{separator}{_compact(value)}")
        separator = ",\n"
    yield b"[]" if separator == "[\n" else b"\n]"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _bytes(text: str) -> bytes:
    # A lone surrogate cannot be UTF-8; its backslash form is the JSON escape for it.
    return text.encode("utf-8", "backslashreplace")
