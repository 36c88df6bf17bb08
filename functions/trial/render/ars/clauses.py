"""ARS where-clauses: variables of data sets that are delivered, compared with values."""

from trial.deferred import dataclass
from trial.render.tables_json import Document
from trial.tables.analysis_plan import RecordTests, Variable


@dataclass(frozen=True)
class Simple:
    """A variable compared with values."""

    variable: Variable
    comparator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Compound:
    """Clauses combined; a text refers to a group by its id."""

    operator: str
    parts: "tuple[Clause | str, ...]"


type Clause = Simple | Compound


def equal(variable: Variable, *values: str) -> Simple:
    """Return the clause that a variable has one of some values."""
    return Simple(variable, "EQ" if len(values) == 1 else "IN", values)


def combined(operator: str, *parts: Clause) -> Clause:
    """Return one clause for all."""
    return parts[0] if len(parts) == 1 else Compound(operator, parts)


def of_records(dataset: str, tests: RecordTests) -> Clause:
    """Return the clause of the records of a data set that pass every test."""
    return combined(
        "AND", *(Simple((dataset, test.variable), test.comparator, test.values) for test in tests)
    )


def written(clause: Clause | None, level: int = 1) -> Document:
    """Write a clause as the members of a set, a subset, a group or a where-clause."""
    if clause is None:
        return {}
    if isinstance(clause, Simple):
        dataset, variable = clause.variable
        condition = {
            "dataset": dataset,
            "variable": variable,
            "comparator": clause.comparator,
            "value": list(clause.values),
        }
        return {"condition": condition}
    parts: list[Document] = []
    for order, part in enumerate(clause.parts, 1):
        member = {"subClauseId": part} if isinstance(part, str) else written(part, level + 1)
        parts.append({"level": level + 1, "order": order, **member})
    return {"compoundExpression": {"logicalOperator": clause.operator, "whereClauses": parts}}
