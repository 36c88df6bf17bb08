"""The report as a reader meets it: on a desk, on a telephone, in the dark, on paper, by ear."""

import re
from dataclasses import replace
from functools import cache

import builders
import pytest
from render import samples

from trial.render.page import page
from trial.tables.grid import Column, Grid, Row

FILES = ("summary.json", "listings.xlsx", "manifest.json")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
UPRIGHT, SIDEWAYS = 688, 1017  # pixels of an A4 page between its margins
REPORTS = ("study", "three arms", "hostile")
WINDOWS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


def wide():
    columns = tuple(Column(f"c{i}", f"Arm number {i}", 100) for i in range(16))
    cells = [
        samples.described(column.id, 90, mean="-10.05", sd="11.40", median="2.50")
        for column in columns
    ]
    rows = tuple(Row(f"r{i}", f"Week {i}", 0, tuple(cells)) for i in range(4))
    return Grid("14.9", "Sixteen arms", "ITT", columns, rows)


@cache
def html(name: str) -> str:
    """Write a report: TMB-301 as it is shipped, one that does not add up, one that attacks."""
    small = samples.trial()
    arms = samples.arms_flow(discrepancies=("254 randomised, 253 allocated",))
    report = {
        "study": lambda: builders.report_of(builders.tmb301(), builders.feed()),
        "three arms": lambda: replace(small, flow=arms, grids=(*small.grids, wide())),
        "hostile": samples.hostile,
        "large": lambda: replace(small, grids=(samples.adverse_events(25, 80),)),
    }[name]()
    return "".join(page(report, FILES))


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("name", [*REPORTS, "large"])
def test_it_opens_without_a_complaint_a_request_or_a_line_too_wide(opened, name, width, scheme):
    window = opened(html(name), width, scheme)
    assert window.said == []
    assert window.asked == [window.ADDRESS]
    assert window.ask("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("width", "scheme"), WINDOWS[:3])
@pytest.mark.parametrize("name", REPORTS)
def test_no_rule_of_level_a_or_aa_is_violated(opened, name, width, scheme):
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - reads its script

    window = opened(html(name), width, scheme)
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    response = Axe().run(window.page, options=options).response
    assert len(response["passes"]) > 15
    ids = [(violation["id"], violation["nodes"][0]["html"]) for violation in response["violations"]]
    assert ids == []


def test_a_wide_table_scrolls_by_keyboard_under_its_title(opened):
    window = opened(html("three arms"), 360)
    region = window.page.get_by_role("region", name="Sixteen arms")
    assert region.evaluate("each => each.scrollWidth > 2 * each.clientWidth")
    title = region.locator("h3")
    assert title.bounding_box()["width"] <= 360
    region.focus()
    before = title.bounding_box()["x"]
    window.page.keyboard.press("ArrowRight")
    window.page.wait_for_function(
        "id => document.getElementById(id).closest('.scroll').scrollLeft > 0",
        arg=title.get_attribute("id"),
    )
    assert title.bounding_box()["x"] == before


def test_the_contents_are_beside_the_report_on_a_desk_and_folded_on_a_telephone(opened):
    entry = "nav a[href='#table-14.1.2']"
    for width, result in ((1280, True), (360, False)):
        window = opened(html("study"), width)
        assert window.page.locator(entry).is_visible() == result
    window.page.get_by_text("Contents", exact=True).click()
    window.page.locator(entry).click()
    assert window.page.url.endswith("#table-14.1.2")
    assert window.page.locator("[id='table-14.1.2']").evaluate(
        "each => each.getBoundingClientRect().top < innerHeight"
    )


LUMINANCE = """selector => {
  const element = document.querySelector(selector), style = getComputedStyle(element)
  const colour = element instanceof SVGElement ? style.fill : style.backgroundColor
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
  return (r + g + b) / 765
}"""


def test_pages_and_drawings_are_dark_where_that_is_preferred(opened):
    for scheme, light in (("light", True), ("dark", False)):
        window = opened(html("study"), scheme=scheme)
        for ground in ("body", ".table", ".flow .box", ".flow .notice"):
            assert (window.ask(LUMINANCE, ground) > 0.5) == light, ground
        for ink in (".flow text", ".chart text"):
            assert (window.ask(LUMINANCE, ink) < 0.5) == light, ink


TOO_WIDE = """width => {
  document.body.style.width = width + 'px'
  const wide = width > 700 ? '.wide table' : ':not(.wide) > * > table, svg, .cards'
  return [...document.querySelectorAll(wide)]
    .filter(each => each.getBoundingClientRect().right > width + 1)
    .map(each => each.textContent.slice(0, 80))
}"""


@pytest.mark.parametrize("name", REPORTS)
def test_on_paper_nothing_is_cut_off_and_it_is_black_on_white(opened, name):
    window = opened(html(name), SIDEWAYS, "dark")
    window.page.emulate_media(media="print", color_scheme="dark")
    for width in (UPRIGHT, SIDEWAYS):
        assert window.ask(TOO_WIDE, width) == []
    assert not window.page.locator("nav").is_visible()
    assert window.ask("getComputedStyle(document.body).color") == "rgb(23, 32, 43)"


def test_wide_tables_are_printed_on_pages_held_sideways(opened):
    pdf = opened(html("three arms")).page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    sizes = {(round(float(width)), round(float(height))) for width, height in boxes}
    assert sizes == {(595, 842), (842, 595)}


def test_all_rows_of_a_large_study_are_shown_and_printed(opened):
    window = opened(html("large"))
    rows = window.page.locator("tbody tr")
    assert rows.count() == 25 * 81
    assert rows.last.is_visible()
    window.page.emulate_media(media="print")
    assert window.ask("document.querySelector('.long .scroll').clientHeight") > 25 * 81 * 8
