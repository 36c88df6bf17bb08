from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from trial.render import consort, ems, legible, markdown, wrap, wrapped_lines
from trial.tables.grid import Box, Flow, Stage

SVG = "{http://www.w3.org/2000/svg}"
SINGLE = consort.flow_svg(samples.FLOW, samples.CUT)
THREE = consort.flow_svg(samples.arms_flow(), samples.CUT)
FIVE = consort.flow_svg(samples.arms_flow(("A", "B", "C", "D", "E")), samples.CUT)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def rectangles(svg: str) -> list[tuple[str, int, int, int, int]]:
    root = parsed(svg)
    return [
        (rect.get("class"), *(int(rect.get(name)) for name in ("x", "y", "width", "height")))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("class") != "page"
    ]


def told(svg: str) -> str:
    return " ".join(text.text or "" for text in parsed(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("svg", [SINGLE, THREE, FIVE])
def test_boxes_never_overlap_and_stay_on_the_page(svg):
    root = parsed(svg)
    width, height = int(root.get("width")), int(root.get("height"))
    boxes = rectangles(svg)
    for _, x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for (_, ax, ay, aw, ah), (_, bx, result, bw, bh) in combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= result or result + bh <= ay


@pytest.mark.parametrize("svg", [SINGLE, THREE, FIVE])
def test_every_text_lies_inside_a_box_or_beside_all(svg):
    boxes = rectangles(svg)
    for text in parsed(svg).iter(f"{SVG}text"):
        x, y = int(text.get("x")), int(text.get("y"))
        end = x + ems(text.text) * int(text.get("font-size", "12"))
        around = [box for box in boxes if box[2] < y < box[2] + box[4] and box[1] <= x]
        around = [box for box in around if x < box[1] + box[3]]
        assert all(end <= box[1] + box[3] for box in around)


def test_a_flow_of_three_arms_fits_the_width_of_a4():
    assert 'width="794"' in SINGLE
    assert 'width="794"' in THREE
    assert 'width="794"' not in FIVE


def test_every_label_and_number_is_there_as_text():
    text = told(SINGLE)
    for expected in (
        "CONSORT-adapted flow (single group)",
        samples.NOTICE,
        "Assessed for eligibility (not reported)",
        "Enrolled (n = 40)",
        "Discontinued (n = 9)",
        "\u2022 Death (n = 4)",
        "\u2022 Withdrawal by subject (n = 3)",
        "Completed week 25 (n = 31)",
        "Excluded from the analysis (n = 0)",
        samples.CUT.id,
        samples.CUT.data_date,
    ):
        assert expected in text


def test_arms_stand_side_by_side_each_with_its_own_leavers():
    text = told(THREE)
    assert "CONSORT 2025 flow (parallel groups)" in text
    for arm in samples.ARMS:
        assert f"Allocated to {arm}" in text
    allocated = [box for box in rectangles(THREE) if box[0] == "box"][2:5]
    assert len({box[2] for box in allocated}) == 1
    item = [box for box in rectangles(THREE) if box[0] == "side"][1:4]
    for inside, outside in zip(item, allocated, strict=True):
        assert outside[1] < inside[1]
        assert inside[1] + inside[3] == outside[1] + outside[3]


def test_a_flow_that_does_not_add_up_says_so_in_words():
    assert "discrepancy" not in {box[0] for box in rectangles(THREE)}
    flow = samples.arms_flow(discrepancies=("Randomised 254, allocated 253",))
    svg = consort.flow_svg(flow, samples.CUT)
    assert [box[0] for box in rectangles(svg)][-1] == "discrepancy"
    assert "Discrepancy: this flow does not add up" in told(svg)
    assert "Randomised 254, allocated 253" in told(svg)


def test_those_beside_the_last_stage_are_led_to_as_well():
    stage = samples.FLOW.stages[3]
    svg = consort.flow_svg(replace(samples.FLOW, stages=(stage,)), samples.CUT)
    box = next(rectangle for rectangle in rectangles(svg) if rectangle[0] == "box")
    lines = [line.get("points") for line in parsed(svg).iter(f"{SVG}polyline")]
    stem = f"{box[1] + box[3] // 2},{box[2] + box[4]}"
    assert any(line.startswith(stem) for line in lines)


def test_a_title_that_names_the_form_does_not_name_it_twice():
    flow = replace(samples.FLOW, title="CONSORT-adapted flow (single group)")
    assert told(consort.flow_svg(flow, samples.CUT)).count("CONSORT-adapted") == 1


def test_who_does_not_see_it_is_told_everything():
    root = parsed(SINGLE)
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    for expected in ("Enrolled: n = 40", "Death: 4", "not reported", samples.NOTICE):
        assert expected in description.text


def test_nothing_is_fetched_or_run():
    for svg in (SINGLE, THREE):
        names = {element.tag for element in parsed(svg).iter()}
        assert names <= {
            f"{SVG}{name}"
            for name in ("svg", "title", "desc", "rect", "text", "polyline", "polygon")
        }
        assert svg.count("http") == 1  # the name space


def test_hostile_text_stays_text():
    report = samples.hostile()
    svg = consort.flow_svg(report.flow, report.cut)
    root = parsed(svg)
    assert not list(root.iter(f"{SVG}script"))
    assert "=1+1" in told(svg)
    assert legible("bell\x07") in told(svg)
    svg.encode()


def test_more_reasons_make_a_higher_page():
    assert len(rectangles(THREE)) == len(
        rectangles(consort.flow_svg(samples.arms_flow(), samples.CUT))
    )
    stage = samples.FLOW.stages[3]
    reasons = tuple((f"Reason {i}", i) for i in range(60))
    longer = replace(stage, side=(replace(stage.side[0], reasons=reasons),))
    flow = replace(samples.FLOW, stages=(longer, *samples.FLOW.stages[4:]))
    svg = consort.flow_svg(flow, samples.CUT)
    assert int(parsed(svg).get("height")) > 60 * 16
    assert "Reason 59 (n = 59)" in told(svg)


def test_the_flow_as_data():
    document = consort.flow_json(samples.FLOW, samples.CUT)
    assert list(document)[:3] == ["study", "notice", "cut"]
    bare = consort.flow_json(samples.FLOW)
    assert list(bare) == ["title", "design", "form", "note", "stages", "discrepancies"]
    assert bare["stages"][0]["boxes"][0] == {
        "id": "assessed",
        "label": "Assessed for eligibility",
        "arm": None,
        "n": None,
        "text": "not reported",
        "not_due": None,
        "shown": True,
        "reasons": [],
    }
    assert bare["stages"][3]["side"][0]["reasons"][0] == {"label": "Death", "n": 4}


def arms(*numbers: tuple[str, str, int]) -> tuple[Box, ...]:
    return tuple(Box(name, name, n, (), arm) for name, arm, n in numbers)


LANES = Flow(
    "Flow",
    "parallel groups",
    (
        Stage(
            "s",
            "Follow-up",
            arms(("in", "A", 5), ("in", "B", 6)),
            arms(("left", "A", 1), ("left", "B", 2), ("left", "No arm", 3), ("now", "A", 4),
                 ("now", "B", 0)),
        ),
    ),
)  # fmt: skip


def test_who_left_stands_in_the_lane_of_the_arm_whatever_their_order():
    svg = consort.flow_svg(LANES, samples.CUT)
    main = [box for box in rectangles(svg) if box[0] == "box"]
    middle = (main[0][1] + main[0][3] + main[1][1]) // 2
    values = {}
    for text in parsed(svg).iter(f"{SVG}text"):
        if "(n = " in text.text:
            values[text.text] = int(text.get("x")) < middle
    assert values == {
        "A: in (n = 5)": True, "B: in (n = 6)": False,
        "left (n = 1)": True, "now (n = 4)": True,
        "left (n = 2)": False, "now (n = 0)": False, "No arm: left (n = 3)": False,
    }  # fmt: skip


def test_a_box_that_is_not_to_be_shown_is_data_alone():
    (stage,) = LANES.stages
    quiet = tuple(replace(box, shown=box.id != "now") for box in stage.side)
    flow = replace(LANES, stages=(replace(stage, side=quiet),))
    svg = consort.flow_svg(flow, samples.CUT)
    assert "now" not in told(svg)
    assert "now" not in parsed(svg).find(f"{SVG}desc").text
    assert "now" not in markdown.flow_markdown(flow, samples.CUT)
    sides = consort.flow_json(flow)["stages"][0]["side"]
    assert [(side["id"], side["n"], side["shown"]) for side in sides if side["id"] == "now"] == [
        ("now", 4, False), ("now", 0, False),
    ]  # fmt: skip


def test_what_is_not_collected_and_who_is_not_yet_due_is_said_everywhere():
    boxes = (Box("a", "Assessed", None, absent="not collected"), Box("b", "Seen", 3, not_due=2))
    flow = replace(LANES, stages=tuple(Stage(box.id, box.label, (box,)) for box in boxes))
    for text in (
        told(consort.flow_svg(flow, samples.CUT)),
        markdown.flow_markdown(flow, samples.CUT),
    ):
        assert "not collected" in text
        assert "n = 3; not yet due: 2" in text
    first, second = (stage["boxes"][0] for stage in consort.flow_json(flow)["stages"])
    assert (first["n"], first["text"]) == (None, "not collected")
    assert (second["n"], second["not_due"]) == (3, 2)


@pytest.mark.parametrize(
    ("design", "form"),
    [("single group", "CONSORT-adapted flow (single group)"),
     ("crossover", "CONSORT-adapted flow (crossover)"),
     ("parallel groups", "CONSORT 2025 flow (parallel groups)")],
)  # fmt: skip
def test_the_form_is_that_of_the_design(design, form):
    flow = replace(samples.FLOW, design=design)
    assert consort.form(flow) == form
    for text in (
        told(consort.flow_svg(flow, samples.CUT)),
        markdown.flow_markdown(flow, samples.CUT),
    ):
        assert form.partition(" (")[0] in text


def test_the_flow_in_markdown_tells_stages_boxes_reasons_and_findings():
    flow = replace(samples.FLOW, discrepancies=("Enrolled (40) is not Treated (39)",))
    lines = markdown.flow_markdown(flow, samples.CUT).splitlines()
    assert lines[0] == f"> **{samples.NOTICE}**"
    assert lines.index("## Enrolment") < lines.index("- Assessed for eligibility: not reported")
    assert (
        "  - Discontinued: n = 9 (Death: 4; Withdrawal by subject: 3; Lost to follow-up: 2)"
        in lines
    )
    assert "- **Discrepancy:** Enrolled (40) is not Treated (39)" in lines
    assert "None: the flow adds up." in markdown.flow_markdown(samples.FLOW, samples.CUT)
    assert samples.CUT.content_root in lines[-1]


def test_hostile_text_is_no_markup_in_the_flow_s_markdown():
    report = samples.hostile()
    text = markdown.flow_markdown(report.flow, report.cut)
    assert "<script" not in text
    assert all(line[:2] in {"", "> ", "# ", "##", "- ", "  ", "**"} or line[0].isalpha()
               for line in text.splitlines())  # fmt: skip


@given(st.text(), st.floats(2, 40))
def test_lines_keep_every_character_and_their_width(text, width):
    words = legible(text).split()
    lines = wrap(words, width)
    assert "".join(lines).replace(" ", "") == "".join(words).replace(" ", "")
    assert all(ems(line) <= width + 1e-6 or len(line) == 1 for line in lines)
    assert wrapped_lines(words, width) == len(lines)
