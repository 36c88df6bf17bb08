"""No text of another direction of writing turns around what stands beside it."""

import json
import re
from copy import deepcopy
from unicodedata import bidirectional

import builders
import pytest
from builders import TINY, disposition, enrolment
from hypothesis import given
from hypothesis import strategies as st

from trial.render import ems
from trial.tables.bidi import isolated
from trial.tables.grid import Report

HEBREW, OVERRIDE = "\u05d0\u05d1", "\u202esafety"
OPENS = {"\u2066", "\u2067", "\u2068"}


@pytest.mark.parametrize("text", ["", "Week 4", "Fièvre", "\u4e2d\u6587", "a\nb", "\u00a0x"])
def test_what_reads_from_the_left_stays_as_it_is(text):
    assert isolated(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [(HEBREW, f"\u2068{HEBREW}\u2069"), (OVERRIDE, f"\u2068{OVERRIDE}\u2069"),
     ("a\u2069b", "\u2068ab\u2069"), ("a\u2067b", "\u2068a\u2067b\u2069\u2069"),
     ("\u2068a\u2069\u2069", "\u2068\u2068a\u2069\u2069"),
     (f"{HEBREW}\n\u202ex", f"\u2068{HEBREW}\u2069\n\u2068\u202ex\u2069")],
)  # fmt: skip
def test_what_does_not_is_isolated_and_nothing_in_it_ends_that_early(text, expected):
    assert isolated(text) == expected


@given(
    st.text(
        st.sampled_from(
            f"ab 1\n\u2029{HEBREW}\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        )
    )
)
def test_every_line_is_balanced_and_whole(text):
    for line in re.split("[\n\u2029]", isolated(text)):
        depth = 0
        for place, item in enumerate(line):
            depth += (item in OPENS) - (item == "\u2069")
            assert depth >= 0
            assert depth > 0 or place == len(line) - 1 or line[0] != "\u2068"
        assert depth == 0
    items = [value for value in isolated(text) if value not in OPENS | {"\u2069"}]
    assert items == [value for value in text if value not in OPENS | {"\u2069"}]


def test_controls_of_direction_take_no_room():
    assert ems(isolated(HEBREW)) == ems(HEBREW)


def hostile(text: str) -> Report:
    flow = deepcopy(TINY["flow"])
    flow["title"] = text
    for stage in flow["stages"]:
        for box in (stage["box"], *stage.get("side", ())):
            box["label"] = f"{box['label']} {text}"
    tables = deepcopy(TINY["tables"])
    for table in tables:
        for part in (*table["columns"], *table["rows"]):
            part["label"] = text
    study = builders.tiny(flow=flow, tables=tables)
    return builders.report_of(study, [enrolment(), disposition(20, reason=text)])


def turned(text: str) -> list[str]:
    """List the directed characters that stand in no isolate."""
    items, depth = [], 0
    for item in text:
        depth += (item in OPENS) - (item == "\u2069")
        if not depth and bidirectional(item) in ("R", "AL", "RLO", "RLE"):
            items.append(item)
    return items


@pytest.mark.parametrize("text", [HEBREW, OVERRIDE, "\u2069\u202ex", "\u0634\u0643\u0631\u0627 7"])
def test_counts_of_the_flow_stand_outside_what_is_turned(text):
    files = builders.files_of(hostile(text))
    lines = re.findall(r"<text[^>]*>(.*?)</text>", files["consort.svg"].decode())
    counted = [line for line in lines if re.search(r"\(n = \d+\)$", line)]
    assert len(counted) >= 3
    assert [line for line in counted if turned(line)] == []
    for name in ("consort.md", "summary.md"):
        result = files[name].decode()
        assert [line for line in result.splitlines() if turned(line)] == []
    (item,) = re.findall(r"<desc[^>]*>(.*?)</desc>", files["consort.svg"].decode())
    assert turned(item) == []


def test_the_data_have_the_text_as_it_came():
    reasons = json.loads(builders.files_of(hostile(OVERRIDE))["consort.json"])["stages"][1]["side"]
    assert reasons[0]["reasons"][0]["label"] == OVERRIDE
