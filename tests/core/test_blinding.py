"""A blinded study: nothing that the open audience sees depends on an arm, nothing else is lost."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import blinded
import builders
import pytest
from blinded import COLUMNS, PARTS, ROWS, SOURCES, study_of
from hypothesis import HealthCheck, given, settings
from parallel import TOTAL, A, B

from local.feed import read_definition
from trial.definition import study
from trial.definition.dependence import ArmDependence
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import blinding, envelope, json_body
from trial.events.envelope import Entry
from trial.events.payloads import KINDS
from trial.reporting import report
from trial.tables import checking, compiled
from trial.tables.grid import Report

AIRWAY = Path(__file__).parents[2] / "events" / "airway-2x2"
SLOWLY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def made(view: Study, entries: Sequence[Entry]) -> Report:
    """Make what an audience sees, from shares that hold what every audience does."""
    whole = builders.loaded(view.source)
    return builders.with_rows(builders.report_of(whole, entries, view))


def not_blinded(defined: Study) -> Study:
    return builders.loaded(json.dumps(json.loads(defined.source) | {"blinded": False}))


class TestNonInterference:
    @SLOWLY
    @given(blinded.cases())
    def test_feeds_that_differ_in_arms_alone_give_the_same_open_documents(self, case):
        first, second = (
            builders.files_of(made(case.study.open, feed), case.study.open) for feed in case.feeds
        )
        assert first == second

    @SLOWLY
    @given(blinded.cases())
    def test_and_the_same_open_sums(self, case):
        first, second = (
            [blinding.share_of_audience(report.contribute(case.study, subject), blinding.OPEN)
             for subject in builders.subjects(feed)]
            for feed in case.feeds
        )  # fmt: skip
        assert first == second

    @SLOWLY
    @given(blinded.cases())
    def test_the_pooled_definition_asks_for_nothing_that_is_hidden(self, case):
        checking.check_definition(case.study)
        documents = made(case.study.open, case.first_feed)
        assert blinding.HIDDEN not in repr(documents)

    @pytest.mark.parametrize(
        ("kind", "first_values", "second_values"),
        [
            ("dose.administered", {"amount": 5, "unit": "mg"}, {"amount": 800, "unit": "mg"}),
            ("subject.randomised", {"arm": "a"}, {"arm": "b"}),
        ],
    )
    def test_of_records_of_one_day_no_arm_decides_which_is_first(
        self, kind, first_values, second_values
    ):
        listing = blinded.listing(kind, ["record"])
        rows = [{"levels": {"characteristic": "region"}}]
        defined = study_of(rows, [{**TOTAL, "set": "enrolled"}], listings=[listing])
        fields = {
            "dose.administered": {"start": builders.day(7)},
            "subject.randomised": {"date": builders.day(1)},
        }[kind]
        strata = [{}, {}]
        if kind == "subject.randomised":
            strata = [{"strata": {"region": region}} for region in ("north", "south")]
        feeds = [
            [
                builders.enrolment(),
                builders.entry(kind, record="R1", **fields, **first, **strata[0]),
                builders.entry(kind, record="R2", **fields, **second, **strata[1]),
            ]
            for first, second in ((first_values, second_values), (second_values, first_values))
        ]
        made_of = [made(defined.open, feed) for feed in feeds]
        assert [study_report.listings[0].rows for study_report in made_of] == [
            [("R1",), ("R2",)]
        ] * 2
        assert made_of[0] == made_of[1]

    def test_whoever_is_unblinded_sees_what_arms_differ_in(self):
        defined = study_of([{"count": "enrolled"}], [A, B])
        feeds = [[builders.enrolment(), blinded.randomised(arm)] for arm in "ab"]
        assert made(defined, feeds[0]).grids != made(defined, feeds[1]).grids

    @pytest.mark.parametrize("half", [0, 1])
    def test_a_crossover_with_its_sequences_exchanged_gives_the_same_open_documents(self, half):
        definition = read_definition(AIRWAY / "definition.yaml") | {"blinded": True}
        definition["tables"] = definition["tables"][half::2]  # all of them would be too wide
        table_ids = {table["id"] for table in definition["tables"]}
        for name in ("key_results", "figures"):
            definition[name] = [
                part for part in definition[name] if part["source"]["table"] in table_ids
            ]
        del definition["testing"], definition["consort"]
        defined = study.load(json.dumps(definition))
        checking.check_definition(defined)
        lines = (AIRWAY / "feed.ndjson").read_text(encoding="utf-8").splitlines()
        exchanged = [
            line.replace('"AB"', '"?"').replace('"BA"', '"AB"').replace('"?"', '"BA"')
            .replace("AVESTEROL", "?").replace("BREMOTEROL", "AVESTEROL").replace("?", "BREMOTEROL")
            for line in lines
        ]  # fmt: skip
        assert exchanged != lines
        first_documents, second_documents = (
            builders.files_of(made(defined.open, [envelope.parse(json_body.read_json(body), body)
                                       for body in feed]), defined.open)
            for feed in (lines, exchanged)
        )  # fmt: skip
        assert first_documents == second_documents
        assert not [
            name for name, content in first_documents.items() if blinding.HIDDEN.encode() in content
        ]


class TestTheWhole:
    @SLOWLY
    @given(blinded.cases())
    def test_the_unblinded_audience_sees_what_a_study_not_blinded_shows(self, case):
        whole, plain = (
            made(case.study, case.first_feed),
            made(not_blinded(case.study), case.first_feed),
        )
        assert replace(whole, cut=plain.cut) == plain
        assert whole.cut.content_root == plain.cut.content_root
        assert (whole.cut.audience, plain.cut.audience) == ("unblinded", "open")

    @SLOWLY
    @given(blinded.cases())
    def test_its_share_is_that_of_a_study_not_blinded(self, case):
        for subject in builders.subjects(case.first_feed):
            share, plain = (
                compiled.audience_share(defined, report.contribute(defined, subject))
                for defined in (case.study, not_blinded(case.study))
            )
            assert share == plain

    def test_a_study_that_is_not_blinded_has_one_audience_and_one_plan(self):
        plain = not_blinded(study_of(ROWS[:3], [A, TOTAL]))
        assert plain.views == (plain,)
        assert plain.open is plain


def open_columns(*columns):
    (table,) = study_of([{"count": "enrolled"}], columns).open.definition.tables
    return [(column.id, column.label, column.set, column.arm) for column in table.columns]


class TestPooling:
    def test_columns_by_arm_give_way_to_those_of_all(self):
        assert open_columns(A, B, TOTAL) == [("total", "Total", "randomised", None)]

    def test_a_table_of_arms_alone_shows_them_together(self):
        assert open_columns(A, B) == [("all-arms-1", "All arms", "randomised", None)]

    def test_of_several_sets_one_each(self):
        received = {**A, "id": "a2", "set": "received"}
        assert open_columns(A, received, B) == [
            ("all-arms-1", "Randomised: all arms", "randomised", None),
            ("all-arms-2", "As treated: all arms", "received", None),
        ]

    def test_a_table_of_columns_that_tell_is_left_out(self):
        defined = study_of([{"count": "enrolled"}], [COLUMNS[6], COLUMNS[7]])
        assert defined.open.definition.tables == []

    def test_a_row_by_column_stays_where_all_arms_show_the_same(self):
        rows = [
            {"count": {"a": "treated", "b": "treated"}},
            {"count": {"a": "treated", "b": "enrolled"}},
            {"count": {"a": "treated"}},
        ]
        (table,) = study_of(rows, [A, B]).open.definition.tables
        assert [(row.id, row.count) for row in table.rows] == [("r0", {"all-arms-1": "treated"})]

    def test_a_heading_goes_with_the_rows_under_it(self):
        rows = [{}, {"count": "in-a"}, {}, {"count": "treated"}]
        (table,) = study_of(rows, [TOTAL]).open.definition.tables
        assert [row.id for row in table.rows] == ["r2", "r3"]

    def test_key_results_of_cells_that_are_gone_go_too(self):
        defined = study_of([{"count": "treated"}, {"count": "in-a"}], [A, TOTAL])
        assert [key_result.id for key_result in defined.open.definition.key_results] == ["r0-total"]

    def test_the_flow_is_of_all_and_its_boxes_tell_nothing(self):
        flow = study_of(ROWS[:1], [TOTAL]).open.definition.flow
        assert [(stage.id, stage.by_arm) for stage in flow.stages] == [
            ("one", False),
            ("two", False),
        ]
        assert [(box.id, box.reasons) for box in flow.stages[1].side] == [("left", None)]
        assert [identity.parts for identity in flow.identities] == [["treated"]]

    def test_listings_lack_the_columns_that_tell(self):
        all_listings = [blinded.listing(name, sources) for name, sources in SOURCES.items()]
        listings = {
            listing.records: [column.source for column in listing.columns]
            for listing in study_of(
                ROWS[:1], [TOTAL], listings=all_listings
            ).open.definition.listings
        }
        assert listings["dose.administered"] == [
            "subject", "record", "start", "start.study-day", "visit",
        ]  # fmt: skip
        assert listings["device-deficiency.reported"] == ["subject", "date", "category"]
        assert listings["conmed.recorded"] == [
            "subject", "record", "prior", "concomitant", "atc1", "preferred_name", "start",
        ]  # fmt: skip
        assert listings["subject.randomised"] == ["subject", "record", "date", "strata"]
        assert listings["subjects"] == [
            "subject", "first-dose", "doses", "class:load", "class:by-condition",
            "characteristic:region",
        ]  # fmt: skip
        assert listings["adverse-event.reported"] == [
            "subject", "onset", "emergent", "days-since-last-dose",
        ]  # fmt: skip

    @pytest.mark.parametrize("narrowed", [{"where": {"treatment": "drug"}}, {"subjects": "in-a"}])
    def test_a_listing_of_records_that_tell_is_left_out(self, narrowed):
        listing = blinded.listing("dose.administered", ["subject"], **narrowed)
        assert study_of(ROWS[:1], [TOTAL], listings=[listing]).open.definition.listings == []

    def test_what_depends_on_the_arm_however_indirectly_is_left_out_by_name(self):
        pooled = study_of(ROWS[:1], [TOTAL]).open.definition
        assert pooled.measures.keys() & PARTS["measures"].keys() == {
            "doses", "early", "extreme", "late", "on-treatment", "worst-grade",
        }  # fmt: skip
        assert pooled.conditions.keys() & PARTS["conditions"].keys() == {
            "concomitant", "statin", "alarmed", "grave", "low-twice", "not-done", "in-state",
        }  # fmt: skip
        assert (pooled.classes.keys(), pooled.times.keys()) == (
            {"graded", "load", "by-condition"}, {"dose", "dose-or-death"},
        )  # fmt: skip
        assert pooled.sets.keys() & PARTS["sets"].keys() == set()
        assert pooled.arms == []

    def test_a_condition_that_refers_to_itself_is_refused_and_nothing_hangs(self):
        round_about = {"conditions": {"one": {"all": ["two"]}, "two": {"all": ["one"]}}}
        defined = study_of(ROWS[:1], [TOTAL], **round_about)
        assert not ArmDependence(defined.definition).condition("one")
        with pytest.raises(Rejected):
            checking.check_definition(defined)


class TestMasking:
    def test_the_fields_that_tell_are_those_declared(self):
        telling = {
            kind: blinding.unblinding_fields(kind)
            for kind in KINDS
            if blinding.unblinding_fields(kind)
        }
        assert telling == {
            "subject.randomised": {"arm"},
            "subject.unblinded": {"reason"},
            "dose.administered": {"treatment", "amount", "unit", "lot", "planned", "adjustment"},
            "device-deficiency.reported": {"device", "lot"},
        }

    @SLOWLY
    @given(blinded.cases())
    def test_masked_bodies_of_both_feeds_are_the_same(self, case):
        first_bodies, second_bodies = (
            [blinding.blinded_body(event.kind, event.body) for event in feed] for feed in case.feeds
        )
        assert first_bodies == second_bodies

    def test_a_reason_for_a_change_of_what_tells_is_hidden_too(self):
        changed = blinded.randomised("b", revision=2, reason_for_change="was given placebo")
        assert "placebo" not in blinding.blinded_body(changed.kind, changed.body)
        revised = builders.enrolment(revision=2, reason_for_change="was given placebo")
        assert blinding.blinded_body(revised.kind, revised.body) == revised.body

    @pytest.mark.parametrize(
        ("body", "unblinds"),
        [
            (b"{", True),
            (b'"drug"', True),
            (b'{"type": "org.livetlf.dose.administered.v1"}', True),
            (b'{"type": "org.livetlf.dose.given.v1"}', True),
            (b'[{"type": "org.livetlf.visit.missed.v1"}, 1]', True),
            (b'{"type": "org.livetlf.visit.missed.v1"}', False),
            (b'[{"type": "org.livetlf.visit.missed.v1"}]', False),
        ],
    )
    def test_a_body_that_was_refused_may_tell_unless_its_events_cannot(self, body, unblinds):
        assert blinding.could_unblind(body) == unblinds


class TestWidth:
    def test_a_blinded_study_may_be_as_wide_as_an_open_one(self):
        rows = [{"summary": "age", "statistics": ["median"]} for _ in range(30)]
        for defined in (study_of(rows, [TOTAL]), not_blinded(study_of(rows, [TOTAL]))):
            checking.check_definition(defined)
