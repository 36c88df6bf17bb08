"""The gallery: its pictures are what the renderer makes today, and it shows every construct."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest

from local.gallery import drawing
from local.gallery.feed import feed
from local.gallery.pictures import pictures, snippets
from trial.definition.figures import FIGURE_KINDS
from trial.definition.outputs import COLUMN_FORMS, ROW_KINDS, Statistics, TableColumn
from trial.tables.grid import Cell, Column, Grid, Row, Statistic

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "gallery"
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
SNIPPETS = snippets(PAGE)
SVG = "{http://www.w3.org/2000/svg}"


@cache
def drawn() -> dict[str, str]:
    return pictures(PAGE, FOLDER)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            yield from parts(part)


USED = [part for snippet in SNIPPETS for part in parts(snippet.part)]
ROWS = [row for snippet in SNIPPETS for row in snippet.part.get("rows", ())]
COLUMNS = [column for snippet in SNIPPETS for column in snippet.part.get("columns", ())]


def test_the_pictures_are_what_is_drawn_today():
    stored_pictures = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert stored_pictures.keys() == drawn().keys(), "run make gallery"
    assert [name for name in stored_pictures if stored_pictures[name] != drawn()[name]] == [], (
        "run make gallery"
    )


def test_every_snippet_has_a_picture_of_its_own():
    assert len(SNIPPETS) == PAGE.count("```yaml")
    assert len({snippet.file for snippet in SNIPPETS}) == len(SNIPPETS)


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000


def test_the_feed_is_the_same_every_time():
    assert feed() == feed()
    assert len(feed()) > 1_000


@pytest.mark.parametrize("kind", ROW_KINDS)
def test_every_kind_of_row_is_shown(kind):
    assert any(kind in row for row in ROWS)


@pytest.mark.parametrize(
    "form", [*COLUMN_FORMS, *(part for forms in COLUMN_FORMS.values() for part in forms)]
)
def test_everything_that_a_column_takes_is_shown(form):
    assert any(form in column for column in COLUMNS)


@pytest.mark.parametrize("field", ["counts", "means", "rates"])
def test_every_comparison_is_shown(field):
    annotation = TableColumn.model_fields[field].annotation
    options = {name for name in get_args(annotation) if isinstance(name, str)} or {
        name for part in get_args(annotation) for name in get_args(part)
    }
    default = {TableColumn.model_fields[field].default}
    assert options - default <= {column[field] for column in COLUMNS if field in column}


def test_every_statistic_is_shown():
    names = {name for row in ROWS for name in row.get("statistics", ())}
    assert set(get_args(get_args(Statistics)[0])) <= names


@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_every_kind_of_figure_is_shown(kind):
    assert any(part.get("kind") == kind and "source" in part for part in USED)


GUIDE = (ROOT / "docs" / "study-definition.md").read_text(encoding="utf-8")
HEADINGS = {
    re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
    for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
}


@pytest.mark.parametrize(
    "constructs", [ROW_KINDS, COLUMN_FORMS, FIGURE_KINDS], ids=["row", "column", "figure"]
)
def test_the_guide_leads_from_each_construct_to_its_picture(constructs):
    linked = re.findall(
        r"^\| `(\w+)` \|.*\(\[picture\]\(gallery\.md#(.*?)\)\) \|$", GUIDE, re.MULTILINE
    )
    assert constructs.keys() <= {name for name, _ in linked}
    assert {anchor for _, anchor in linked} <= HEADINGS
    within = set(re.findall(r"\]\(#(.*?)\)", PAGE))
    assert within <= HEADINGS


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 (drawn here)


def texts(picture: str) -> Iterator[tuple[float, float, str]]:
    """Yield each text of a table with its left and its right end."""
    for text in parsed(picture).iter(f"{SVG}text"):
        size = 11.5 if text.get("class") == "n" else 13
        width = drawing.width_of(text.text or "", size)
        x, anchor = float(text.attrib["x"]), text.get("text-anchor", "start")
        start = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        yield start, start + width, text.text or ""


def tables() -> list[str]:
    alone = {"figures", "flow"}
    return [snippet.file for snippet in SNIPPETS if not alone & snippet.part.keys()]


@pytest.mark.parametrize("file", tables())
def test_no_text_leaves_the_picture_of_a_table(file):
    width = float(parsed(drawn()[file]).attrib["width"])
    outside = [text for start, right, text in texts(drawn()[file]) if start < 0 or right > width]
    assert outside == []


@pytest.mark.parametrize("file", tables())
def test_no_text_stands_on_another(file):
    lines: dict[str, list[tuple[float, float, str]]] = {}
    elements = parsed(drawn()[file]).iter(f"{SVG}text")
    for text, place in zip(elements, texts(drawn()[file]), strict=True):
        lines.setdefault(text.attrib["y"], []).append(place)
    for line in map(sorted, lines.values()):
        assert [pair for pair in pairwise(line) if pair[0][1] > pair[1][0] + 0.5] == []


def test_every_text_of_a_cell_is_in_its_picture():
    cells = (
        Cell(
            "a", (Statistic("n", 3, "3"), Statistic("N", 9, "9"), Statistic("percent", "33", "33"))
        ),
    )
    rows = (
        Row("r", "A <label> that is & so long that it breaks into lines", 1, cells),
        Row("h", "Head", 0),
    )
    grid = Grid("g", "G", "All", (Column("a", "Arm", 9, under="Both"),), rows, ("A note.",))
    picture = drawing.table_svg(grid, "A table")
    text_shown = " ".join(text for _, _, text in texts(picture))
    for text in ("Both", "Arm", "(N = 9)", "n (%)", "3", "(33%)", "A <label>", "Head", "A note."):
        assert text in text_shown
    assert re.search("<title>A table</title>", picture)
