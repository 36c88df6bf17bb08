import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import builders
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from trial.render import legible
from trial.render.page import page
from trial.render.page.cells import lines
from trial.render.page.elements import Anchors, css_string
from trial.tables.grid import Cell, Column, Figure, Grid, Mark, Row, Series, Statistic

FILES = ("summary.json", "listings.xlsx", "datasets/adae.ndjson", "manifest.json")
VOID = {"meta", "link"}
INLINE = {"a", "bdi", "span"}
KINDS = sorted(
    {"n (%)", "n", "Events", "Mean (SD)", "Mean", "Median", "Min, max", "95% CI", "Difference",
     "Both", "First only", "Second only", "Neither", "P value", "Observed", "Imputed", "kurtosis"},
    key=len, reverse=True,
)  # fmt: skip
TMB301 = builders.report_of(builders.tmb301(), builders.feed())
TRIAL = "".join(page(samples.trial(), FILES))
HOSTILE = "".join(page(samples.hostile(), ("a&b'\"<c>.json", "javascript:alert(1)")))


class Element:
    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children, self.pieces = [], []

    def all(self, name, **criteria):
        items = [self] if self.name == name and self._has(criteria) else []
        return items + [node for child in self.children for node in child.all(name, **criteria)]

    def _has(self, criteria):
        return all(self.attributes.get(key.rstrip("_")) == value for key, value in criteria.items())

    @property
    def text(self):
        return " ".join("".join(self._words()).split())

    def _words(self):
        for piece in self.pieces:
            if isinstance(piece, str):
                yield piece
            else:
                yield from piece._words() if piece.name in INLINE else (" ", *piece._words(), " ")


class Reader(HTMLParser):
    """Reads a page into elements, and fails where one is not closed in its turn."""

    def __init__(self):
        super().__init__()
        self.top = self.at = Element("", {}, None)

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        element = Element(tag, dict(attrs), self.at)
        self.at.children.append(element)
        self.at.pieces.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag, attrs):
        self.at.children.append(Element(tag, dict(attrs), self.at))

    def handle_endtag(self, tag):
        assert self.at.name == tag
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.pieces.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.at is reader.top
    return reader.top


def made(**changes):
    return read("".join(page(replace(samples.trial(), **changes))))


def table_of(grid):
    (node,) = made(grids=(grid,)).all("table")
    return [[cell.text for cell in row.children] for row in node.all("tr")]


def grid(*rows, columns=(("a", "Active", 40), ("b", "Placebo", 38))):
    return Grid("14.1", "Title", "ITT", tuple(Column(*column) for column in columns), rows)


def row(label, *cells, level=0):
    return Row(label, label, level, cells)


def p(text, column="p", method=""):
    return Cell(column, (Statistic("p", text, text),), method)


def test_it_opens_with_notice_protocol_title_and_cut():
    header = read(TRIAL).all("header")[0].text
    cut = samples.CUT
    assert header.startswith(samples.NOTICE)
    for item in (cut.study, cut.title, cut.registry, cut.data_date, cut.id):
        assert item in header


def test_it_says_as_of_when_and_until_when():
    cut = replace(samples.CUT, as_of="2016-11-01T00:00:00Z", cutoff="2016-10-01")
    header = made(cut=cut).all("header")[0].text
    assert "As recorded by 2016-11-01T00:00:00Z" in header
    assert "Clinical cut-off 2016-10-01" in header


def test_a_key_result_tells_its_interval_numbers_rule_and_what_was_imputed():
    cards = [card.text for card in read(TRIAL).all("ul", class_="cards")[0].children]
    assert len(cards) == len(samples.KEY_RESULTS)
    assert cards[3] == (
        "At least 0.5 log10 decrease from day 7 to day 14 33 (83%) 95% CI 67.2 to 92.7 \u00b7"
        " n/N 33/40 ITT observed 40, imputed 0 (Clopper-Pearson); missing = failure"
    )
    assert "1.6 log10 copies/mL" in cards[5]
    assert "ITT observed 31, imputed 9 (BOCF)" in cards[5]


def test_a_key_result_says_which_way_it_points_and_why_it_has_no_value():
    fall = samples.key_result(
        "a", "Fall", "1.6", value="1.59", unit="L", direction="positive: a fall"
    )
    none = samples.key_result("b", "Gain", "not reported", unit="L")
    nominal = samples.key_result("c", "Day 14", "0.012", value="0.0123", nominal=True)
    (cards,) = made(key_results=(fall, none, nominal)).all("ul", class_="cards")
    texts = [card.text for card in cards.children]
    assert texts[0] == "Fall 1.6 L ITT positive: a fall"
    assert texts[1] == "Gain not reported ITT"
    assert texts[2].startswith("Day 14 0.012 (nominal)")


def test_the_primary_end_point_comes_before_every_other_key_result():
    key_results = [
        replace(result, primary=result.id.startswith("primary")) for result in samples.KEY_RESULTS
    ]
    top = made(key_results=tuple(key_results))
    first, later_cards = (
        node for node in top.all("ul") if "cards" in node.attributes.get("class", "")
    )
    assert [card.text.startswith("Primary end point") for card in first.children] == [True, True]
    assert "33 (83%)" in first.children[0].text
    assert len(later_cards.children) == len(key_results) - 2
    assert "Primary end point" not in later_cards.text


def test_what_contradicts_stands_out_and_what_is_missing_does_not():
    flow = samples.arms_flow(discrepancies=("254 randomised, 253 allocated",))
    rule_counts = (
        samples.rule_count("Record dated after the death", count=2),
        samples.rule_count("Visit outside its window", "notable"),
    )
    top = made(flow=flow, discrepancies=rule_counts)
    (alarming,) = top.all("ul", class_="discrepancies")
    assert [child.text for child in alarming.children] == [
        "254 randomised, 253 allocated",
        "Record dated after the death: 2 (see listing 16.2.9)",
    ]
    (notable,) = top.all("ul", class_="notable")
    assert notable.text == "Visit outside its window: 1 (see listing 16.2.9)"
    assert "3 contradictory, 1 notable" in top.all("header")[0].text


def test_what_is_merely_missing_is_no_alarm():
    top = made(discrepancies=(samples.rule_count("Completed without the last visit", "notable"),))
    assert not list(top.all("ul", class_="discrepancies"))
    assert "1 notable" in top.all("header")[0].text


def test_without_findings_it_says_so():
    assert "None: the records agree with each other, and the flow adds up." in read(TRIAL).text


def test_the_flow_is_drawn_and_told_in_words():
    top = read(TRIAL)
    assert "Discontinued (n = 9)" in top.all("svg")[0].text
    (words,) = (node for node in top.all("details") if "The flow in words" in node.text)
    stages = {child.text for child in words.all("ul")[0].children}
    assert "Completed week 25: n = 31" in stages
    assert any(
        stage.startswith("Assessed at day 14: n = 40 Discontinued: n = 9") for stage in stages
    )


def test_every_table_has_its_caption_notes_and_scoped_heads():
    top = read(TRIAL)
    tables = top.all("table")
    assert len(tables) == len(samples.grids())
    for table, source in zip(tables, samples.grids(), strict=True):
        caption = table.all("caption")[0].text
        population = f"Population: {source.population} \u00b7 Interim"
        assert caption == f"Table {source.id} {source.title} {population}"
        heads = table.all("th")
        assert {head.attributes["scope"] for head in heads} <= {
            "col",
            "colgroup",
            "row",
            "rowgroup",
        }
        assert all(column.size in table.all("thead")[0].text for column in source.columns)
        around = table.parent.parent
        assert all(note in top.text for note in source.footnotes)
        assert around is not None


def test_every_statistic_of_every_table_is_there_once():
    for source, table in zip(samples.grids(), read(TRIAL).all("table"), strict=True):
        cells = " ".join(cell.text for cell in table.all("td"))
        counts = Counter(item.rstrip(",") for item in re.findall(r"[\d.,<>]+", cells))
        for row in source.rows:
            for cell in row.cells:
                for statistic in cell.statistics:
                    if statistic.name != "N":
                        counts[statistic.text.strip("%")] -= 1
        assert {text: n for text, n in counts.items() if n} == {}


def test_counts_of_several_columns_stand_side_by_side_with_what_else_rows_tell():
    ae = [
        row(f"Term {i}", samples.count("a", i, 40, "1", events=i), samples.count("b", 0, 38, ""))
        for i in range(3)
    ]
    rows = table_of(grid(*ae))
    assert rows[0] == ["", "Active (N = 40)", "Placebo (N = 38) n (%)"]
    assert rows[1] == ["n (%)", "Events"]
    assert rows[3] == ["Term 1", "1 (1%)", "1", "0"]


def test_a_row_that_tells_more_has_a_line_for_each_result():
    age = row(
        "Age", samples.described("a", 40, mean="50.5", sd="11.0", min="23", max="65"), p("0.03")
    )
    men = row("Men", samples.count("a", 30, 40, "75"), p("<0.001"), level=1)
    women = row("Women", samples.count("a", 10, 40, "25"), level=1)
    rows = table_of(grid(age, men, women, columns=(("a", "Active", 40), ("p", "P", None))))
    assert rows == [
        ["", "Statistic", "Active (N = 40)", "P"],
        ["Age", "n", "40", "0.03"],
        ["Mean (SD)", "50.5 (11.0)"],
        ["Min, max", "23, 65"],
        ["Men", "n (%)", "30 (75%)", "<0.001"],
        ["Women", "n (%)", "10 (25%)", ""],
    ]


def difference(value, low, high, p_value):
    values = {"difference": value, "ci_low": low, "ci_high": high, "p": p_value}
    return Cell("d", tuple(Statistic(name, text or None, text) for name, text in values.items()))


MIXED = grid(
    row(
        "Fall",
        samples.described("a", 40, mean="1.5", sd="0.5"),
        difference("0.4", "0.1", "0.7", ""),
    ),
    row("Responders", samples.count("a", 30, 40, "75"), difference("50.0", "30.1", "69.9", "0.01")),
    row("Other", level=1),
    row("Unknown kind", Cell("a", (Statistic("kurtosis", "3", "3.0"),))),
    columns=(("a", "Active", 40), ("d", "Difference", None)),
)


def test_a_comparison_tells_what_it_is_line_by_line_and_a_missing_p_value_is_a_dash():
    assert table_of(MIXED)[:8] == [
        ["", "Statistic", "Active (N = 40)", "Difference"],
        ["Fall", "n", "40", ""],
        ["Mean (SD)", "1.5 (0.5)", ""],
        ["Difference", "", "0.4"],
        ["95% CI", "", "0.1 to 0.7"],
        ["P value", "", "\u2013"],
        ["Responders", "n (%)", "30 (75%)", ""],
        ["Difference", "", "50.0"],
    ]


def test_results_that_do_not_fit_a_page_side_by_side_stand_below_each_other():
    columns = tuple((f"c{i}", f"Subgroup {i}", 40) for i in range(5))
    cells = [samples.count(result, 4, 40, "10", events=5) for result, _, _ in columns]
    rows = table_of(grid(row("Week 25", *cells), columns=columns))
    assert rows[1] == ["Week 25", "n (%)", *["4 (10%)"] * 5]
    assert rows[2] == ["Events", *["5"] * 5]


def placed(table):
    """Give each cell of an HTML table by row and column, those that span in all their places."""
    values = {}
    for down, line in enumerate(table.all("tr")):
        across = 0
        for cell in line.children:
            while (down, across) in values:
                across += 1
            wide, high = (int(cell.attributes.get(f"{way}span", 1)) for way in ("col", "row"))
            for i in range(high):
                for j in range(wide):
                    values[down + i, across + j] = cell
            across += wide
    return values


def headed(table):
    """Give what is told in an HTML table: the row's label, all the heads that name it, its text."""
    places = placed(table)
    corner = len(table.all("thead")[0].all("tr"))
    label = ""
    for (down, across), cell in sorted(places.items()):
        if down < corner or cell.name == "th":
            label = cell.text if across == 0 else label
        elif cell.text and places.get((down - 1, across)) is not cell:
            above = [places[i, across] for i in range(corner)]
            beside = [places[down, j] for j in range(across) if places[down, j].name == "th"]
            yield (
                label,
                tuple(dict.fromkeys(item.text for item in (*above, *beside[1:]))),
                cell.text,
            )


def told(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    "source",
    [MIXED, *samples.grids(), *TMB301.grids, samples.adverse_events(2, 3)],
    ids=lambda item: item.id,
)
def test_a_value_stands_only_under_heads_that_name_it(source):
    (table,) = made(grids=(source,)).all("table")
    counts = Counter()
    for label, heads, value in headed(table):
        names = " ".join(heads)
        kinds = [kind for kind in KINDS if re.search(rf"(?<!\S){re.escape(kind)}$", names)]
        assert kinds or heads[0].startswith("P"), (label, heads, value)
        counts[label, heads[0].split(" (N =")[0], kinds[0] if kinds else "P value", value] += 1
    columns = {column.id: column for column in source.columns}
    result = Counter(
        (
            told(row.label),
            told(columns[cell.column].label),
            line.label,
            told(f"{line.text} {line.share or ''}"),
        )
        for row in source.rows
        for cell in row.cells
        for line in lines(cell, columns[cell.column])
    )
    assert counts == result


def test_imputed_means_say_how_many_were_observed_and_imputed():
    bocf = samples.described("a", 40, mean="1.59", sd="1.47", observed="31", imputed="9")
    rows = table_of(grid(row("Week 25", bocf)))
    assert rows[-1][:6] == ["Week 25", "40", "1.59 (1.47)", "31", "9", ""]
    assert rows[1] == ["n", "Mean (SD)", "Observed", "Imputed"]


def test_another_denominator_than_the_columns_is_told():
    assert (
        table_of(grid(row("Responders", samples.count("a", 17, 31, "55"))))[1][1] == "17/31 (55%)"
    )


def test_a_result_that_cannot_be_calculated_is_a_dash():
    cell = Cell("a", (Statistic("n", 1, "1"), Statistic("sd", None, "")))
    assert table_of(grid(row("One", cell)))[-1][1:3] == ["1", "\u2013"]


def test_what_was_never_reported_says_so_once():
    names = ("mean", "sd", "min", "max")
    cell = Cell("a", tuple(Statistic(name, None, "not reported") for name in names))
    assert table_of(grid(row("Score", cell)))[-1][1:3] == ["not reported", "not reported"]


def test_a_nominal_p_value_is_marked_where_it_stands():
    marked = Cell("p", (Statistic("p", "0.0123", "0.0123", nominal=True),))
    rows = table_of(grid(row("One", marked), columns=(("p", "P", None),)))
    assert rows[-1] == ["One", "0.0123 (nominal)"]


def test_a_statistic_that_is_not_known_is_shown_by_its_name():
    cell = Cell("a", (Statistic("kurtosis", "3", "3.0"),))
    assert table_of(grid(row("Shape", cell)))[0][1] == "Active (N = 40) kurtosis"
    assert table_of(grid(row("Shape", cell)))[1][1] == "3.0"


def test_a_table_without_rows_says_so():
    assert table_of(grid())[-1] == ["No rows."]


def test_methods_are_named_with_the_columns_or_rows_that_they_are_of():
    def notes(*rows):
        columns = (("a", "Active", 40), ("p", "P", None))
        top = made(grids=(grid(*rows, columns=columns),))
        return [child.text for notes in top.all("ul", class_="notes") for child in notes.children]

    exact = Cell("a", samples.count("a", 1, 40, "3").statistics, "exact")
    assert notes(row("One", exact)) == ["Method: exact."]
    assert notes(row("One", exact, p("0.5", method="t"))) == [
        "Method (Active): exact.",
        "Method (P): t.",
    ]
    assert notes(row("One", p("1", method="t")), row("Two", p("1", method="F"))) == [
        "Method (One): t.",
        "Method (Two): F.",
    ]


def test_a_long_table_has_all_its_rows_and_can_be_folded():
    top = made(grids=(samples.adverse_events(25, 80),))
    assert len(top.all("tr")) == 25 * 81 + 2
    (folding,) = (node for node in top.all("details") if node.all("table"))
    assert "open" in folding.attributes
    assert folding.children[0].text == "2025 rows"


def test_a_figure_is_drawn_with_its_population_and_a_link_to_its_table():
    series = Series("s", "Active", (Mark("0", "4.5"), Mark("7", "3.25")))
    figure = Figure("14.2", "Means", "ITT", "line", "Day", "log10", (series,), "14.1.2", method="t")
    (key_result,) = made(figures=(figure,)).all("figure")
    assert key_result.all("svg")
    assert "Figure 14.2 Means Population: ITT" in " ".join(
        child.text for child in key_result.children[:2]
    )
    assert key_result.all("a", href="#table-14.1.2")
    assert "Method: t." in key_result.text


def test_listings_are_named_and_their_rows_are_never_read():
    class Unread:
        def __iter__(self):
            raise AssertionError("a listing was read")

    text = replace(samples.listings()[2], rows=Unread())
    (node,) = made(listings=(text,)).all("ul", class_="listings")
    assert node.text.startswith("16.2.7 Adverse events by subject")


def test_it_tells_where_everything_comes_from():
    (source,) = read(TRIAL).all("dl", class_="source")
    cut = samples.CUT
    for item in (cut.definition, cut.content_root, str(cut.accepted), *cut.dictionaries):
        assert item in source.text


def test_only_files_that_are_published_are_linked():
    linked = {a.attributes["href"] for a in read(TRIAL).all("a")}
    assert {item for item in linked if not item.startswith("#")} == {f"./{file}" for file in FILES}
    alone = {a.attributes["href"] for a in made().all("a")}
    assert all(item.startswith("#") for item in alone)


@pytest.mark.parametrize("html", [TRIAL, HOSTILE], ids=["trial", "hostile"])
def test_every_link_leads_somewhere_and_no_two_places_have_one_name(html):
    top = read(html)
    nodes = [node for name in set(re.findall(r"<([a-z]\w*)", html)) for node in top.all(name)]
    names = [value.attributes["id"] for value in nodes if "id" in value.attributes]
    assert len(names) == len(set(names))
    for item in nodes:
        if item.attributes.get("href", "").startswith("#"):
            assert item.attributes["href"][1:] in names
        for name in item.attributes.get("aria-labelledby", "").split():
            assert name in names


@pytest.mark.parametrize("html", [TRIAL, HOSTILE], ids=["trial", "hostile"])
def test_it_needs_no_script_and_no_other_file(html):
    top = read(html)
    for name in ("script", "iframe", "object", "embed", "img", "base", "form"):
        assert not top.all(name)
    links = [node.attributes["href"] for node in (*top.all("a"), *top.all("link"))]
    assert all(link.startswith(("#", "./", "data:,")) for link in links)
    assert not re.search(
        r"\son\w+=", re.sub(r'"[^"]*"', '""', "".join(re.findall(r"<[^>]*>", html)))
    )
    (style,) = top.all("style")
    assert not re.search(r"url\(|@import|expression", style.text)
    (policy,) = top.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attributes["content"].startswith("default-src 'none';")


def test_hostile_text_is_shown_as_it_is():
    text = read(HOSTILE).text
    for item in samples.HOSTILE[:18]:
        assert " ".join(legible(item).split()) in text
    HOSTILE.encode()


@given(st.text())
def test_no_text_ends_the_style_sheet_or_the_string_that_it_stands_in(text):
    quoted = css_string(text)
    assert re.fullmatch(r'"(?:[A-Za-z0-9 .,:()\-]|\\[0-9a-f]+ )*"', quoted)


@given(st.text(), st.text())
def test_any_text_stays_in_its_place(title, label):
    odd = Grid(title, title, title, (Column("a", label, 1),), (row(label, p(label, "a")),))
    cut = replace(samples.CUT, title=title, notice=label)
    top = made(cut=cut, grids=(odd,))
    plain = made(grids=(grid(row("x", p("y", "a")), columns=(("a", "z", 1),)),))
    tags = [[len(item.all(name)) for name in ("a", "td", "th", "section")] for item in (top, plain)]
    assert tags[0] == tags[1]


def test_the_same_report_gives_the_same_bytes():
    assert "".join(page(samples.trial(), FILES)) == TRIAL


def test_it_is_made_piece_by_piece():
    large = replace(samples.trial(), grids=(samples.adverse_events(25, 80),))
    pieces = [len(piece) for piece in page(large)]
    assert max(pieces) < sum(pieces) / 10


def test_anchors_are_kept_apart():
    anchors = Anchors()
    assert [anchors.take("table", name) for name in ("14.1", "14/1", "14 1", "")] == [
        "table-14.1",
        "table-14-1",
        "table-14-1-2",
        "table-",
    ]
