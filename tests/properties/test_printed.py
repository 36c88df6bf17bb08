"""What is printed is the exact statistic of the records, rounded once: of any definition.

Random definitions, with places, order_places and decimals given or left out, and random results as
text; every statistic as it is printed is compared with one of exact fractions.
"""

import random
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import exact
import soak
from builders import subjects, sums_of
from exact import FURTHER, MORE, OWN, text
from random_measures import Person, Trial

from trial.definition.study import Study
from trial.reporting import report
from trial.subject import acceptance
from trial.tables import checking
from trial.tables.figures import figures
from trial.tables.grid import Cell, Grid
from trial.tables.rounding import decimal_text

DEFINITIONS = soak.size(100, 5_000)
SEED = soak.seed(f"{DEFINITIONS:,} definitions whose statistics are recounted")
COLUMNS = [
    {"id": "a", "label": "A", "set": "randomised", "arm": "a"},
    {"id": "b", "label": "B", "set": "randomised", "arm": "b"},
    {"id": "total", "label": "Total", "set": "randomised"},
    {"id": "gain", "label": "A - B", "compare": ["b", "a"], "means": "t"},
]
DIGITS = 19
BOUNDED = {"sum", "range", "iqr", "geometric_mean", *OWN}
ABSENT = {"", "not reported"}


class Printed:
    """A random trial, as printed and as recounted; `cells` counts what was compared."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.trial = Trial(rng)
        self.measures = self.trial.measures()
        self.named = rng.sample(sorted(self.measures), 4)
        self.rows = {f"row-{i}": self.row(name) for i, name in enumerate(self.named)}
        self.cells = self.unsure = 0
        self.study = self.trial.study(
            [self.table()], key_results=self.key_results(), figures=self.figures()
        )

    def row(self, name: str) -> dict[str, Any]:
        """Draw a row of a measure."""
        rng = self.rng
        names = rng.sample(sorted({**MORE, **FURTHER, **OWN}), rng.randint(2, 9))
        row: dict[str, Any] = {
            "summary": name,
            "statistics": list(dict.fromkeys([*names, "mean", "max"])),
        }
        if rng.random() < 0.3:
            row["decimals"] = rng.randint(0, self.most(name))
        elif rng.random() < 0.3:
            row["decimals"] = {
                statistic: rng.randint(0, self.most(name)) for statistic in names[:3]
            }
        return row

    def most(self, name: str) -> int:
        """Give the decimals of the data that a measure may be printed with."""
        parameter = self.trial.parameters.get("-".join(name.split("-")[:2]), {})
        if "percent" in name:
            return 6
        return parameter.get("places", 10) - 5 if parameter else 6

    def data_decimals(self, name: str) -> int:
        """Give the decimals of the data as they are printed without a word of the row."""
        if "percent" in name:
            return 1
        if name in ("doses", "given") or name.startswith("x-grade"):
            return 0
        if name == "kept-to":
            return 2
        derived = self.trial.parameters.get("-".join(name.split("-")[:2]))
        parameter = self.trial.score if name == "score" else derived or self.trial.parameters["x"]
        if "decimals" in parameter:
            return int(parameter["decimals"])
        return 2 if derived else int(parameter.get("places", 0))

    def places(self, row: Mapping[str, Any]) -> dict[str, int]:
        decimals = row.get("decimals")
        own_decimals = decimals if isinstance(decimals, dict) else {}
        data = decimals if isinstance(decimals, int) else self.data_decimals(row["summary"])
        in_unit = {name: data + extra for name, extra in {**MORE, **FURTHER}.items()}
        return in_unit | OWN | own_decimals

    def table(self) -> dict[str, Any]:
        rows = [{"id": name, "label": name} | row for name, row in self.rows.items()]
        rows += [
            {"id": "means", "label": "Means", "ancova": {"measure": self.named[0]}},
            {"id": "visits", "label": "Visits", "visits": ["week-5", "week-9"],
             "summary": {"parameter": "x-log", "change_from": "base"}},
        ]  # fmt: skip
        return {"id": "t", "title": "T", "population": "P", "columns": COLUMNS, "rows": rows}

    def key_results(self) -> list[dict[str, Any]]:
        sources = [
            ("row-0", "a", "mean"),
            ("row-1", "total", "max"),
            ("row-2", "gain", "difference"),
        ]
        results = []
        for i, (row, column, show) in enumerate(sources):
            key_result = {"id": f"f{i}", "label": "F", "show": "mean" if show == "max" else show,
                      "source": {"table": "t", "row": row, "column": column}}  # fmt: skip
            if self.rng.random() < 0.5:
                key_result["decimals"] = self.rng.randint(
                    0, self.most(self.rows[row]["summary"]) + 1
                )
            results.append(key_result)
        return results

    def figures(self) -> list[dict[str, Any]]:
        common = {"title": "C", "population": "P", "x_label": "", "y_label": ""}
        return [
            common | {"id": "w", "kind": "waterfall", "source": {"table": "t", "row": "row-3"}},
            common | {"id": "m", "kind": "mean", "source": {"table": "t", "row": "visits"}},
        ]

    def values(self, measure: str, column: str) -> list[Fraction]:
        recount = self.measures[measure][1]
        return [
            number for member in self.members(column) if (number := recount(member)) is not None
        ]

    def members(self, column: str) -> list[Person]:
        return [person for person in self.trial.people if column in ("total", person.arm)]

    def check(self) -> None:
        checking.check_definition(self.study)
        entries = self.trial.entries()
        for entry in entries:
            acceptance.check_acceptable(self.study, entry)
        sums = sums_of(self.study, subjects(entries))
        (grid,) = report.tables(self.study, sums)
        for name, row in self.rows.items():
            self.check_row(grid, name, row["summary"], row["statistics"], self.places(row))
        log = self.data_decimals("x-log-change")
        for visit in ("week-5", "week-9"):
            parameter = f"x-log-change-{visit}"
            self.check_row(
                grid, f"visits/{visit}", parameter, ["mean", "sd", "median", "min", "max"],
                {name: log + extra for name, extra in MORE.items()},
            )  # fmt: skip
        self.check_means(grid)
        self.check_key_results(self.study, sums, grid)
        self.check_figures(self.study, sums)

    def same(
        self, printed_texts: Mapping[str, str], expected: Mapping[str, str], context: object
    ) -> None:
        expected = {
            name: expected_text
            for name, expected_text in expected.items()
            if not long([expected_text])
        }
        texts_ = {name: printed_texts.get(name, "") for name in expected}
        unsure = {name for name in BOUNDED if name in expected and not texts_[name]}
        self.unsure += len(unsure)  # made of rounded values, which leave its digits open
        for name in unsure:
            del texts_[name], expected[name]
        assert texts_ == expected, (context, self.trial.parameters, self.trial.score)
        self.cells += len(expected)

    def check_row(
        self, grid: Grid, name: str, measure: str, names: Any, places: Mapping[str, int]
    ) -> None:
        for column in ("a", "b", "total"):
            values = self.values(measure, column)
            expected = exact.described(values, names, places)
            self.same(texts(cell(grid, name, column)), expected, (measure, column))
        pair = (self.values(measure, column) for column in "ab")
        expected = exact.contrasted(*pair, places["mean"])
        self.same(texts(cell(grid, name, "gain")), expected, (measure, "gain"))

    def check_means(self, grid: Grid) -> None:
        measure, places = self.named[0], self.data_decimals(self.named[0]) + 1
        groups = {arm: self.values(measure, arm) for arm in "ab"}
        if not all(groups.values()) or sum(map(len, groups.values())) < 3:
            return
        texts_ = texts(cell(grid, "means", "gain"))
        self.same(texts_, exact.contrasted(groups["a"], groups["b"], places), "ancova")
        for arm, values in groups.items():
            expected = {"n": str(len(values)), "lsmean": text(exact.mean(values), places)}
            self.same(texts(cell(grid, "means", arm)), expected, "ancova")

    def check_key_results(self, study: Study, sums: Any, grid: Grid) -> None:
        for key_result, definition in zip(
            report.summary(study, sums), study.definition.key_results, strict=True
        ):
            row_cell = cell(grid, definition.source.row, definition.source.column)
            texts_ = texts(row_cell)
            if definition.decimals is None:
                expected = (
                    texts_.get(definition.show, ""),
                    texts_.get("ci_low"),
                    texts_.get("ci_high"),
                )
            else:
                expected = self.exactly(definition, texts_)
            ends = key_result.ci_text or (None, None)
            printed_texts = (key_result.text, *ends)
            absent = {printed_texts[0], expected[0]} <= ABSENT
            assert absent or printed_texts == expected or long(expected), (definition, texts_)
            self.cells += 1

    def exactly(self, definition: Any, texts_: Mapping[str, str]) -> tuple[Any, ...]:
        """Recount a figure that has decimals of its own, from the values."""
        row = self.rows[definition.source.row]
        names = [*row["statistics"], "mean", "ci"]
        if definition.source.column == "gain":
            pair = (self.values(row["summary"], column) for column in "ab")
            expected = exact.contrasted(*pair, definition.decimals)
        else:
            values = self.values(row["summary"], definition.source.column)
            expected = exact.described(
                values, names, dict.fromkeys({**MORE, **FURTHER, **OWN}, definition.decimals)
            )
        limits = {
            name: expected.get(name) if name in texts_ else None for name in ("ci_low", "ci_high")
        }
        printed_text = texts_.get(definition.show, "")
        text_ = printed_text if printed_text in ("", "not reported") else expected[definition.show]
        return text_, limits["ci_low"], limits["ci_high"]

    def check_figures(self, study: Study, sums: Any) -> None:
        waterfall, means = figures(study, sums)
        places = self.places(self.rows["row-3"])["max"]
        for series in waterfall.series:
            values = sorted(self.values(self.named[3], series.id), reverse=True)
            expected = [text(value, places) for value in values]
            assert [shown(mark.y, waterfall.places) for mark in series.marks] == expected
            self.cells += len(values)
        for series in means.series:
            for visit, mark in zip(("week-5", "week-9"), series.marks, strict=True):
                values = self.values(f"x-log-change-{visit}", series.id)
                places = dict.fromkeys(MORE, means.places)
                expected = exact.described(values, ["mean", "ci"], places)
                numbers = {"mean": mark.y, "ci_low": mark.low, "ci_high": mark.high}
                numbers = {name: shown(number, means.places) for name, number in numbers.items()}
                self.same(numbers, {k: v for k, v in expected.items() if k != "n"}, "mean chart")


def long(texts: Iterable[str | None]) -> bool:
    """Say whether one has more digits than quantiles of Student's t are known to."""
    return max(len(number_text or "") for number_text in texts) > DIGITS


def shown(value: str | None, places: int) -> str:
    return "" if value is None else decimal_text(Fraction(value), places)


def texts(cell: Cell | None) -> dict[str, str]:
    return {statistic.name: statistic.text for statistic in cell.statistics} if cell else {}


def cell(grid: Grid, row: str, column: str) -> Cell | None:
    cells = (
        row_cell for grid_row in grid.rows if grid_row.id == row for row_cell in grid_row.cells
    )
    return next((row_cell for row_cell in cells if row_cell.column == column), None)


def test_every_statistic_is_printed_as_exact_fractions_give_it() -> None:
    cells = unsure = 0
    for number in range(DEFINITIONS):
        trial = Printed(random.Random(SEED + number))  # noqa: S311 (a seed)
        trial.check()
        cells += trial.cells
        unsure += trial.unsure
    soak.note(f"{cells:,} cells of {DEFINITIONS:,} definitions are as exact fractions give them")
    assert cells > 40 * DEFINITIONS
    assert unsure < cells / 500  # four of five parameters are of rounded values
