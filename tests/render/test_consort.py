from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from trial.render import consort, ems, legible, wrap

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
    for (_, ax, ay, aw, ah), (_, bx, by, bw, bh) in combinations(boxes, 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay


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
    left = [box for box in rectangles(THREE) if box[0] == "side"][1:4]
    for inside, outside in zip(left, allocated, strict=True):
        assert outside[1] < inside[1]
        assert inside[1] + inside[3] == outside[1] + outside[3]


def test_a_flow_that_does_not_add_up_says_so_in_words():
    assert "finding" not in {box[0] for box in rectangles(THREE)}
    flow = samples.arms_flow(findings=("Randomised 254, allocated 253",))
    svg = consort.flow_svg(flow, samples.CUT)
    assert [box[0] for box in rectangles(svg)][-1] == "finding"
    assert "Finding: this flow does not add up" in told(svg)
    assert "Randomised 254, allocated 253" in told(svg)


def test_those_beside_the_last_stage_are_led_to_as_well():
    stage = samples.FLOW.stages[3]
    svg = consort.flow_svg(replace(samples.FLOW, stages=(stage,)), samples.CUT)
    box = next(each for each in rectangles(svg) if each[0] == "box")
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
    assert list(bare) == ["title", "design", "form", "note", "stages", "findings"]
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


@given(st.text(), st.floats(2, 40))
def test_lines_keep_every_character_and_their_width(text, width):
    words = legible(text).split()
    lines = wrap(words, width)
    assert "".join(lines).replace(" ", "") == "".join(words).replace(" ", "")
    assert all(ems(line) <= width + 1e-6 or len(line) == 1 for line in lines)
