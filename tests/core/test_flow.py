"""The participant flow: its boxes add up, and where they do not it says so."""

from copy import deepcopy
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    day,
    disposition,
    dose,
    enrolment,
    entry,
    feed_lines,
    tiny,
    tmb301,
)
from parallel import parallel, randomised

from trial.definition.study import Study
from trial.reporting import report
from trial.rules.categories import LEVEL_CHARACTERS
from trial.tables.grid import Box, Flow

PREFIXES = [0, 1, 40, 120, 300, 700, 1100, 1500, 1900, 2226]


def flow(study: Study, entries: object) -> Flow:
    return report.flow(study, builders.sums_of(study, builders.subjects(entries)))


def boxes(flow: Flow) -> dict[str, Box]:
    return {box.id: box for stage in flow.stages for box in (*stage.boxes, *stage.side)}


def counts(flow: Flow) -> dict[str, int | None]:
    return {name: box.n for name, box in boxes(flow).items()}


class TestTmb301:
    @pytest.mark.parametrize("lines", PREFIXES)
    def test_every_box_is_what_the_lines_amount_to(self, lines):
        expected = dict.fromkeys(
            ("enrolled", "treated", "regimen", "completed", "analysed", "safety"), 0
        )
        expected |= {"not-treated": 0, "discontinued": 0, "ongoing": 0}
        reasons: dict[str, int] = {}
        for records in builders.recorded(feed_lines()[:lines]).values():
            live = [(kind, data) for (kind, _), data in records.items()
                    if data.get("action") != "void"]  # fmt: skip
            kinds = {kind for kind, _ in live}
            ends = {data["status"]: data.get("reason") for kind, data in live
                    if kind == "disposition.recorded" and data["of"] == "study"}  # fmt: skip
            treated = "dose.administered" in kinds
            enrolled = "subject.enrolled" in kinds
            expected["enrolled"] += enrolled
            expected["analysed"] += enrolled
            expected["treated"] += treated
            expected["safety"] += treated
            expected["regimen"] += "regimen.started" in kinds
            expected["completed"] += "completed" in ends
            expected["ongoing"] += enrolled and not ends
            if "discontinued" in ends:
                expected["discontinued" if treated else "not-treated"] += 1
                reason = str(ends["discontinued"]).capitalize()
                if treated:
                    reasons[reason] = reasons.get(reason, 0) + 1
        result = flow(tmb301(), builders.feed()[:lines])
        assert {name: counts(result)[name] for name in expected} == expected
        assert dict(boxes(result)["discontinued"].reasons) == reasons
        assert {name: counts(result)[name] for name in ("assessed", "excluded")} == {
            "assessed": None,
            "excluded": None,
        }

    def test_at_the_end_it_is_the_flow_that_was_published(self):
        result = counts(flow(tmb301(), builders.feed()))
        assert result == {
            "assessed": None, "excluded": None, "enrolled": 40, "not-treated": 0, "treated": 40,
            "day-14": 40, "regimen": 40, "discontinued": 9, "ongoing": 0, "completed": 31,
            "analysed": 40, "safety": 40,
        }  # fmt: skip

    @pytest.mark.parametrize("lines", range(0, 2226, 97))
    def test_the_feed_adds_up_at_every_moment_at_which_all_are_enrolled(self, lines):
        result = flow(tmb301(), builders.feed()[:lines])
        outcome = counts(result)
        parts = [outcome[name] or 0 for name in ("completed", "discontinued", "not-treated",
                                              "ongoing")]  # fmt: skip
        assert (result.discrepancies == ()) == (outcome["enrolled"] == sum(parts))

    def test_the_reasons_of_a_box_add_up_to_it(self):
        box = boxes(flow(tmb301(), builders.feed()))["discontinued"]
        assert box.reasons == (
            ("Death", 4),
            ("Withdrawal by subject", 3),
            ("Lost to follow-up", 2),
        )

    def test_the_assessed_are_the_excluded_and_the_enrolled(self):
        screened = entry("subject.screened", date="2015-05-20")
        result = flow(tmb301(), [screened, enrolment(), enrolment(subject="S-2")])
        assert any("Assessed" in text for text in result.discrepancies)


class TestBoxes:
    def test_what_was_never_reported_is_not_0(self):
        assert counts(flow(tiny(), [enrolment()]))["assessed"] is None
        screened = entry("subject.screened", date="2015-05-20")
        assert counts(flow(tiny(), [screened]))["assessed"] == 1
        assert counts(flow(tiny(), []))["enrolled"] == 0

    def test_reasons_are_named_in_their_order_then_others_by_number(self):
        entries = []
        for i, reason in enumerate(["MOVED", "DEATH", "BORED", "BORED"]):
            name = f"S-{i}"
            entries += [enrolment(subject=name), disposition(20, subject=name, reason=reason)]
        box = boxes(flow(tiny(), entries))["left"]
        assert box.reasons == (("Death", 1), ("BORED", 2), ("MOVED", 1))
        assert box.n == sum(n for _, n in box.reasons)

    def test_of_a_subjects_reasons_the_first_by_date_is_shown(self):
        entries = [enrolment(), disposition(20, reason="WITHDRAWAL BY SUBJECT"),
                   disposition(25, reason="ADVERSE EVENT", record="AGAIN")]  # fmt: skip
        for order in (entries, entries[::-1]):
            box = boxes(flow(tiny(), order))["left"]
            assert (box.n, box.reasons) == (1, (("WITHDRAWAL BY SUBJECT", 1),))

    def test_a_record_without_a_reason_hides_none(self):
        result = disposition(20, reason="LOST TO FOLLOW-UP")
        completed = disposition(30, "completed", record="AGAIN")
        earlier = disposition(10, "completed", record="BEFORE")
        for entries in ([result, completed], [earlier, result], [earlier, result, completed]):
            box = boxes(flow(tiny(), [enrolment(), *entries]))["left"]
            assert (box.n, box.reasons) == (1, (("LOST TO FOLLOW-UP", 1),))
        none = boxes(flow(tiny(), [enrolment(), completed]))["left"]
        assert (none.n, none.reasons) == (1, (("Reason not reported", 1),))

    def test_reasons_without_a_date_come_after_those_with_one(self):
        side = {"id": "missed", "label": "Missed", "count": {"recorded": "dose.missed"},
                "reasons": {"recorded": "dose.missed", "field": "reason"}}  # fmt: skip
        defined = deepcopy(TINY["flow"])
        defined["stages"][2]["side"] = [side]
        missed = [
            entry("dose.missed", record="A", visit="day-7", reason="Undated"),
            entry("dose.missed", record="B", visit="day-14", reason="Ill", date=day(14)),
        ]
        box = boxes(flow(tiny(flow=defined), [enrolment(), *missed]))["missed"]
        assert (box.n, box.reasons) == (1, (("Ill", 1),))

    def test_reasons_alike_for_long_stay_apart_and_are_seen_to_be_cut(self):
        texts = ["The subject " + "moved far away " * 20 + ending for ending in ("twice", "once")]
        entries = [item for i, text in enumerate(texts)
                   for item in (enrolment(subject=f"S-{i}"),
                                disposition(20, subject=f"S-{i}", reason=text))]  # fmt: skip
        reasons = boxes(flow(tiny(), entries))["left"].reasons
        assert [n for _, n in reasons] == [1, 1]
        labels = [label for label, _ in reasons]
        assert len(set(labels)) == 2
        assert all(
            len(label) == LEVEL_CHARACTERS and label[-20:-18] == "\u2026 " for label in labels
        )
        assert all(label.startswith(texts[0][:100]) for label in labels)

    def test_a_long_reason_that_the_definition_names_has_its_label(self):
        text = "Reason " * 30
        defined = deepcopy(TINY["flow"])
        defined["stages"][1]["side"][0]["reasons"]["values"] = [{"value": text, "label": "Long"}]
        result = flow(tiny(flow=defined), [enrolment(), disposition(20, reason=text)])
        assert boxes(result)["left"].reasons == (("Long", 1),)

    def test_a_reason_that_was_not_reported_says_so(self):
        entries = [enrolment(), disposition(20, "completed")]
        assert boxes(flow(tiny(), entries))["left"].reasons == (("Reason not reported", 1),)

    def test_reasons_can_be_limited_to_the_records_that_count(self):
        stage = TINY["flow"]["stages"][1]
        side = {**stage["side"][0]}
        side["reasons"] = side["reasons"] | {"where": {"of": "study"}}
        stages = [{**stage, "side": [side]}]
        study = tiny(flow={**TINY["flow"], "stages": stages, "identities": []})
        entries = [
            enrolment(),
            disposition(20, record="T", of="treatment", reason="A"),
            disposition(30, reason="Z"),
        ]
        assert boxes(flow(study, entries))["left"].reasons == (("Z", 1),)


class TestIdentities:
    def test_an_identity_that_holds_is_no_finding(self):
        assert flow(tiny(), [enrolment(), dose()]).discrepancies == ()
        assert flow(tiny(), []).discrepancies == ()

    def test_an_identity_that_does_not_hold_is_named_with_both_numbers(self):
        assert flow(tiny(), [enrolment()]).discrepancies == (
            "Enrolled (1) is not Treated + Left (0)",
        )
        enrolments = [enrolment(), dose(), disposition(20)]
        assert flow(tiny(), enrolments).discrepancies == ("Enrolled (1) is not Treated + Left (2)",)

    def test_the_design_is_the_definition_s(self):
        assert flow(tiny(), []).design == "single group"
        assert flow(tiny(design="parallel"), []).design == "parallel groups"
        assert flow(tiny(), []).title == TINY["flow"]["title"]


def flow_of(**parts: Any) -> dict[str, Any]:
    """Give the tiny study's flow with parts added to it and, by `left`, to the box of who left."""
    result = parts.pop("left", {})
    screening, enrolled, treatment = TINY["flow"]["stages"]
    side = [{**enrolled["side"][0], **result}]
    return {**TINY["flow"], "stages": [screening, {**enrolled, "side": side}, treatment], **parts}


class TestZeroCounts:
    TREATED = (enrolment(), dose())

    @staticmethod
    def left(study: Study, *entries: Any) -> Box:
        return boxes(flow(study, entries))["left"]

    def test_a_box_that_nobody_is_in_is_kept_as_data_and_not_shown(self):
        box = self.left(tiny(), *self.TREATED)
        assert (box.n, box.shown, box.reasons) == (0, False, ())
        assert self.left(tiny(), enrolment(), disposition(20)).shown

    @pytest.mark.parametrize(
        "options", [{"zero_counts": True}, {"left": {"zero_counts": True}}], ids=["flow", "box"]
    )
    def test_on_request_it_is_shown_with_its_named_reasons(self, options):
        box = self.left(tiny(flow=flow_of(**options)), *self.TREATED)
        assert (box.n, box.shown, box.reasons) == (0, True, (("Death", 0),))
        moved = [enrolment(), disposition(20, reason="MOVED")]
        box = self.left(tiny(flow=flow_of(**options)), *moved)
        assert box.reasons == (("Death", 0), ("MOVED", 1))

    def test_a_box_may_say_otherwise_than_its_flow(self):
        result = flow_of(zero_counts=True, left={"zero_counts": False})
        assert not self.left(tiny(flow=result), *self.TREATED).shown

    def test_what_was_not_reported_is_shown_without_reasons(self):
        result = flow_of(zero_counts=True, left={"absent": "not reported"})
        box = self.left(tiny(flow=result), *self.TREATED)
        assert (box.n, box.shown, box.reasons) == (None, True, ())

    def test_the_identity_of_a_box_that_is_not_shown_is_checked(self):
        result = flow(tiny(), [enrolment()])
        assert not boxes(result)["left"].shown
        assert result.discrepancies == ("Enrolled (1) is not Treated + Left (0)",)

    def test_of_arms_all_are_shown_where_one_has_somebody(self):
        stages = flow_of()["stages"]
        by_arm = flow_of(stages=[stages[0], {**stages[1], "by_arm": True}, stages[2]],
                         identities=[])  # fmt: skip
        study = parallel(flow=by_arm)
        entries = [enrolment(), randomised("a"), enrolment(subject="S-2"), randomised("b", "S-2")]
        assert [box.shown for box in flow(study, entries).stages[1].side] == [False, False]
        entries.append(disposition(20))
        stage = flow(study, entries).stages[1]
        assert [(box.arm, box.n, box.shown) for box in stage.side] == [
            ("Drug", 1, True), ("Placebo", 0, True),
        ]  # fmt: skip
        assert stage.visible_side == stage.side
