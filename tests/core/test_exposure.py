"""Exposure of a subject: amounts, plan, intensity, compliance, duration; each against a recount."""

from fractions import Fraction
from typing import Any

import builders
import pytest
from builders import day, disposition, dose, enrolment, entry, tiny
from hypothesis import given
from hypothesis import strategies as st
from parallel import printed

from trial.definition.exposure import Exposure
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods.wording import exposure as words
from trial.tables import checking
from trial.tables.compiled import compiled

MG: dict[str, Any] = {"unit": "mg"}


def study(**exposure: Any) -> Study:
    measures = builders.TINY["measures"] | {"new": {"exposure": exposure}}
    row = {"id": "new", "label": "New", "summary": "new", "statistics": ["n", "mean"]}
    table = {"id": "t", "title": "T", "population": "All", "rows": [row],
             "columns": [{"id": "total", "label": "Total", "set": "enrolled"}]}  # fmt: skip
    return tiny(measures=measures, tables=[table], key_results=[])


def value(*entries: Entry, **exposure: Any) -> Fraction | None:
    defined = study(**exposure)
    quantity = compiled(defined).rules.measure("new", "")
    result = quantity.evaluate(builders.derive(enrolment(), *entries, study=defined))
    if result is None:
        return None
    return Fraction(result.unrounded(quantity.places)).limit_denominator(10**12)


def missed(study_day: int) -> Entry:
    return entry(
        "dose.missed",
        record=f"MISSED-{study_day}",
        visit="week-5",
        reason="Away",
        date=day(study_day),
    )


FORTNIGHTLY = (dose(0), dose(14, amount=400), dose(28), missed(42), dose(56))
"""800, 400, 800, none and 800 mg, planned 800 every 14 days."""
PLAN: dict[str, Any] = {**MG, "planned_dose": 800}


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [
        ({"of": "cumulative-dose", **MG}, 2800),
        ({"of": "planned-dose", **PLAN}, 4000),
        ({"of": "compliance", **PLAN}, 70),
        ({"of": "duration"}, 57),
        ({"of": "duration", "interval": 14}, 70),
        ({"of": "dose-intensity", **MG}, Fraction(2800, 57)),
        ({"of": "dose-intensity", **MG, "interval": 14, "days": 7}, 280),
        ({"of": "relative-dose-intensity", **PLAN, "interval": 14}, 70),
        ({"of": "cumulative-dose", "unit": "g", "units": {"mg": "0.001"}}, Fraction(14, 5)),
    ],
)
def test_of_five_planned_doses(exposure, expected):
    assert value(*FORTNIGHTLY, **exposure) == expected


def test_a_delay_lowers_the_relative_intensity_and_not_the_compliance():
    late = (dose(0), dose(21), dose(49))
    assert value(*late, of="compliance", **PLAN) == 100
    relative = value(*late, of="relative-dose-intensity", interval=14, **PLAN)
    assert relative == Fraction(100 * 2400, 63) / Fraction(2400, 42)


class TestUnknown:
    def test_who_was_never_dosed_has_none_and_it_is_missing_once_all_is_over(self):
        for exposure in ({"of": "cumulative-dose", **MG}, {"of": "duration"}):
            assert value(**exposure) is None
            defined = study(**exposure)
            quantity = compiled(defined).rules.measure("new", "")
            waiting = builders.derive(enrolment(), study=defined)
            completed = builders.derive(enrolment(), disposition(9), study=defined)
            assert (quantity.pending(waiting), quantity.pending(completed)) == (True, False)

    def test_an_amount_in_another_unit_leaves_it_open(self):
        assert value(dose(0), dose(1, unit="mL"), of="cumulative-dose", **MG) is None
        options = {"of": "cumulative-dose", **MG, "units": {"mL": 2}}
        assert value(dose(0), dose(1, unit="mL"), **options) == 2400

    def test_a_plan_that_nobody_states_leaves_it_open(self):
        assert value(dose(0), of="compliance", **MG) is None
        assert value(dose(0, planned=1600), of="compliance", **MG) == 50
        assert value(dose(0, planned=1600), missed(9), of="compliance", **MG) is None
        assert value(dose(0, planned=1600), missed(9), of="compliance", **PLAN) == Fraction(100, 3)

    def test_nothing_planned_is_no_percentage(self):
        placebo = dose(0, planned=0)
        assert value(placebo, of="compliance", **MG) is None
        assert value(placebo, of="planned-dose", **MG) == 0

    def test_a_dose_that_does_not_say_of_what_leaves_a_treatment_open(self):
        of_drug = {"of": "cumulative-dose", **MG, "treatment": "drug"}
        assert value(dose(0), dose(1, treatment="other"), **of_drug) == 800
        assert value(dose(0), dose(1, treatment=None), **of_drug) is None
        assert value(dose(0, treatment="other"), **of_drug) is None

    def test_a_missed_dose_does_not_say_of_what_either(self):
        of_drug = {"of": "compliance", **PLAN, "treatment": "drug"}
        assert value(dose(0), **of_drug) == 100
        assert value(dose(0), missed(9), **of_drug) is None


class TestPerDay:
    def test_an_amount_is_of_each_day_of_its_record(self):
        records = (dose(0, "08:00", end=day(9)), dose(20, amount=400, end=day(24)))
        assert value(*records, of="cumulative-dose", per_day=True, **MG) == 8000 + 2000
        relative = {"of": "relative-dose-intensity", "per_day": True, **PLAN}
        assert value(*records, **relative) == 100 * Fraction(10_000, 25 * 800)
        compliance = {"of": "compliance", "per_day": True, **PLAN}
        assert value(*records, missed(15), **compliance) == 100 * Fraction(10_000, 16 * 800)

    def test_the_planned_intensity_is_of_what_the_doses_say_was_planned(self):
        records = (
            dose(0, end=day(9), amount=400, planned=400),
            dose(10, end=day(19), amount=400),
        )
        relative = {"of": "relative-dose-intensity", "per_day": True, **PLAN}
        assert value(*records, **relative) == 100 * Fraction(20 * 400, 10 * 400 + 10 * 800)
        assert value(*records, missed(20), **relative) == near(
            100 * 400 / ((10 * 400 + 11 * 800) / 21)
        )
        assert value(dose(0, end=day(9), amount=0, planned=0), **relative) is None

    def test_a_record_that_goes_on_leaves_it_open(self):
        assert value(dose(0), of="cumulative-dose", per_day=True, **MG) is None
        assert value(dose(0), of="duration") == 1


_AMOUNTS = st.sampled_from(["800", "400.5", "0.000000001", "99999.999999999"])
_DOSES = st.lists(st.tuples(st.integers(0, 90), _AMOUNTS, _AMOUNTS | st.none()),
                  min_size=1, max_size=5, unique_by=lambda dose_drawn: dose_drawn[0])  # fmt: skip


@given(_DOSES, st.integers(0, 3), st.sampled_from([None, 700]), st.sampled_from([None, 14]))
def test_against_a_recount(doses_drawn, skipped, planned_dose, interval):
    doses = [
        dose(study_day, amount=float(amount), **({"planned": float(planned)} if planned else {}))
        for study_day, amount, planned in doses_drawn
    ]
    entries = [*doses, *(missed(100 + i) for i in range(skipped))]
    given_amount = sum(Fraction(amount) for _, amount, _ in doses_drawn)
    plans = [planned if planned is not None else planned_dose for *_, planned in doses_drawn]
    plans += [planned_dose] * skipped
    planned = None if None in plans else sum(map(Fraction, plans))
    days = [study_day for study_day, *_ in doses_drawn]
    duration = max(days) - min(days) + (interval or 1)
    plan = {"planned_dose": planned_dose} if planned_dose else {}
    apart = {"interval": interval} if interval else {}
    assert exact(entries, of="cumulative-dose", **MG) == given_amount
    assert exact(entries, of="planned-dose", **MG, **plan) == planned
    assert exact(entries, of="compliance", **MG, **plan) == near(
        None if planned is None else 100 * given_amount / planned
    )
    assert exact(entries, of="dose-intensity", **MG, **apart) == near(given_amount / duration)
    if interval:
        rate = planned and planned / (len(plans) * interval)
        assert exact(entries, of="relative-dose-intensity", **MG, **plan, **apart) == near(
            None if rate is None else 100 * given_amount / duration / rate
        )


def exact(entries: list[Entry], **exposure: Any) -> Fraction | None:
    defined = study(**exposure)
    quantity = compiled(defined).rules.measure("new", "")
    result = quantity.evaluate(builders.derive(enrolment(), *entries, study=defined))
    return None if result is None else Fraction(result.units, 10**quantity.places)


def near(number: Fraction | None) -> Any:
    """Round as stored values are: half up at the twelfth decimal."""
    if number is None:
        return None
    units = (number * 10**12 * 2 + 1) // 2
    return Fraction(int(units), 10**12)


def test_it_is_printed_as_any_measure():
    grid = builders.tables_of(
        study(of="compliance", **PLAN),
        [enrolment(), *FORTNIGHTLY, enrolment(subject="S-2"), dose(0, subject="S-2", amount=799)],
    )["t"]
    cell = printed(grid, "new")
    assert cell["n"] == "2"
    assert cell["mean"] == "84.94"  # of 70 and 99.875


@pytest.mark.parametrize(
    ("exposure", "detail"),
    [
        ({"of": "cumulative-dose"}, "cumulative-dose needs `unit`"),
        ({"of": "duration", "unit": "mg"}, "duration takes no unit"),
        ({"of": "relative-dose-intensity", **MG}, "needs `interval`"),
        ({"of": "relative-dose-intensity", **MG, "per_day": True}, "needs `planned_dose`"),
        ({"of": "dose-intensity", **MG, "per_day": True, "interval": 7}, "not both"),
        ({"of": "cumulative-dose", **MG, "interval": 7}, "takes no interval"),
        ({"of": "cumulative-dose", **MG, "units": {"g": 0}}, "greater than 0"),
        ({"of": "cumulative-dose", **MG, "units": {"mg": 1}}, "is the unit itself"),
        ({"of": "compliance", **MG, "planned_dose": "0.0000000001"}, "at most 9 decimals"),
        ({"of": "dose", **MG}, "cumulative-dose"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(exposure, detail):
    with pytest.raises(Rejected) as refused:
        study(**exposure)
    assert any(fault.pointer.startswith("/measures/new/exposure") and detail in fault.detail
               for fault in refused.value.faults)  # fmt: skip


def test_a_treatment_that_no_arm_gives_is_refused():
    arms = [{"id": "a", "label": "A", "treatments": ["drug"]}]
    measures = {"new": {"exposure": {"of": "duration", "treatment": "drugs"}}}
    with pytest.raises(Rejected) as refused:
        checking.check_definition(tiny(arms=arms, measures=builders.TINY["measures"] | measures))
    (fault,) = refused.value.faults
    assert fault.pointer == "/measures/new/exposure/treatment"
    assert "Did you mean drug?" in fault.detail


def test_every_form_is_told_in_words():
    forms = Exposure.model_fields["of"].annotation.__args__
    texts = {
        form: words(Exposure.model_validate(
            {"of": form} | ({} if form == "duration" else MG)
            | ({"interval": 14} if form == "relative-dose-intensity" else {})))
        for form in forms
    }  # fmt: skip
    assert len(set(texts.values())) == len(forms)
    assert "a dose is for 14 days" in texts["relative-dose-intensity"]
