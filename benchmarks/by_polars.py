"""TMB-301's tables by polars: everything that the definition counts, from the records anew."""

from collections.abc import Iterator

import polars as pl

from benchmarks import tmb301
from benchmarks.tmb301 import (
    CONTACTS,
    DAYS,
    HIGH,
    HIGHS,
    LOW,
    LOWS,
    PERIODS,
    REASONS,
    Cell,
    Columns,
    Subjects,
)

type Frames = dict[str, pl.DataFrame]

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
          "subject": pl.Int32, "age": pl.Float64, "related": pl.Boolean, "serious": pl.Boolean,
          "years-since-diagnosis": pl.Float64, "oss": pl.Float64, "grade": pl.Float64,
          "seriousness": pl.List(pl.String)}  # fmt: skip
_VISITS = pl.DataFrame(
    {"visit": list(DAYS), "target": list(DAYS.values()), "low": LOWS, "high": HIGHS},
    schema_overrides=dict.fromkeys(("target", "low", "high"), pl.Int32),
)


def load(columns: dict[str, Columns]) -> Frames:
    """Make the frames that are in memory before anything is asked."""
    return {
        kind: pl.DataFrame(
            {
                name: pl.Series(name, column, _TYPES.get(name, pl.String))
                for name, column in columns_of_kind.items()
            }
        )
        for kind, columns_of_kind in columns.items()
    }


def tables(frames: Frames) -> dict[Cell, float]:
    """Compute every cell."""
    wide = _wide(frames)
    s = Subjects({name: pl.col(name) for name in wide.columns}, pl.Expr.is_not_null)
    measures = list(tmb301.measures(s))
    masks = {("sets", "", name, "N"): mask for name, mask in tmb301.sizes(s)}
    masks |= dict(tmb301.counts(s))
    (row,) = wide.select(
        *(mask.sum().alias(str(i)) for i, mask in enumerate(masks.values())),
        *(_statistic(measure.value.filter(measure.mask), name).alias(f"{i} {name}")
          for i, measure in enumerate(measures) for name in measure.statistics),
    ).iter_rows(named=True)  # fmt: skip
    cells: dict[Cell, float] = {cell: row[str(i)] for i, cell in enumerate(masks)}
    for i, measure in enumerate(measures):
        cells |= measure.described([row[f"{i} {name}"] for name in measure.statistics])
    cells |= _levels(frames, wide)
    return cells | dict(_adverse_events(frames, wide, cells["sets", "", "safety", "N"]))


def _statistic(values: pl.Expr, name: str) -> pl.Expr:
    expression: pl.Expr = getattr(values, {"n": "count", "sd": "std"}.get(name, name))()
    return expression


def _day(text: pl.Expr) -> pl.Expr:
    return (text + "-01-01").str.head(10).str.to_date("%Y-%m-%d").to_physical()


def _wide(frames: Frames) -> pl.DataFrame:
    doses, contacts = frames["dose.administered"], frames[CONTACTS]
    start = pl.col("start")
    infusions = doses.filter(pl.col("treatment") == "ibalizumab")
    wide = (
        frames["subject.enrolled"]
        .with_columns(zero=_day(pl.col("date")), all=True)
        .join(
            doses.group_by("subject").agg(first=start.min(), last_dose=_day(start.max())),
            on="subject", how="left",
        )
        .join(
            frames["regimen.started"].group_by("subject").agg(regimen=_day(pl.col("date").min())),
            on="subject", how="left",
        )
        .join(
            contacts.group_by("subject").agg(contact=_day(pl.col("day")).max()),
            on="subject", how="left",
        )
        .join(infusions.group_by("subject").agg(infusions=pl.len()), on="subject", how="left")
    )  # fmt: skip
    outcomes, tests = frames["outcome.adjudicated"], frames["resistance.reported"]
    lower = (pl.col("drug") == "ibalizumab") & (pl.col("susceptibility") == "reduced")
    wide = wide.with_columns(
        _any("treated", infusions),
        *(_any(name, frames[kind]) for name, kind in tmb301.HAVING.items()),
        _any("lower", tests.filter(lower)),
        *(_any(name, outcomes.filter(pl.col("outcome") == name))
          for name in ("virologic-failure", "rebound")),
    )  # fmt: skip
    began = pl.col("regimen") - pl.col("zero")
    wide = wide.with_columns(
        began.is_between(*tmb301.EARLY).fill_null(value=False).alias("early-regimen")
    )
    wide = _ends(frames, wide)
    is_over = pl.col("end").is_not_null() | pl.col("died")
    wide = wide.with_columns(
        (is_over | (pl.col("contact") > pl.col("zero") + HIGH[visit])).alias(f"due@{visit}")
        for visit in ("day-7", "day-14", "week-25")
    )
    return _observed(frames, wide)


def _any(name: str, rows: pl.DataFrame) -> pl.Expr:
    return pl.col("subject").is_in(rows["subject"].unique().implode()).alias(name)


def _ends(frames: Frames, wide: pl.DataFrame) -> pl.DataFrame:
    zero = wide.select("subject", "zero")
    ends = frames["disposition.recorded"].filter(pl.col("of") == "study")
    deaths = frames["death.reported"].join(zero, on="subject")
    last = ends.sort("date").unique("subject", keep="last", maintain_order=True)
    wide = wide.join(
        last.select("subject", end=_day(pl.col("date")), end_status="status"),
        on="subject", how="left",
    )  # fmt: skip
    ends = ends.join(zero, on="subject")
    day = _day(pl.col("date")) - pl.col("zero")
    return wide.with_columns(
        *(_any(status, ends.filter(pl.col("status") == status))
          for status in ("completed", "discontinued")),
        *(_any(name, ends.filter(pl.col("reason") == reason)) for name, reason in REASONS.items()),
        _any("died", deaths),
        _any("died-related", deaths.filter(pl.col("related"))),
        *(_any(f"{name}-in-{period}", dated.filter(day.is_between(*days)))
          for name, dated in (("ended", ends), ("died", deaths))
          for period, days in PERIODS.items()),
    )  # fmt: skip


def _observed(frames: Frames, wide: pl.DataFrame) -> pl.DataFrame:
    results = _results(frames["lab.result.reported"], wide)
    counted = results.filter(
        pl.col("end").is_null()
        | (pl.col("end_status") == "completed")
        | (pl.col("day") <= pl.col("end"))
    )
    selected = _at_visits(counted)
    before = results.filter(pl.col("collected") <= pl.col("first"))
    before = before.unique(["subject", "name"], keep="last", maintain_order=True)
    until = counted.filter((pl.col("name") == "log") & (pl.col("at") <= HIGH["week-25"]))
    until = until.unique("subject", keep="last", maintain_order=True)
    carried = until.filter(pl.col("collected") > pl.col("first"))
    placed = pl.concat([
        selected.select("subject", "units", _column(pl.col("visit"))),
        before.select("subject", "units", _column(pl.lit("baseline"))),
    ])  # fmt: skip
    wide = wide.join(
        placed.pivot("column", index="subject", values="units"), on="subject", how="left"
    ).join(carried.select("subject", carried="units"), on="subject", how="left")
    absent = [name for name in tmb301.OBSERVED if name not in wide.columns]
    late, base, due = pl.col("log@week-25"), pl.col("log@baseline"), pl.col("due@week-25")
    below_limit = selected.filter((pl.col("name") == "copies") & pl.col("less"))
    return wide.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent).with_columns(
        *(_any(f"less@{day}", below_limit.filter(pl.col("visit") == day)) for day in tmb301.DAYS),
        bocf=base - pl.coalesce(late, pl.when(due).then(base)),
        locf=base - pl.coalesce(late, pl.when(due).then(pl.coalesce("carried", base))),
    )


def _column(visit: pl.Expr) -> pl.Expr:
    return pl.concat_str("name", pl.lit("@"), visit).alias("column")


def _results(labs: pl.DataFrame, wide: pl.DataFrame) -> pl.DataFrame:
    """Read the results, in order of day and accession: of copies, of their log10, and of CD4."""
    result, units = pl.col("result"), pl.col("units")
    labs = labs.with_columns(
        less=result.str.starts_with("<"),
        units=result.str.strip_chars_start("<=").cast(pl.Float64, strict=False),
        day=_day(pl.col("collected")),
    ).drop_nulls("units")
    viral = labs.filter(pl.col("parameter") == "viral-load")
    log = (units.log10() * tmb301.LOG_UNIT + 0.5).floor()
    observations = pl.concat([
        viral.with_columns(name=pl.lit("copies")),
        viral.filter(units > 0).with_columns(name=pl.lit("log"), units=log),
        labs.filter(pl.col("parameter") == "cd4").with_columns(name=pl.lit("cd4")),
    ])  # fmt: skip
    subject_columns = wide.select("subject", "zero", "first", "regimen", "end", "end_status")
    observations = observations.join(subject_columns, on="subject").sort("day", "record")
    return observations.with_columns(at=pl.col("day") - pl.col("zero"))


def _at_visits(results: pl.DataFrame) -> pl.DataFrame:
    study_day, began = pl.col("at"), pl.col("regimen") - pl.col("zero")
    visit = pl.col("visit")
    dosed = (visit == "day-7") & (pl.col("collected") > pl.col("first"))
    switched = (
        (visit == "day-14") & began.is_between(LOW["day-14"], HIGH["day-14"]) & (study_day > began)
    )
    placed = (
        results.sort("at")
        .join_asof(_VISITS, left_on="at", right_on="low")
        .filter(
            study_day <= pl.col("high"),
            ~dosed.fill_null(value=False),
            ~switched.fill_null(value=False),
        )
        .with_columns(away=(study_day - pl.col("target")).abs())
        .sort(["away", "day", "record"], descending=[True, False, False])
    )
    return placed.unique(["subject", "name", "visit"], keep="last", maintain_order=True)


def _levels(frames: Frames, wide: pl.DataFrame) -> dict[Cell, float]:
    values: dict[Cell, float] = {}
    for table, name in tmb301.LEVELS:
        for level, n in wide[name].value_counts().iter_rows():
            values[table, f"{name}/{tmb301.level(level)}", "total", "n"] = n
    for table, row, kind, field, column in tmb301.RECORDED:
        counted = frames[kind].join(wide.filter(column).select("subject"), on="subject")
        for value, n in counted.unique(["subject", field])[field].value_counts().iter_rows():
            values[table, f"{row}/{tmb301.level(value)}", "total", "n"] = n
    return values


def _adverse_events(
    frames: Frames, wide: pl.DataFrame, size: float
) -> Iterator[tuple[Cell, float]]:
    codes = (
        frames["adverse-event.coded"]
        .sort("version")
        .select("subject", "adverse_event", "soc", "pt")
    )
    codes = codes.unique(["subject", "adverse_event"], keep="last", maintain_order=True)
    treated = wide.filter("treated").select("subject", "first", "last_dose")
    e = (
        frames["adverse-event.reported"]
        .join(
            codes, how="left", left_on=["subject", "record"], right_on=["subject", "adverse_event"]
        )
        .join(treated, on="subject")
        .with_columns(
            pl.col("soc", "pt").fill_null("Not coded"),
            pooled=pl.when(pl.col("pt").is_in(tmb301.RASHES))
            .then(pl.lit("Rash (pooled)"))
            .otherwise(pl.col("pt")),
            related=pl.col("causality").is_null() | (pl.col("causality") == "RELATED"),
            emergent=_emergent(),
        )
    )
    columns = {name: pl.col(name) for name in e.columns}
    rows = list(tmb301.events(columns, lambda lists, criterion: lists.list.contains(criterion)))
    subject = pl.col("subject")
    (counted,) = e.select(
        *(subject.filter(row.mask).n_unique().alias(f"{i} n") for i, row in enumerate(rows)),
        *(row.mask.sum().alias(f"{i} events") for i, row in enumerate(rows)),
    ).iter_rows(named=True)
    for i, row in enumerate(rows):
        for name in ("n", "events"):
            yield (row.table, row.row, "total", name), counted[f"{i} {name}"]
    for table in tmb301.terms(columns):
        yield from _terms(e.filter(table.mask), table, size)
    for worst in tmb301.worst(columns):
        yield from _worst(e.filter(worst.mask), worst)


def _emergent() -> pl.Expr:
    first, onset = _day(pl.col("first")), pl.col("onset")
    partial = (onset.str.len_chars() < len("YYYY-MM-DD")) & pl.col("first").str.starts_with(onset)
    began = pl.when(partial).then(first).otherwise(_day(onset))
    within = onset.is_null() | ((began >= first) & (began <= pl.col("last_dose") + 30))
    return within & ~(_day(pl.col("end")) < first).fill_null(value=False)


def _terms(e: pl.DataFrame, table: tmb301.Terms, size: float) -> Iterator[tuple[Cell, float]]:
    counts = e.group_by(table.by).agg(n=pl.col("subject").n_unique(), events=pl.len())
    for *name, n, events in counts.iter_rows():
        if 100 * n >= table.minimum_percent * size:
            row = f"{table.row}/{'/'.join(name)}"
            yield (table.table, row, "total", "n"), n
            yield (table.table, row, "total", "events"), events


def _worst(e: pl.DataFrame, row: tmb301.Worst) -> Iterator[tuple[Cell, float]]:
    grades = e.group_by(*row.by, "subject").agg(pl.col("grade").max()).drop_nulls("grade")
    for *name, grade, n in grades.group_by(*row.by, "grade").len().iter_rows():
        yield (row.table, "/".join([row.row, *name, f"{grade:g}"]), "total", "n"), n
