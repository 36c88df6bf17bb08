"""What follows of each subject of AIRWAY-2X2 from its events, by pandas: an oracle's first half.

Nothing here is the service's: records are folded, visits chosen and dates judged anew.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

ARMS = ("AB", "BA")
DRUGS = {"a": "AVESTEROL", "b": "BREMOTEROL"}
WINDOWS = {  # visit: first and last study day, and the day that it is planned for
    "run-in": (-21, -8, -14),
    "p1-baseline": (-7, 1, 1),
    "p1-week-2": (2, 21, 15),
    "p1-week-4": (22, 35, 29),
    "p2-baseline": (36, 46, 43),
    "p2-week-2": (47, 63, 57),
    "p2-week-4": (64, 78, 71),
    "follow-up": (79, 99, 85),
}
PLACES = {"fev1": 3, "alt": 0, "potassium": 1, "eosinophils": 3}
LITRES = {"mL": Decimal("0.001"), "L": Decimal(1)}
MEASURED_WITH = {"lab.result.reported": "collected", "dose.administered": "start",
                 "adverse-event.reported": "onset", "conmed.recorded": "start"}  # fmt: skip
DAYS_AFTER = 14


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def first_day(text: str) -> pd.Timestamp:
    """Give the first day that a date can mean."""
    return pd.Timestamp((text + "-01-01")[:10])


@dataclass(frozen=True)
class Trial:
    """The records at their highest revision: neither what is void nor a person's second id."""

    records: Mapping[tuple[str, str, str], Mapping[str, Any]]

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Trial":
        latest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        for line in lines:
            event = json.loads(line, parse_float=Decimal)
            data, kind = event["data"], event["type"].split(".", 2)[2].removesuffix(".v1")
            key = event["subject"], kind, data["record"]
            if key not in latest or latest[key]["revision"] < data["revision"]:
                latest[key] = data
        second = {subject for subject, kind, _ in latest if kind == "subject.superseded"}
        return cls({
            key: data
            for key, data in latest.items()
            if key[0] not in second and data.get("action") != "void"
        })  # fmt: skip

    def frame(self, kind: str, **criteria: str) -> pd.DataFrame:
        """Give the records of a kind of which some fields have these values, one a row."""
        rows = [
            {"subject": subject, **data}
            for (subject, name, _), data in self.records.items()
            if name == kind and all(data.get(field) == value for field, value in criteria.items())
        ]
        return pd.DataFrame(rows, columns=None if rows else ["subject", "record"])

    def who(self, kind: str, **criteria: str) -> pd.Index:
        """Give the subjects with such a record."""
        return pd.Index(sorted(set(self.frame(kind, **criteria)["subject"])))

    @cached_property
    def enrolled(self) -> pd.DataFrame:
        """Give who was enrolled, with what is known of each."""
        frame = self.frame("subject.enrolled").set_index("subject").sort_index()
        for name in ("years-with-asthma", "fev1-predicted"):
            frame[name] = [
                float(characteristic[name]) for characteristic in frame["characteristics"]
            ]
        randomised = self.frame("subject.randomised").set_index("subject")
        frame["arm"] = randomised["arm"]
        for name in ("severity", "steroid"):
            frame[name] = pd.Series({s: item[name] for s, item in randomised["strata"].items()})
        doses = self.doses.groupby("subject")
        frame["first"], frame["last"] = doses["day"].min(), doses["until"].max()
        frame["began"] = doses["start"].min()
        first = doses["treatment"].first()
        frame["received"] = first.map({"AVESTEROL": "AB", "BREMOTEROL": "BA"})
        ended = self.frame("disposition.recorded", of="study").set_index("subject")
        frame[["status", "reason", "left-in"]] = ended[["status", "reason", "period"]]
        frame["ended"] = pd.to_datetime(ended["date"])
        frame["contact"] = self._contact()
        return frame

    @cached_property
    def randomised(self) -> pd.DataFrame:
        return self.enrolled[self.enrolled["arm"].notna()]

    @cached_property
    def treated(self) -> pd.DataFrame:
        return self.enrolled[self.enrolled["first"].notna()]

    @cached_property
    def doses(self) -> pd.DataFrame:
        frame = self.frame("dose.administered").sort_values(["subject", "start"])
        frame["day"] = pd.to_datetime(frame["start"].str[:10])
        frame["until"] = pd.to_datetime(frame["end"].str[:10])
        return frame

    def _contact(self) -> "pd.Series[Any]":
        values: dict[str, pd.Timestamp] = {}
        for (subject, kind, _), data in self.records.items():
            texts = (data.get(MEASURED_WITH.get(kind, "date")), data.get("end"))
            for day in (first_day(text) for text in texts if text and not kind.endswith("missed")):
                values[subject] = max(values.get(subject, day), day)
        return pd.Series(values)

    def results(self, parameter: str) -> pd.DataFrame:
        """Give a parameter's results as they count, with when and on which study day."""
        rows = [
            (subject, data["date"], record, self._value(item))
            for (subject, kind, record), data in self.records.items()
            if kind == "visit.recorded"
            for item in data["measurements"]
            if item["parameter"] == parameter
        ]
        rows += [
            (subject, data["collected"], record, self._value(data))
            for (subject, kind, record), data in self.records.items()
            if kind == "lab.result.reported" and data["parameter"] == parameter
        ]
        frame = pd.DataFrame(rows, columns=["subject", "when", "record", "value"])
        frame = frame.join(self.enrolled[["first", "began", "ended", "status"]], on="subject")
        frame["date"] = pd.to_datetime(frame["when"].str[:10])
        days = (frame["date"] - frame["first"]).dt.days
        frame["day"] = days + (days >= 0)
        timed = frame["when"].str.contains("T")
        frame["before"] = (frame["date"] < frame["first"]) | (
            (frame["date"] == frame["first"]) & (~timed | (frame["when"] <= frame["began"]))
        )
        after_end = (frame["status"] == "discontinued") & (frame["date"] > frame["ended"])
        return frame[~after_end].sort_values(["date", "record"])

    @staticmethod
    def _value(item: Mapping[str, Any]) -> float:
        text, parameter = item["result"], item["parameter"]
        number = Decimal(text.removeprefix("<")) * LITRES.get(item["unit"], Decimal(1))
        number = number / 2 if text.startswith("<") else number
        if parameter == "alt":
            return float(rounded(number / item["range_high"], 3))
        if parameter == "eosinophils":
            return float(number.log10())
        return float(rounded(number, PLACES.get(parameter, 0)))

    def by_visit(self, parameter: str) -> pd.DataFrame:
        """Choose each visit's result: the closest to its day, of two as close the later."""
        rows, by_visit = self.results(parameter), {}
        for visit, (low, high, target) in WINDOWS.items():
            near = rows[rows["day"].between(low, high)]
            if visit == "p1-baseline":
                near = near[near["before"]]
            order = near.assign(distance=-(near["day"] - target).abs())
            order = order.sort_values(["distance", "date", "record"])
            by_visit[visit] = order.groupby("subject")["value"].last()
        return pd.DataFrame(by_visit).reindex(self.enrolled.index)

    def by_drug(self, first: "pd.Series[Any]", second: "pd.Series[Any]") -> pd.DataFrame:
        """Sort what was found in the two periods by the drug that the sequence gives there."""
        ahead = self.randomised["arm"] == "AB"
        first, second = first.reindex(ahead.index), second.reindex(ahead.index)
        return pd.DataFrame({"a": first.where(ahead, second), "b": second.where(ahead, first)})

    def due(self, visit: str) -> "pd.Series[bool]":
        """Say of whom a visit is due: it is over for them, or they were seen after its window."""
        window = self.enrolled["first"] + pd.Timedelta(days=WINDOWS[visit][1] - 1)
        return self.enrolled["ended"].notna() | (self.enrolled["contact"] > window)

    def responds(self, change: "pd.Series[Any]", due: "pd.Series[bool]") -> "pd.Series[Any]":
        """Judge a response: None while a missing one is not yet due."""
        judged = [
            bool(value >= 0.15) if not np.isnan(value) else False if is_over else None
            for value, is_over in zip(change, due.reindex(change.index), strict=True)
        ]
        return pd.Series(judged, index=change.index, dtype=object)

    @cached_property
    def events(self) -> pd.DataFrame:
        """Give adverse events of the treated: coded, and with the treatment at their onset."""
        events = self.frame("adverse-event.reported")
        coded = self.frame("adverse-event.coded")[["subject", "adverse_event", "soc", "pt"]]
        keys = {"left_on": ["subject", "record"], "right_on": ["subject", "adverse_event"]}
        events = events.merge(coded, how="left", **keys).fillna(
            {"soc": "Not coded", "pt": "Not coded"}
        )
        events = events.join(self.treated[["first", "last"]], on="subject", how="inner")
        events["began"] = [self._began(*pair) for pair in zip(events["onset"], events["first"])]  # noqa: B905
        ended = pd.to_datetime(events["end"])
        inside = events["began"].between(
            events["first"], events["last"] + pd.Timedelta(days=DAYS_AFTER)
        )
        events["emergent"] = inside & ~(ended < events["first"])
        events["related"] = events["causality"].fillna("RELATED") == "RELATED"
        events["drug"] = [self._drug(*pair) for pair in zip(events["subject"], events["began"])]  # noqa: B905
        return events

    @staticmethod
    def _began(onset: str, first: pd.Timestamp) -> pd.Timestamp:
        is_partial = len(onset) < 10 and f"{first:%Y-%m-%d}".startswith(onset)
        return first if is_partial else first_day(onset)

    def _drug(self, subject: str, day: pd.Timestamp) -> str:
        dose = self.doses[(self.doses["subject"] == subject) & (self.doses["day"] <= day)]
        return "" if dose.empty else str(dose["treatment"].iloc[-1])
