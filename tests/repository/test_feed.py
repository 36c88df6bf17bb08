"""The feed of TMB-301, recomputed from its lines alone.

Nothing here uses the service's own arithmetic: windows, baselines, imputation and counts are
written a second time, in the plainest way. Only the messages are read with `trial.messages`.
"""

import csv
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import comb
from pathlib import Path
from statistics import median

import pytest
import yaml

from trial.definition import study
from trial.errors import Rejected
from trial.events.envelope import parse
from trial.events.json_body import read_json
from trial.subject.acceptance import check_acceptable

FOLDER = Path(__file__).parents[2] / "events" / "tmb-301"
MADE = ("feed.ndjson", "wrong.ndjson", "wrong.expected.json")
TARGETS = {"day-0": 0, "day-7": 7, "day-14": 14, "day-21": 21} | {
    f"week-{week}": 7 * week for week in range(5, 26, 2)
}
WINDOWS = {"day-0": (-1, 1), "day-7": (6, 8), "day-14": (12, 17), "day-21": (18, 24)} | {
    f"week-{week}": (25 if week == 5 else 7 * week - 6, 7 * week + 7) for week in range(5, 26, 2)
}
UNITS = {
    "viral-load": "copies/mL",
    "cd4": "cells/uL",
    "weight": "kg",
    "temperature": "C",
    "pulse": "beats/min",
}
RASH = {f"Rash {adjective}" for adjective in ("erythematous", "generalised", "macular", "papular")}
RASH |= {"Rash", "Rash maculo-papular"}
TEXTS = {  # issue 2, "What must be shown"
    "enrolled": "40",
    "completed": "31",
    "discontinued": "9",
    "baseline-viral-load": "4.5",
    "baseline-cd4": "150",
    "primary-responders": "33 (83%)",
    "primary-p": "<0.001",
    "day14-mean-decrease": "1.1",
    "control-responders": "1 (3%)",
    "control-responder-decrease": "0.5",
    "week25-mean-decrease": "1.6",
    "week25-below-50": "17 (43%)",
    "week25-below-200": "20 (50%)",
    "failure-or-rebound": "10",
    "lower-susceptibility": "9",
    "diarrhea": "8 (20%)",
    "deaths": "4",
    "related-serious": "1",
    "day14-at-least-1.0": "24 (60%)",
    "week25-below-400": "21 (53%)",
    "week25-at-least-1.0": "22 (55%)",
    "week25-more-than-2.0": "19 (48%)",
    "week25-below-50-completers": "17 (55%)",
    "week25-median-decrease": "1.8",
    "week25-median-decrease-completers": "2.5",
    "week25-mean-decrease-below-50": "3.1",
    "related-diarrhea": "3 (8%)",
    "related-dizziness": "3 (8%)",
    "related-nausea": "2 (5%)",
    "related-rash": "2 (5%)",
}


def lines(name):
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


def table(name):
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def day_of(text):
    return date.fromisoformat(text[:10])


def half_up(value, places=0):
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def log10(copies):
    return Decimal(half_up(Decimal(copies).log10(), 6))


def part(n, whole):
    return f"{n} ({half_up(Decimal(100 * n) / whole)}%)"


def mean(values):
    return sum(values, Decimal(0)) / len(values)


class Patient:
    """The records of one patient in force, and what follows from them."""

    def __init__(self, records):
        self.records = records

    def of(self, kind):
        return [record for (its, _), record in self.records.items() if its == kind]

    def one(self, kind):
        (only_record,) = self.of(kind)
        return only_record

    @cached_property
    def day0(self):
        return day_of(self.one("subject.enrolled")["date"])

    @cached_property
    def first_dose(self):
        return min(dose["start"] for dose in self.of("dose.administered"))

    @cached_property
    def completed(self):
        return self.one("disposition.recorded")["status"] == "completed"

    @cached_property
    def end(self):
        return day_of(self.one("disposition.recorded")["date"])

    def samples(self, parameter):
        """Give samples that count: (collected, record id, value, below quantification)."""
        samples = []
        for (kind, name), data in self.records.items():
            if kind == "lab.result.reported" and data["parameter"] == parameter:
                result, when = data["result"], data["collected"]
                if day_of(when) <= self.end:
                    value = Decimal(result.lstrip("<>"))
                    samples.append((when, name, value, result.startswith("<")))
        return sorted(samples)

    def at(self, visit, parameter="viral-load"):
        low, high = WINDOWS[visit]
        inside = []
        for when, name, value, below in self.samples(parameter):
            day = (day_of(when) - self.day0).days
            if low <= day <= high and self.in_time(visit, when):
                inside.append((-abs(day - TARGETS[visit]), day, name, value, below))
        return max(inside)[3:] if inside else None

    def in_time(self, visit, when):
        if visit == "day-7":
            return when <= self.first_dose
        started = day_of(self.one("regimen.started")["date"])
        if visit == "day-14" and 12 <= (started - self.day0).days <= 17:
            return day_of(when) <= started
        return True

    def log(self, visit):
        value = self.at(visit)
        return None if value is None else log10(value[0])

    def decrease(self, visit, since="day-7"):
        later = self.log(visit)
        return None if later is None else self.log(since) - later

    def below(self, limit):
        value = self.at("week-25")
        return value is not None and (value[0] < limit or (value[1] and value[0] <= limit))

    @cached_property
    def emergent(self):
        """(term, class, data) of the treatment-emergent adverse events; term None: not coded."""
        last = max(day_of(dose["start"]) for dose in self.of("dose.administered"))
        codes = {code["adverse_event"]: code for code in self.of("adverse-event.coded")}
        events = []
        for (kind, name), data in self.records.items():
            if kind == "adverse-event.reported":
                onset = day_of(data["onset"])
                if day_of(self.first_dose) <= onset <= last + timedelta(30):
                    events.append((codes[name]["pt"], codes[name]["soc"], data))
        return events

    def had(self, terms, *, related=False):
        return any(
            term in terms and (not related or data["causality"] == "RELATED")
            for term, _, data in self.emergent
        )


def in_force(entries):
    latest = {}
    for entry in entries:
        key = entry.subject, entry.kind, entry.record
        if key not in latest or latest[key].revision < entry.revision:
            latest[key] = entry
    records = defaultdict(dict)
    for (subject, kind, record), entry in latest.items():
        if not entry.void:
            fields = dict(entry.data)
            records[subject][kind, record] = fields
    return {subject: Patient(records[subject]) for subject in sorted(records)}


@pytest.fixture(scope="module")
def feed():
    return [parse(read_json(line), line) for line in lines("feed.ndjson")]


@pytest.fixture(scope="module")
def definition():
    text = (FOLDER / "definition.yaml").read_text(encoding="utf-8")
    return study.load(json.dumps(yaml.safe_load(text), default=str))


@pytest.fixture(scope="module")
def patients(feed):
    return in_force(feed)


def mcnemar(pairs):
    """Give the exact two-sided P value of the discordant pairs."""
    b, c = pairs[False, True], pairs[True, False]
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1))
    return min(Fraction(1), Fraction(2 * tail, 2 ** (b + c)))


def disposition(people):
    baseline = [p.log("day-7") for p in people]
    cd4 = [p.at("day-7", "cd4")[0] for p in people]
    completed = sum(p.completed for p in people)
    return {
        "enrolled": str(len(people)),
        "completed": str(completed),
        "discontinued": str(len(people) - completed),
        "baseline-viral-load": half_up(mean(baseline), 1),
        "baseline-cd4": half_up(mean(cd4)),
    }


def primary(people):
    half = Decimal("0.5")
    day14 = [p.decrease("day-14") for p in people]
    control = [p.decrease("day-7", "day-0") for p in people]
    pairs = Counter((c >= half, d >= half) for c, d in zip(control, day14, strict=True))
    assert pairs == {(True, True): 1, (False, True): 32, (False, False): 7}
    responders = [c for c in control if c >= half]
    return {
        "primary-responders": part(sum(d >= half for d in day14), len(people)),
        "primary-p": "<0.001" if mcnemar(pairs) < Fraction(1, 1000) else "",
        "day14-mean-decrease": half_up(mean(day14), 1),
        "control-responders": part(len(responders), len(people)),
        "control-responder-decrease": half_up(mean(responders), 1),
        "day14-at-least-1.0": part(sum(d >= 1 for d in day14), len(people)),
    }


def week25(people):
    n = len(people)
    finished = [p for p in people if p.completed]
    observed = [p.decrease("week-25") for p in people if p.at("week-25")]
    carried_back = [p.decrease("week-25") or Decimal(0) for p in people]
    suppressed = [p for p in people if p.below(50)]
    assert len(observed) == 31
    return {
        "week25-mean-decrease": half_up(mean(carried_back), 1),
        "week25-below-50": part(len(suppressed), n),
        "week25-below-200": part(sum(p.below(200) for p in people), n),
        "week25-below-400": part(sum(p.below(400) for p in people), n),
        "week25-at-least-1.0": part(sum(d >= 1 for d in observed), n),
        "week25-more-than-2.0": part(sum(d > 2 for d in observed), n),
        "week25-below-50-completers": part(sum(p.below(50) for p in finished), len(finished)),
        "week25-median-decrease": half_up(median(carried_back), 1),
        "week25-median-decrease-completers": half_up(
            median(p.decrease("week-25") for p in finished), 1
        ),
        "week25-mean-decrease-below-50": half_up(
            mean([p.decrease("week-25") for p in suppressed]), 1
        ),
    }


def safety(people):
    n = len(people)
    related = {
        "related-diarrhea": {"Diarrhoea"},
        "related-dizziness": {"Dizziness"},
        "related-nausea": {"Nausea"},
        "related-rash": RASH,
    }
    serious = [
        p
        for p in people
        if any(d["serious"] and d["causality"] == "RELATED" for _, _, d in p.emergent)
    ]
    lower = [p for p in people if any(r["susceptibility"] == "reduced" for r in p.of(RESISTANCE))]
    return {
        "failure-or-rebound": str(sum(bool(p.of("outcome.adjudicated")) for p in people)),
        "lower-susceptibility": str(len(lower)),
        "diarrhea": part(sum(p.had({"Diarrhoea"}) for p in people), n),
        "deaths": str(sum(bool(p.of("death.reported")) for p in people)),
        "related-serious": str(len(serious)),
    } | {
        name: part(sum(p.had(terms, related=True) for p in people), n)
        for name, terms in related.items()
    }


RESISTANCE = "resistance.reported"


def test_every_key_result_recomputed_from_the_feed_has_the_text_of_the_issue(patients):
    people = list(patients.values())
    key_results = disposition(people) | primary(people) | week25(people) | safety(people)
    assert key_results == TEXTS


def test_the_published_key_results_are_those_of_the_issue_in_its_order():
    published = json.loads((FOLDER / "published.json").read_text())
    assert [(key_result["id"], key_result["text"]) for key_result in published] == list(
        TEXTS.items()
    )
    assert all(set(f) == {"id", "label", "text", "kind", "source"} for f in published)
    assert {key_result["kind"] for key_result in published} <= {"published", "derived"}


def test_other_rules_give_the_other_numbers_that_the_definition_warns_of(patients):
    people = list(patients.values())
    carried = [p.log("day-7") - log10(p.samples("viral-load")[-1][2]) for p in people]
    observed = [p.decrease("week-25") for p in people if p.at("week-25")]
    back = [p.decrease("week-25") or Decimal(0) for p in people]
    assert half_up(mean(carried), 3) == "1.632"
    assert half_up(mean(back), 3) == "1.592"
    assert half_up(mean(observed), 2) == "2.05"
    assert sum(d >= Decimal("0.5") for d in carried) == 26
    assert sum(d >= Decimal("0.5") for d in observed) == 25


def confirmed(values, is_beyond):
    return any(is_beyond(a) and is_beyond(b) for a, b in pairwise(values))


def failed(patient, values):
    """Find two consecutive values less than 0.5 log10 below baseline since the regimen's start."""
    started = day_of(patient.one("regimen.started")["date"])
    baseline = patient.log("day-7")
    after = [log10(value) for when, value in values if day_of(when) >= started]
    return confirmed(after, lambda value: baseline - value < Decimal("0.5"))


def rebounded(patient, values):
    """Find a confirmed rise of 1.0 log10 above the lowest value so far, or to 200 after < 50."""
    on_treatment = [value for when, value in values if when > patient.first_dose]
    for position in range(1, len(on_treatment)):
        lowest, pair = min(on_treatment[:position]), on_treatment[position : position + 2]
        risen = all(log10(value) - log10(lowest) >= 1 for value in pair)
        escaped = lowest < 50 and all(value >= 200 for value in pair)
        if len(pair) == 2 and (risen or escaped):
            return True
    return False


def every_sample(patient):
    return [(when, value) for when, _, value, _ in patient.samples("viral-load")]


def one_per_visit(patient):
    pairs = [(patient.day0 + timedelta(TARGETS[v]), patient.at(v)) for v in TARGETS]
    return [(f"{day}T23", value[0]) for day, value in pairs if value]


@pytest.mark.parametrize("values_of", [every_sample, one_per_visit])
def test_the_viral_loads_agree_with_the_adjudicated_failures(patients, values_of):
    adjudicated, derived = {}, {}
    for subject, patient in patients.items():
        for outcome in patient.of("outcome.adjudicated"):
            adjudicated[subject] = outcome["outcome"]
        values = values_of(patient)
        if rebounded(patient, values):
            derived[subject] = "rebound"
        elif failed(patient, values):
            derived[subject] = "virologic-failure"
    assert derived == adjudicated
    assert {subject[-3:] for subject in derived} == {*map("{:03}".format, range(23, 32)), "035"}


def test_what_is_known_of_the_cohort_stands_in_the_feed_unchanged(patients):
    rows = table("cohort.csv")
    assert list(patients) == [row["id"] for row in rows]
    for row in rows:
        patient = patients[row["id"]]
        assert enrolled(patient) == [
            row[name]
            for name in (
                "country",
                "age",
                "sex",
                "race",
                "yrs_hiv",
                "insti_r",
                "oss",
                "fostemsavir",
            )
        ]
        assert str(patient.at("day-7", "cd4")[0]) == row["cd4"]
        visits = {"d0": "day-0", "bl": "day-7", "d14": "day-14", "w21": "week-21", "w25": "week-25"}
        for column, visit in visits.items():
            assert not row[column] or as_reported(patient.at(visit)) == row[column]
        last = patient.samples("viral-load")[-1]
        assert as_reported(last[2:]) == (row["w25"] or row["last"])
        ending(patient, row)


def enrolled(patient):
    data = patient.one("subject.enrolled")
    characteristics = data["characteristics"]
    facts = [data[name] for name in ("country", "age", "sex", "race")]
    facts += [
        characteristics["years-since-diagnosis"],
        characteristics["insti-resistant"],
        characteristics.get("oss", ""),
    ]
    return [*map(str, facts), characteristics["investigational-agent"]]


def as_reported(result):
    value, below = result
    return f"<{value}" if below else str(value)


def ending(patient, row):
    data = patient.one("disposition.recorded")
    assert data.get("reason", "COMPLETED") == row["dsdecod"]
    if patient.completed:
        assert patient.end == max(day_of(v["date"]) for v in patient.of("visit.recorded"))
    else:
        assert (patient.end - patient.day0).days == int(row["dsday"])
    isolates = [r["susceptibility"] for r in patient.of(RESISTANCE)]
    at_failure = {"Y": ["reduced"], "N": ["not reduced"]}.get(row["reduced_suscept"], [])
    assert [i for i in isolates if i != "reference"] == at_failure


def test_the_adverse_events_in_force_are_those_of_the_table(patients):
    events_in_force = []
    for subject, patient in patients.items():
        codes = {code["adverse_event"]: code for code in patient.of("adverse-event.coded")}
        for (kind, name), data in patient.records.items():
            if kind == "adverse-event.reported":
                code = codes.pop(name)
                day = (day_of(data["onset"]) - patient.day0).days
                facts = (subject, code["pt"], code["soc"], str(day), str(data["grade"]))
                facts += ("Y" if data["causality"] == "RELATED" else "N",)
                facts += ("Y" if data["serious"] else "N", "".join(data.get("seriousness", ())))
                events_in_force.append((*facts, data["outcome"], data["action_taken"]))
                assert data.get("end", data["onset"]) >= data["onset"]
        assert not codes
    assert sorted(events_in_force) == sorted(tuple(row.values()) for row in table("ae.csv"))


def test_the_course_of_the_trial_is_that_of_the_protocol(patients):
    people = list(patients.values())
    starts = [p.day0 for p in people]
    finished = [p for p in people if p.completed]
    assert max(starts) == date(2016, 4, 24)
    assert min(starts).year == 2015
    assert date(2016, 10, 16) <= max(p.end for p in finished) <= date(2016, 10, 23)
    visit_days = [day_of(v["date"]) for p in people for v in p.of("visit.recorded")]
    assert {d for d in visit_days if d.isoweekday() > 5} == {date(2016, 4, 24)}
    doses = Counter(len(p.of("dose.administered")) for p in finished)
    assert max(doses) == 12
    assert doses[12] > 20
    assert Counter(p.one("subject.enrolled")["country"] for p in people) == {"USA": 36, "TWN": 4}
    assert sum(len(p.of("outcome.adjudicated")) for p in people) == 10
    references = [r for p in people for r in p.of(RESISTANCE) if r["susceptibility"] == "reference"]
    assert len(references) == 38
    assert median(r["ec50"] for r in references) == 31


def test_the_rules_resolve_repeated_and_unscheduled_samples(patients):
    def seen(number, visit):
        return as_reported(patients[f"TMB301-{number}"].at(visit))

    assert seen("014", "week-7") == "88"  # two on one day: the later accession
    assert seen("012", "week-13") == "58"  # as far from the target: the later
    assert seen("003", "week-17") == "236"  # its repeat is further away
    withdrawn = patients["TMB301-037"]
    dates = [d["collected"] for d in withdrawn.of("lab.result.reported")]
    assert any(day_of(when) > withdrawn.end for when in dates)  # drawn after withdrawal
    assert all(day_of(when) <= withdrawn.end for when, *_ in withdrawn.samples("viral-load"))


def test_every_visit_lies_in_its_window(patients):
    for patient in patients.values():
        for visit in patient.of("visit.recorded"):
            low, high = WINDOWS[visit["visit"]]
            assert low <= (day_of(visit["date"]) - patient.day0).days <= high


def clinical_dates(value):
    if isinstance(value, dict):
        for name, member in value.items():
            if name in ("date", "onset", "end", "start", "collected", "reported"):
                yield (member + "-01-01")[:10]
            else:
                yield from clinical_dates(member)
    if isinstance(value, list):
        for member in value:
            yield from clinical_dates(member)


def test_every_event_keeps_to_the_vocabulary_and_the_calendar(feed):
    for entry in feed:
        data = entry.data
        sent_on = day_of(entry.time)
        assert sent_on <= date(2016, 12, 31)
        for text in clinical_dates(data):
            assert date(2015, 1, 1) <= day_of(text) <= sent_on
        assert data.get("visit", "day-0") in TARGETS
        for result in [data, *data.get("measurements", [])]:
            assert result.get("unit") == UNITS.get(result.get("parameter"), result.get("unit"))
    assert not {e.kind for e in feed} & {"subject.screened", "screening.failed"}
    assert {entry.study for entry in feed} == {"TMB-301"}


def test_the_feed_contains_no_conflict(feed):
    contents = defaultdict(set)
    for entry in feed:
        contents[entry.subject, entry.kind, entry.record, entry.revision].add(entry.digest)
    assert all(len(digests) == 1 for digests in contents.values())


def test_histories_are_complete_and_every_event_has_an_id_of_its_own(feed):
    revisions = defaultdict(set)
    bodies = defaultdict(set)
    for entry in feed:
        revisions[entry.subject, entry.kind, entry.record].add(entry.revision)
        bodies[entry.event_id].add(entry.body)
    assert all(numbers == set(range(1, max(numbers) + 1)) for numbers in revisions.values())
    assert all(len(texts) == 1 for texts in bodies.values())


def test_the_feed_has_what_happens_to_real_feeds(feed):
    assert 2_200 <= len(feed) <= 2_400
    revisions = Counter((e.subject, e.kind, e.record, e.revision) for e in feed)
    identical = len(feed) - len({entry.body for entry in feed})
    assert identical >= 20
    assert len(feed) - len(revisions) - identical >= 20
    corrected = {(e.subject, e.kind, e.record): e for e in feed if e.revision > 1 and not e.void}
    follow_ups = sum((e.reason or "").startswith("Follow-up") for e in corrected.values())
    assert len(corrected) - follow_ups >= 25
    assert sum(revision == 3 for *_, revision in revisions) >= 3
    voided = {entry.kind for entry in feed if entry.void}
    assert {"adverse-event.reported", "lab.result.reported", "dose.administered"} <= voided


def test_events_arrive_late_and_out_of_order(feed):
    first = {}
    for place, e in enumerate(feed):
        first.setdefault((e.subject, e.kind, e.record, e.revision), place)
    overtaken = [key for key in first if first.get((*key[:3], key[3] + 1), len(feed)) < first[key]]
    assert len(overtaken) >= 6
    times = [datetime.fromisoformat(e.time) for e in feed]
    assert sum(later < earlier for earlier, later in pairwise(times)) >= 100
    enrolment = {s: place for (s, kind, *_), place in first.items() if kind == "subject.enrolled"}
    doses = [s for (s, kind, *_), place in first.items() if "dose" in kind and place < enrolment[s]]
    assert doses
    coded = [
        subject
        for (subject, kind, record, revision), place in first.items()
        if kind == "adverse-event.coded"
        and place < first[subject, "adverse-event.reported", record.removeprefix("C-"), revision]
    ]
    assert coded


@pytest.mark.parametrize("hash_seed", ["0", "301"])
def test_the_generator_writes_the_committed_bytes(tmp_path, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": "Asia/Taipei"}
    script = str(FOLDER / "generate.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, env=environment)
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


EXPECTED = json.loads((FOLDER / "wrong.expected.json").read_text())


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected["what"])
def test_each_wrong_event_is_wrong_in_one_place(expected, definition, feed):
    line = lines("wrong.ndjson")[expected["line"] - 1]
    if expected["status"] == 409:
        contradicts(take(line, definition), feed)
        return
    with pytest.raises(Rejected) as caught:
        take(line, definition)
    assert caught.value.status == expected["status"]
    pointers = [expected["pointer"]] if "pointer" in expected else []
    assert [fault.pointer for fault in caught.value.faults] == pointers
    assert expected.get("place", "") in caught.value.detail


def take(line, definition):
    entry = parse(read_json(line), line, "TMB-301")
    check_acceptable(definition, entry)
    return entry


def contradicts(entry, feed):
    def key(line):
        return line.subject, line.kind, line.record, line.revision

    (digest,) = {e.digest for e in feed if key(e) == key(entry)}
    assert entry.digest != digest


def test_the_definition_takes_every_event_of_the_feed(definition, feed):
    for entry in feed:
        check_acceptable(definition, entry)


def test_wrong_events_are_of_records_that_the_feed_does_not_know(feed):
    assert not any(entry.record.startswith("WRONG") for entry in feed)
    own_lines = [line for line in lines("wrong.ndjson") if line.count("WRONG") == 1]
    assert len(own_lines) == len(EXPECTED) - 3  # the one cut off, the text and the conflict


def test_every_wrong_line_is_expected():
    assert [expected["line"] for expected in EXPECTED] == [
        *range(1, len(lines("wrong.ndjson")) + 1)
    ]
