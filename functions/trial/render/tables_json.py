"""The summary and the tables as JSON: the same documents for S3 and for the API's live answers."""

import json
from collections.abc import Iterable, Mapping, Sequence

from trial.tables.grid import (
    TESTED,
    Cell,
    Column,
    Completion,
    Cut,
    Grid,
    KeyResult,
    Row,
    RuleCount,
    Section,
    Statistic,
)

Document = dict[str, object]


def encode(document: Mapping[str, object]) -> bytes:
    """Write a document as UTF-8 JSON: two spaces, keys in the order given, a newline at the end."""
    return _bytes(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def encode_tables(document: Mapping[str, object]) -> bytes:
    """Write the tables with one row a line, which keeps them small and their differences readable.

    The layout is what `encode` would give, but for the items of `columns`, `rows` and `footnotes`.
    """
    lines = json.dumps({**document, "tables": []}, ensure_ascii=False, indent=2, allow_nan=False)
    tables = document["tables"]
    assert isinstance(tables, list)
    if not tables:
        return _bytes(lines)
    head = lines.removesuffix("[]\n}")
    return _bytes(head + "[\n" + ",\n".join(_table_lines(table) for table in tables) + "\n  ]\n}")


def _table_lines(table: Mapping[str, object]) -> str:
    members = []
    for key, value in table.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"        {_compact(item)}" for item in value)
            members.append(f'      "{key}": [\n{items}\n      ]')
        else:
            members.append(f'      "{key}": {_compact(value)}')
    return "    {\n" + ",\n".join(members) + "\n    }"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _bytes(text: str) -> bytes:
    # A lone surrogate cannot be UTF-8; its backslash form is the JSON escape for it.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def cut_fields(cut: Cut) -> Document:
    """Return the state of the study; a live answer leaves id, root or date empty: null.

    Of a cut that is not named the number of accepted revisions is null too.
    """
    return {
        "id": cut.id or None,
        "content_root": cut.content_root or None,
        "accepted": cut.accepted if cut.is_named else None,
        "definition": cut.definition,
        "contribution_version": cut.contribution_version,
        "audience": cut.audience,
        "data_date": cut.data_date or None,
        "as_of": cut.as_of or None,
        "cutoff": cut.cutoff or None,
        "completion": completion_fields(cut.completion),
        "dictionaries": list(cut.dictionaries),
    }


def methods(sections: Iterable[Section]) -> list[Document]:
    """Return the Methods as data: each part's rows by its heads."""
    return [
        {
            "id": section.id,
            "title": section.title,
            "rows": [dict(zip(section.heads, row, strict=True)) for row in section.rows],
        }
        for section in sections
    ]


def completion_fields(completion: Completion) -> Document:
    """Return whether it is interim or final, why, and how many subjects are complete."""
    return {
        "state": completion.state.lower(),
        "text": completion.text,
        "n": completion.n,
        "N": completion.N,
        "look": completion.look or None,
    }


def summary(
    cut: Cut,
    key_results: Iterable[KeyResult],
    discrepancies: Sequence[RuleCount] = (),
    flow_discrepancies: Sequence[str] = (),
) -> Document:
    """Return the key results of a study and the discrepancies between its records.

    `flow_discrepancies` are the identities of the flow that do not hold: they stand before the
    others in `discrepancy_texts`.
    """
    return {
        "study": cut.study,
        "title": cut.title,
        "registry": cut.registry,
        "notice": cut.notice,
        "cut": cut_fields(cut),
        "key_results": [_key_result(key_result) for key_result in key_results],
        "discrepancy_texts": [
            *flow_discrepancies,
            *(rule_count.text for rule_count in discrepancies),
        ],
        "discrepancies": [vars(rule_count) for rule_count in discrepancies],
    }


def _key_result(key_result: KeyResult) -> Document:
    return {
        "id": key_result.id,
        "label": key_result.label,
        "population": key_result.population,
        "n": key_result.n,
        "N": key_result.N,
        "value": key_result.value,
        "unit": key_result.unit,
        "text": key_result.text,
        "ci": None if key_result.ci is None else list(key_result.ci),
        "ci_text": None if key_result.ci_text is None else list(key_result.ci_text),
        "method": key_result.method,
        "rule": key_result.rule,
        "observed": key_result.observed,
        "imputed": key_result.imputed,
        "not_due": key_result.not_due,
        "missing": key_result.missing,
        "without_row": key_result.without_row or None,
        "direction": key_result.direction,
        "nominal": key_result.nominal,
    }


def tables(cut: Cut, grids: Iterable[Grid]) -> Document:
    """Return tables as data: every statistic once, raw and as read."""
    return {
        "study": cut.study,
        "content_root": cut.content_root or None,
        "notice": cut.notice,
        "completion": completion_fields(cut.completion),
        "tables": [_table(grid) for grid in grids],
    }


def _table(grid: Grid) -> Document:
    return {
        "id": grid.id,
        "title": grid.title,
        "population": grid.population,
        "columns": [_column(column) for column in grid.columns],
        "rows": [_row(row) for row in grid.rows],
        "footnotes": list(grid.footnotes),
    }


def _column(column: Column) -> Document:
    heading = {"under": column.under} if column.under else {}
    return {"id": column.id, **heading, "label": column.label, "n": column.n}


def _row(row: Row) -> Document:
    cells = [result for cell in row.cells for result in _results(cell)]
    return {
        "id": row.id,
        "label": row.label,
        "level": row.level,
        "unit": row.unit,
        "direction": row.direction,
        "cells": cells,
    }


def _results(cell: Cell) -> list[Document]:
    return [_result(cell.column, statistic) for statistic in cell.statistics]


def _result(column: str, statistic: Statistic) -> Document:
    result: Document = {"column": column, "statistic": statistic.name}
    result |= {"raw": statistic.raw, "text": statistic.text}
    return result | {"nominal": statistic.nominal} if statistic.name in TESTED else result
