"""The pilot's published tables, recomputed with pandas from its events: an oracle for the service.

Nothing here is the service's: records are folded, visits chosen and tests computed anew, so that
agreement with what was published shows that the feed suffices, and agreement with the service that
the service is right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.formula.api as models
from scipy import stats

ARMS = ("placebo", "xanomeline-low", "xanomeline-high")
DOSES = dict(zip(ARMS, (0, 54, 81), strict=True))
WINDOWS = {"week 8": (2, 84, 56), "week 16": (85, 140, 112), "week 24": (141, 10_000, 168)}
FEWEST_OF_A_SITE = 3
ALMOST_ONE = 0.99

Cells = list[Any]


def printed(value: object, places: int) -> str:
    """Write a number as a table prints it: rounded half up, and no minus before a zero."""
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))  # type: ignore[arg-type]
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return str(abs(rounded) if rounded == 0 else rounded)


def described(values: Iterable[Decimal], places: Sequence[int]) -> list[str]:
    """Give n, mean, SD, median, min and max; means and medians exactly, so that ties show."""
    result = sorted(values)
    half = len(result) // 2
    median = result[half] if len(result) % 2 else (result[half - 1] + result[half]) / 2
    deviation = np.std([float(item) for item in result], ddof=1)
    numbers = (len(result), sum(result) / len(result), deviation, median, result[0], result[-1])
    return [printed(number, place) for number, place in zip(numbers, places, strict=True)]


@dataclass(frozen=True)
class Trial:
    """The records of a trial at their highest revision, as frames."""

    records: Mapping[tuple[str, str, str], Mapping[str, Any]]

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]]) -> "Trial":
        """Keep each record's latest revision, whatever the order of the events."""
        latest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        for event in events:
            key = event["subject"], event["type"], event["data"]["record"]
            if key not in latest or latest[key]["revision"] < event["data"]["revision"]:
                latest[key] = event["data"]
        return cls(latest)

    def frame(self, kind: str) -> pd.DataFrame:
        """Give the records of a kind, one a row."""
        text = f"org.livetlf.{kind}.v1"
        return pd.DataFrame(
            {"subject": subject, **data}
            for (subject, name, _), data in self.records.items()
            if name == text
        )

    @cached_property
    def subjects(self) -> pd.DataFrame:
        """Give who was randomised, with what is known or follows of each."""
        frame = self.frame("subject.enrolled").set_index("subject").sort_index()
        for name in ("education", "duration-of-disease"):
            frame[name] = [characteristic[name] for characteristic in frame["characteristics"]]
        frame["arm"] = self.frame("subject.randomised").set_index("subject")["arm"]
        ended = self.frame("disposition.recorded").set_index("subject")
        frame[["status", "reason"]] = ended[["status", "reason"]]
        doses = self.frame("dose.administered")
        frame["day-1"] = pd.to_datetime(doses.groupby("subject")["start"].min())
        visits = self.frame("visit.recorded")
        frame["week-24"] = frame.index.isin(visits[visits["visit"] == "week-24"]["subject"])
        frame["site-group"] = frame["site"].where(~frame["site"].isin(self._small(frame)), "pooled")
        return frame

    @staticmethod
    def _small(frame: pd.DataFrame) -> list[str]:
        sizes = pd.crosstab(frame["site"], frame["arm"])
        small: list[str] = sizes.index[(sizes < FEWEST_OF_A_SITE).any(axis=1)].tolist()
        return small

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """Give what was measured at visits, with the study day."""
        rows = [
            (subject, data["visit"], data["date"], item["parameter"], item["result"])
            for (subject, kind, _), data in self.records.items()
            if kind == "org.livetlf.visit.recorded.v1"
            for item in data["measurements"]
        ]
        columns = ["subject", "visit", "date", "parameter", "result"]
        frame = pd.DataFrame(rows, columns=columns).join(self.subjects["day-1"], on="subject")
        days = (pd.to_datetime(frame["date"]) - frame["day-1"]).dt.days
        frame["day"] = days + (days >= 0)
        return frame

    def first(self, parameter: str, visit: str, places: int) -> "pd.Series[Any]":
        """Give a parameter's value at a visit by name, rounded as the definition declares."""
        rows = self.measurements
        rows = rows[(rows["parameter"] == parameter) & (rows["visit"] == visit)]
        return pd.Series(
            [Decimal(printed(Decimal(text), places)) for text in rows["result"]],
            index=rows["subject"],
            dtype=object,
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Give ADAS-Cog of each subject at baseline and in each window, the closest to target."""
        rows = self.measurements.query("parameter == 'adas-cog'").copy()
        rows["value"] = [Decimal(text) for text in rows["result"]]
        columns = {"baseline": rows[rows["day"] <= 1].groupby("subject")["value"].last()}
        for name, (low, high, target) in WINDOWS.items():
            near = rows[rows["day"].between(low, high)].copy()
            near["distance"] = (near["day"] - target).abs()
            ordered = near.sort_values(["distance", "day"], ascending=[True, False])
            columns[name] = ordered.groupby("subject")["value"].first()
        return pd.DataFrame(columns).reindex(self.subjects.index)

    @cached_property
    def carried_forward(self) -> pd.DataFrame:
        """Give the scores with the last one standing in for one that is missing."""
        return self.scores.ffill(axis=1)

    @cached_property
    def efficacy(self) -> pd.Index:
        """Give who has a score and an impression of change after baseline."""
        impressions = self.measurements.query("parameter == 'cibic' and day > 1")["subject"]
        assessed = self.scores[list(WINDOWS)].notna().any(axis=1)
        return self.scores.index[assessed & self.scores.index.isin(impressions)]

    @cached_property
    def emergent(self) -> pd.DataFrame:
        """Give treatment-emergent adverse events: begun on day 1 or later; undated ones are not."""
        events = self.frame("adverse-event.reported").merge(
            self.frame("adverse-event.coded")[["subject", "adverse_event", "soc", "pt"]],
            left_on=["subject", "record"],
            right_on=["subject", "adverse_event"],
        )
        events = events.join(self.subjects[["arm", "day-1"]], on="subject")
        began = pd.to_datetime(events["onset"], format="ISO8601")  # a month counts as its first day
        return events[began >= events["day-1"]]

    def by_arm(self, selected: "pd.Series[bool]") -> list[int]:
        """Count subjects by arm and in all."""
        counts = self.subjects[selected].groupby("arm").size().reindex(ARMS, fill_value=0)
        return [*counts.tolist(), int(counts.sum())]


def populations(trial: Trial) -> list[Cells]:
    """Give table 14-1.01."""
    subjects = trial.subjects
    sets = {
        "ITT": subjects["arm"].notna(),
        "Safety": subjects["day-1"].notna(),
        "Efficacy": subjects.index.isin(trial.efficacy),
        "Complete Week 24": subjects["week-24"],
        "Complete Study": subjects["status"] == "completed",
    }
    return [[name, *trial.by_arm(selected)] for name, selected in sets.items()]


def early_termination(trial: Trial) -> list[Cells]:
    """Give table 14-1.02: reasons of those who did not reach week 24."""
    subjects = trial.subjects
    early = ~subjects["week-24"]
    reasons = subjects[early]["reason"].unique()
    return [[reason, *trial.by_arm(early & (subjects["reason"] == reason))] for reason in reasons]


def flow(trial: Trial) -> dict[str, Any]:
    """Give the numbers of the participant flow."""
    subjects = trial.subjects
    boxes = {
        "randomised": subjects["arm"].notna(),
        "completed": subjects["status"] == "completed",
        "discontinued": subjects["status"] == "discontinued",
        "efficacy": subjects.index.isin(trial.efficacy),
    }
    return {
        "assessed": len(trial.frame("subject.screened")),
        "excluded": len(trial.frame("screening.failed")),
        **{name: trial.by_arm(selected)[:3] for name, selected in boxes.items()},
    }


def baseline(trial: Trial) -> pd.DataFrame:
    """Give what table 14-2.01 describes, by subject."""
    subjects = trial.subjects
    exact = {
        name: subjects[name].map(lambda number: Decimal(str(number)))
        for name in ("age", "duration-of-disease", "education")
    }
    exact["mmse"] = trial.first("mmse", "screening-1", 0)
    exact["height"] = trial.first("height", "screening-1", 1)
    exact["weight"] = trial.first("weight", "baseline", 1)
    exact["bmi"] = trial.first("bmi", "baseline", 1)
    return pd.DataFrame(exact).assign(arm=subjects["arm"])


def demographics(trial: Trial) -> list[Cells]:
    """Give the continuous part of table 14-2.01."""
    frame = baseline(trial)
    columns = {arm: frame[frame["arm"] == arm] for arm in ARMS} | {"total": frame}
    return [
        [name, arm, *described(rows[name].dropna(), (0, 1, 2, 1, 1, 1))]
        for name in frame.columns.drop("arm")
        for arm, rows in columns.items()
    ]


def age_p(trial: Trial) -> float:
    """Compare age between the arms (one-way analysis of variance)."""
    ages = [rows.tolist() for _, rows in trial.subjects.groupby("arm")["age"]]
    return float(stats.f_oneway(*ages).pvalue)


def categories(trial: Trial) -> list[Cells]:
    """Give the categorical part of table 14-2.01; Hispanic is printed as a race."""
    frame, subjects = baseline(trial), trial.subjects
    hispanic = subjects["ethnicity"] == "HISPANIC OR LATINO"
    race = subjects["race"].where(~hispanic, "HISPANIC")
    levels = {
        ("age", "below 65"): frame["age"] < 65,
        ("age", "65 to 80"): frame["age"].between(65, 80),
        ("age", "above 80"): frame["age"] > 80,
        ("sex", "F"): subjects["sex"] == "F",
        ("sex", "M"): subjects["sex"] == "M",
        ("bmi", "below 25"): frame["bmi"] < 25,
        ("bmi", "25 to below 30"): (frame["bmi"] >= 25) & (frame["bmi"] < 30),
        ("bmi", "30 or above"): frame["bmi"] >= 30,
        ("duration-of-disease", "below 12 months"): frame["duration-of-disease"] < 12,
        ("duration-of-disease", "12 months or longer"): frame["duration-of-disease"] >= 12,
        ("race", "White"): race == "WHITE",
        ("race", "Black"): race == "BLACK OR AFRICAN AMERICAN",
        ("race", "Hispanic"): race == "HISPANIC",
        ("race", "Other"): race == "AMERICAN INDIAN OR ALASKA NATIVE",
    }
    return [[*names, *trial.by_arm(selected)] for names, selected in levels.items()]


def adverse_events(trial: Trial) -> list[Cells]:
    """Give table 14-5.01: subjects, percent and events by arm, and Fisher's P against placebo."""
    events = trial.emergent
    sizes = trial.subjects.groupby("arm").size()
    rows = [(None, None, events)]
    for soc, of_soc in events.groupby("soc"):
        rows.append((soc, None, of_soc))
        rows += [(soc, pt, of_pt) for pt, of_pt in of_soc.groupby("pt")]
    table = []
    for soc, pt, selected in rows:
        subjects = selected.groupby("arm")["subject"].nunique().reindex(ARMS, fill_value=0)
        times = selected.groupby("arm").size().reindex(ARMS, fill_value=0)
        cells = [[int(subjects[a]), _percent(subjects[a], sizes[a]), int(times[a])] for a in ARMS]
        table.append([soc, pt, *cells, *(_fisher(subjects, sizes, arm) for arm in ARMS[1:])])
    return table


def _percent(count: int, size: int) -> float:
    return float(printed(Decimal(100 * int(count)) / int(size), 1))


def _fisher(counts: "pd.Series[int]", sizes: "pd.Series[int]", arm: str) -> str | None:
    pair = [(counts[item], sizes[item] - counts[item]) for item in (ARMS[0], arm)]
    if not pair[0][0] and not pair[1][0]:
        return None
    p = float(stats.fisher_exact(pair).pvalue)
    return ">0.99" if p > ALMOST_ONE else printed(p, 3)


def adas_cog(trial: Trial) -> list[Cells]:
    """Give table 14-3.10: ADAS-Cog over time, as observed in the windows and carried forward."""
    table = []
    frames = {"windowed": trial.scores, "LOCF": trial.carried_forward}
    for arm in ARMS:
        result = trial.efficacy[trial.subjects.loc[trial.efficacy, "arm"] == arm]
        start = trial.scores.loc[result, "baseline"]
        table.append(["baseline", arm, *described(start, (0, 1, 2, 1, 0, 0))])
        for method, frame in frames.items():
            for visit in WINDOWS:
                value = frame.loc[result, visit].dropna()
                at_start = start[value.index]
                _, mean, deviation, *_ = described(at_start, (0, 1, 2, 1, 0, 0))
                change = described(value - at_start, (0, 1, 2, 1, 0, 0))[1:]
                cells = [*described(value, (0, 1, 2, 1, 0, 0)), mean, deviation, *change]
                table.append([f"{visit} {method}", arm, *cells])
    return table


def covariance(trial: Trial) -> tuple[list[Cells], str]:
    """Give table 14-3.01: differences between arms at week 24, and the P of the dose."""
    scores = trial.carried_forward.loc[trial.efficacy].astype(float)
    subjects = trial.subjects.loc[trial.efficacy]
    frame = pd.DataFrame({
        "change": scores["week 24"] - scores["baseline"],
        "baseline": scores["baseline"],
        "arm": subjects["arm"],
        "group": subjects["site-group"],
        "dose": subjects["arm"].map(DOSES),
    })  # fmt: skip
    differences = []
    for arm, result in ((ARMS[1], ARMS[0]), (ARMS[2], ARMS[0]), (ARMS[2], ARMS[1])):
        formula = f"change ~ C(arm, Treatment('{result}')) + C(group) + baseline"
        fit = models.ols(formula, frame).fit()
        name = f"C(arm, Treatment('{result}'))[T.{arm}]"
        low, high = fit.conf_int().loc[name]
        numbers = (fit.params[name], fit.bse[name], low, high, fit.pvalues[name])
        cells = [
            printed(number, value) for number, value in zip(numbers, (1, 2, 1, 1, 3), strict=True)
        ]
        differences.append([arm, result, *cells])
    dose = models.ols("change ~ dose + C(group) + baseline", frame).fit()
    return differences, printed(dose.pvalues["dose"], 3)
