"""Interim is called interim: when a cut is final, what it says, at which look tests confirm."""

from collections.abc import Iterable, Sequence
from typing import Any

import builders
import pytest
from blinded import study_of
from builders import enrolment, feed, tmb301
from hypothesis import given
from hypothesis import strategies as st
from parallel import A, B, parallel, randomised

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.tables import checking
from trial.tables.grid import UNDECLARED, Completion, Grid

LOOKS = [
    {"id": "interim-1", "label": "First interim analysis", "alpha": "0.001"},
    {"id": "final", "label": "Final analysis", "alpha": "0.049"},
]
ENDED = {"recorded": "disposition.recorded", "where": {"of": "study"}}
DECLARED: dict[str, Any] = {"set": "randomised", "condition": ENDED, "label": "ended the study"}
P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["a", "b"]}
ROWS = [
    {"id": "men", "label": "Men", "count": {"characteristic": "sex", "levels": ["M"]}},
    {"id": "age", "label": "Age", "summary": "age"},
]
ORDER = [{"table": "t", "row": "men", "column": "p"}, {"table": "t", "row": "age", "column": "p"}]


def study(
    declared: Any = DECLARED, looks: Sequence[Any] = (), alpha: str = "0.05", **options: Any
) -> Study:
    testing = {"alpha": alpha, "order": ORDER, **({"looks": looks} if looks else {})}
    return parallel(ROWS, [A, B, P], completion=declared, testing=testing, **options)


def people(n: int = 8) -> list[Entry]:
    """Give subjects whose arms differ in sex: of 8 by P = 0.0286."""
    entries = []
    for i in range(n):
        arm, sex = ("a", "M") if i < n // 2 else ("b", "F")
        name = f"S-{i:02}"
        entries += [enrolment(subject=name, sex=sex, age=40 + i % 3), randomised(arm, name)]
    return entries


def ended(*numbers: int, study_day: int = 60) -> list[Entry]:
    return [builders.disposition(study_day, subject=f"S-{i:02}") for i in numbers]


def completed(defined: Study, entries: Iterable[Entry], spec: CutSpec = LIVE_SPEC) -> Completion:
    sums = builders.sums_of(defined, builders.subjects(entries))
    return report.completed(defined, report.audience_share(defined, sums), spec)


def nominal(
    defined: Study, entries: Iterable[Entry], spec: CutSpec = LIVE_SPEC
) -> tuple[bool, ...]:
    (grid,) = report.tables(defined, builders.sums_of(defined, builders.subjects(entries)),
                            spec=spec)  # fmt: skip
    return tuple(p.nominal for p in p_values(grid))


def p_values(grid: Grid) -> list[Any]:
    cells = [cell for row in grid.rows for cell in row.cells]
    return [p for cell in cells if (p := cell.get("p")) is not None]


def notes(defined: Study, entries: Iterable[Entry], spec: CutSpec = LIVE_SPEC) -> list[str]:
    states = sorted(builders.subjects(entries), key=lambda subject: subject.id)
    sums = builders.sums_of(defined, states)
    (grid,) = report.report(defined, states, sums, spec).grids
    return [
        footnote for footnote in grid.footnotes if "onfirm" in footnote or "nominal" in footnote
    ]


class TestState:
    def test_a_cut_is_interim_until_the_last_subject_has_ended_and_says_how_many_have_not(self):
        defined = study()
        texts = [completed(defined, people() + ended(*range(n))).text for n in (0, 5, 7, 8)]
        assert texts == [
            "Interim: 8 of 8 subjects (Randomised) have not ended the study",
            "Interim: 3 of 8 subjects (Randomised) have not ended the study",
            "Interim: 1 of 8 subjects (Randomised) has not ended the study",
            "Final: all 8 subjects (Randomised) have ended the study",
        ]
        completion = completed(defined, people(1) + ended(0))
        assert completion.text == "Final: the one subject (Randomised) has ended the study"

    def test_nobody_is_never_complete(self):
        completion = completed(study(), [])
        assert (completion.final, completion.n, completion.N) == (False, 0, 0)
        assert completion.text == "Interim: no subject is in the set Randomised"

    def test_fewer_than_were_planned_are_not_complete_though_all_of_them_have_ended(self):
        defined = study(DECLARED | {"planned": 9})
        assert completed(defined, people() + ended(*range(8))).text == (
            "Interim: 8 of 9 planned subjects are in the set Randomised"
        )
        text = completed(defined, people() + ended(0)).text
        assert text == (
            "Interim: 8 of 9 planned subjects are in the set Randomised;"
            " 7 of 8 subjects (Randomised) have not ended the study"
        )
        assert completed(study(DECLARED | {"planned": 8}), people() + ended(*range(8))).final

    def test_without_a_condition_of_completion_every_cut_is_interim_unless_asked_for_as_final(self):
        defined = study(None)
        entries = people() + ended(*range(8))
        assert completed(defined, entries) == UNDECLARED
        assert UNDECLARED.text == "Interim: no condition of completion is declared"
        final = completed(defined, entries, CutSpec(final=True))
        assert final.text == "Final: asked for as final; no condition of completion is declared"
        assert (final.final, final.look) == (True, "final")

    def test_what_was_asked_for_as_final_says_what_is_lacking(self):
        completion = completed(study(), people() + ended(*range(6)), CutSpec(final=True))
        assert (completion.final, completion.n, completion.N) == (True, 6, 8)
        assert completion.text == (
            "Final: asked for as final; 2 of 8 subjects (Randomised) have not ended the study"
        )
        whole = completed(study(), people() + ended(*range(8)), CutSpec(final=True))
        assert whole.text == "Final: all 8 subjects (Randomised) have ended the study"

    def test_a_condition_that_is_open_is_not_met(self):
        unknown = {"measure": "week5-decrease", "at_least": 0.5}
        completion = completed(study(DECLARED | {"condition": unknown}), people(2))
        assert (completion.n, completion.N) == (0, 2)

    def test_who_is_superseded_or_not_in_the_set_need_not_have_ended(self):
        superseded = builders.entry("subject.superseded", "S-00", by="S-01")
        completion = completed(
            study(), [*people(), superseded, *ended(*range(1, 8)), enrolment(subject="X")]
        )
        assert (completion.final, completion.n, completion.N) == (True, 7, 7)

    def test_a_cut_off_date_before_the_last_end_makes_it_interim(self):
        entries = people() + ended(*range(7)) + ended(7, study_day=90)
        states = sorted(builders.subjects(entries), key=lambda subject: subject.id)
        for day, final in ((builders.day(89), False), (builders.day(90), True)):
            spec = CutSpec(cutoff=day)
            shares = builders.cells.total(
                report.share_as_of(study(), state, spec) for state in states
            )
            cut = report.report(study(), states, shares, spec).cut
            assert cut.completion.final is final

    def test_the_sums_alone_tell_it_at_every_prefix_of_tmb_301(self):
        defined, entries = tmb301(), feed()
        for n in (0, 1, 400, 1_500, len(entries)):
            states = builders.subjects(entries[:n])
            completion = report.completed(defined, builders.sums_of(defined, states))
            members = [
                state for state in states if ("subject.enrolled", "ENROLMENT") in state.records
            ]
            ended_subjects = [subject for subject in members if any(k == "disposition.recorded" and
                    r.data["of"] == "study" for (k, _), r in subject.records.items())]  # fmt: skip
            assert (completion.n, completion.N) == (len(ended_subjects), len(members))
            assert completion.final is (n == len(entries))


class TestCut:
    def test_a_cut_asked_for_as_final_or_at_a_look_is_another_cut(self):
        defined = study(looks=LOOKS)
        states = sorted(builders.subjects(people()), key=lambda subject: subject.id)
        sums = builders.sums_of(defined, states)
        specs = (
            LIVE_SPEC,
            CutSpec(final=True),
            CutSpec(look="interim-1"),
            CutSpec(look="final", final=True),
        )
        cuts = [report.report(defined, states, sums, spec).cut for spec in specs]
        assert len({cut.id for cut in cuts}) == len(cuts)
        assert [cut.completion.state for cut in cuts] == ["Interim", "Final", "Interim", "Final"]


class TestLooks:
    def test_p_values_of_a_running_trial_are_nominal_and_say_that_no_look_is_planned(self):
        assert nominal(study(), people()) == (True, True)
        (note,) = notes(study(looks=LOOKS), people())
        assert note == (
            "P values are nominal: interim, no planned look. They confirm only at First interim"
            " analysis (alpha 0.001), Final analysis (alpha 0.049)."
        )

    def test_live_documents_are_the_final_look_once_all_are_complete(self):
        entries = people() + ended(*range(8))
        assert nominal(study(), entries) == (False, False)
        first, second = notes(study(looks=LOOKS), entries)
        assert first == "Confirmatory test 1 of 2 (Final analysis, alpha 0.049): Men, P."
        assert second.startswith("Confirmatory test 2 of 2 (Final analysis, alpha 0.049)")

    def test_at_a_look_that_was_asked_for_each_test_is_at_its_alpha(self):
        defined, spec = study(looks=LOOKS), CutSpec(look="interim-1")
        assert nominal(defined, people(), spec) == (False, True)  # 0.0286 is above 0.001
        assert nominal(defined, people(20), spec) == (False, False)  # P = 0.0000108
        completion = completed(defined, people(), spec)
        assert (completion.final, completion.look) == (False, "interim-1")
        assert completion.text == (
            "Interim: 8 of 8 subjects (Randomised) have not ended the study;"
            " planned look: First interim analysis (alpha 0.001)"
        )
        first, rest = notes(defined, people(), spec)
        assert "(First interim analysis, alpha 0.001)" in first
        assert "above alpha (0.001)" in rest

    def test_a_look_that_a_later_definition_does_not_plan_confirms_nothing(self):
        spec = CutSpec(look="interim-2")
        completion = completed(study(looks=LOOKS), people(), spec)
        assert completion.look == ""
        assert completion.text.endswith("asked for at the look interim-2, which is not planned")
        assert nominal(study(looks=LOOKS), people(), spec) == (True, True)

    def test_the_last_look_is_the_final_analysis(self):
        completion = completed(study(looks=LOOKS), people(), CutSpec(look="final"))
        assert completion.final
        assert "asked for as final" in completion.text

    @given(st.integers(0, 8), st.sampled_from(["", "interim-1", "final", "x"]), st.booleans())
    def test_tests_confirm_at_a_planned_look_and_at_no_other_time(self, n_ended, look, final):
        spec = CutSpec(look=look, final=final and look != "interim-1")
        complete, is_planned = n_ended == 8, look in {"interim-1", "final"}
        planned = is_planned or (look == "" and (complete or spec.final))
        entries = people() + ended(*range(n_ended))
        assert (False in nominal(study(looks=LOOKS), entries, spec)) is planned


class TestRefused:
    @pytest.mark.parametrize(
        ("declared", "pointer"),
        [
            (DECLARED | {"set": "randomized"}, "/completion/set"),
            (DECLARED | {"condition": "endd"}, "/completion/condition"),
            (DECLARED | {"planned": 0}, "/completion/planned"),
            ({"set": "randomised"}, "/completion/condition"),
        ],
    )
    def test_what_is_not_there_is_refused_with_its_place(self, declared, pointer):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study(declared))
        assert [fault.pointer for fault in caught.value.faults] == [pointer]

    @pytest.mark.parametrize(
        "looks",
        [
            [LOOKS[0], LOOKS[0]],
            [LOOKS[0] | {"alpha": "0.06"}, LOOKS[1]],
            [LOOKS[0] | {"alpha": "0"}],
            [{"id": "x", "alpha": "0.01"}],
        ],
        ids=["twice", "above alpha", "none", "no label"],
    )
    def test_looks_are_distinct_labelled_and_within_alpha(self, looks):
        with pytest.raises(Rejected):
            study(looks=looks)


class TestBlinded:
    def test_a_condition_that_tells_the_arm_is_not_shown_to_the_open_audience(self):
        telling = {"recorded": "dose.administered", "where": {"treatment": "drug"}}
        for condition in (telling, {"characteristic": "arm", "levels": ["a"]}):
            declared = DECLARED | {"condition": condition}
            defined = study_of([{"count": "enrolled"}], [A, B], completion=declared)
            checking.check_definition(defined)
            assert defined.open.definition.completion is None
            everybody = [enrolment(), randomised("a"), builders.dose()]
            open_ = completed(defined.open, everybody)
            assert open_.text == (
                "Interim: no condition of completion is shown while the study is blinded"
            )
            sums = builders.sums_of(defined, builders.subjects(everybody))
            assert report.completed(defined, report.audience_share(defined, sums)).final

    def test_any_other_is_shown_and_is_the_same_for_both(self):
        defined = study_of([{"count": "enrolled"}], [A, B], completion=DECLARED)
        everybody = people(4) + ended(0, 1)
        sums = builders.sums_of(defined, builders.subjects(everybody))
        completions = [
            report.completed(view, report.audience_share(view, sums)) for view in defined.views
        ]
        assert completions[0] == completions[1]
        assert (completions[0].n, completions[0].N) == (2, 4)
