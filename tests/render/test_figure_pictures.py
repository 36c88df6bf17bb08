"""Figures as pictures: well formed, the same each time, told in words, whatever the data are."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, pairwise
from xml.etree.ElementTree import Element

import builders
import digests
import pytest
from builders import tmb301
from defusedxml.ElementTree import fromstring

from trial.render.figures import alt_text, canvas, figure_svg
from trial.tables.figures import figures
from trial.tables.grid import Figure, Lane, Mark, Quartiles, Series
from trial.tables.rounding import ticks

SVG = "{http://www.w3.org/2000/svg}"
SUBJECTS = ("scatter", "swimmer", "profiles")
KINDS = (*SUBJECTS, "line", "step", "bars", "dots", "forest", "boxes", "cumulative", "stacked")
HOSTILE = '<script>alert("1 & 2")</script> \x00\ud800 =cmd() ]]> \u202eevil'
HEBREW = "\u05ea\u05d5\u05e6\u05d0\u05d4 \u05e8\u05d0\u05e9\u05d5\u05e0\u05d4"
LONG = "Xanomeline " * 18 + "end"


def figure(kind, *series, **options):
    base = {"id": "14.1", "title": "Title", "population": "All", "kind": kind, "source": "t"}
    if kind == "forest":
        series, base["heads"] = series[:1], ("Placebo", "A drug", "Estimate (95% CI)")
        base["neutral"] = "0"
    if kind == "swimmer":
        base["heads"] = ("Response", options.get("x_label", "End"))
    if kind == "scatter":
        corners = ("upper right", "upper left", "lower right", "lower left")
        base["quadrants"] = tuple(tuple((name, 12) for name in corners) for _ in series)
        base["x_references"] = (("2", options.get("x_label", "Limit")),)
    if kind == "stacked":
        base["sizes"] = tuple(
            (mark.label, 40 - i)
            for first_series in series[:1]
            for i, mark in enumerate(first_series.marks)
        )
    return Figure(**(base | {"x_label": "Day", "y_label": "Value", "series": series} | options))


def of_subjects(kind, values, label):
    """Give a mark a subject."""
    if kind == "scatter":
        return tuple(Mark(value, value, n=2) for value in values)
    if kind == "swimmer":
        lane = Lane(((0, values[0]), (1, values[-1])), goes_on=True)
        return tuple(Mark(value, str(i), lane=lane) for i, value in enumerate(values, 1))
    return tuple(
            mark
            for i, value in enumerate(values)
            for mark in (Mark(str(i), value, label=label, n=1), Mark(str(9 + i), value, label=label,
                         n=1), Mark(None, None))
        )  # fmt: skip


def marks(kind, values, label="Term"):
    """Give marks of some values, in the way of each kind."""
    if kind == "dots":
        return tuple(
            Mark(value, str(i), label=f"{label} {i}", n=i) for i, value in enumerate(values, 1)
        )
    if kind in SUBJECTS:
        return of_subjects(kind, values, label)
    if kind == "stacked":
        return tuple(Mark("30", str(i), label=f"{label} {i}", n=i) for i, _ in enumerate(values, 1))
    if kind == "forest":
        heading = Mark(None, "1", label=f"{label} 0", beside=("", "", "P 0.1"), is_heading=True)
        return (heading, *(
            Mark(value, str(i), value, None if i % 2 else value, f"{label} {i}", None, i % 2,
                 ("12/40", "", f"{Decimal(value):.1f} (0 to {value})"))
            for i, value in enumerate(values, 2)
        ))  # fmt: skip
    if kind == "boxes":
        box = Quartiles(values[-1], values[0], values[0], ((values[0], 2), (values[-1], 1)) * 50)
        return tuple(
            Mark(str(i), value, values[-1], values[0], f"{label} {i}", 40 - i, quartiles=box)
            for i, value in enumerate(values, 1)
        )
    return tuple(
        Mark(str(7 * i), value, value, value, f"Visit {i}", 40 - i)
        for i, value in enumerate(values)
    )


def of(kind, values, name="a", label="Drug", **options):
    return Series(name, label, marks(kind, values), n=40, **options)


def parsed(svg: str) -> Element:
    root: Element = fromstring(svg)
    return root


def told(root: Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def description(root: Element) -> str:
    return root.findtext(f"{SVG}desc") or ""


def paths(root: Element, told_of: str = "") -> list[Element]:
    elements = root.iter(f"{SVG}path")
    return [path for path in elements if told_of in (path.findtext(f"{SVG}title") or "")]


VALUES = ("100", "92.5", "60.123456", "0")
AWKWARD = {
    "many": lambda kind: figure(kind, *(of(kind, VALUES, f"s{i}", f"Arm {i}") for i in range(9))),
    "one": lambda kind: figure(kind, of(kind, ["1"])),
    "negative": lambda kind: figure(kind, of(kind, ["3", "0", "-0.5", "-2"])),
    "same": lambda kind: figure(kind, of(kind, ["5", "5"])),
    "huge": lambda kind: figure(kind, of(kind, ["1000000000000", "3"])),
    "tiny": lambda kind: figure(kind, of(kind, ["0.000000001", "0.000000003"])),
    "hostile": lambda kind: figure(
        kind, Series("a", HOSTILE, marks(kind, VALUES, HOSTILE)), title=HOSTILE, x_label=HOSTILE,
        y_label=HOSTILE, references=() if kind == "dots" else (("1", HOSTILE),),
    ),
    "long": lambda kind: figure(
        kind, Series("a", LONG, marks(kind, VALUES, LONG)), Series("b", LONG, marks(kind, VALUES)),
        x_label=LONG, y_label=LONG, references=() if kind == "dots" else (("1", LONG),),
    ),
    "hebrew": lambda kind: figure(kind, Series("a", HEBREW, marks(kind, VALUES, HEBREW)),
                                 title=HEBREW),
    "blank": lambda kind: figure(
        kind, of(kind, VALUES, label=""), x_label="", y_label="", title=""
    ),
}  # fmt: skip


class TestEveryKind:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("name", AWKWARD)
    def test_it_is_well_formed_and_stays_on_its_page(self, kind, name):
        self.check(AWKWARD[name](kind))

    @pytest.mark.parametrize("name", AWKWARD)
    @pytest.mark.parametrize("log", [False, True])
    def test_so_do_differences_beside_dots(self, name, log):
        plot = AWKWARD[name]("dots")
        (_, *marks) = marks_of = AWKWARD[name]("forest").series[0].marks
        beside = Series("p", plot.series[0].label, tuple(marks[: len(plot.series[0].marks)]))
        assert len(beside.marks) == len(marks_of) - 1
        self.check(replace(plot, panel=beside, panel_label=plot.x_label, neutral="1", log=log))

    @pytest.mark.parametrize("name", AWKWARD)
    def test_so_does_a_scatter_on_logarithmic_axes(self, name):
        plot = AWKWARD[name]("scatter")
        self.check(replace(plot, log=True, references=()))

    @pytest.mark.parametrize("name", AWKWARD)
    def test_so_does_a_forest_of_ratios(self, name):
        self.check(replace(AWKWARD[name]("forest"), log=True, neutral="1"))

    def check(self, plot):
        root = parsed(figure_svg(plot))
        _, _, width, height = map(float, (root.get("viewBox") or "").split())
        assert width == 720
        for element in root.iter(f"{SVG}text"):
            x, y = float(element.get("x") or ""), float(element.get("y") or "")
            size = canvas.width_of(element.text or "")
            start = (
                x - {"start": 0, "middle": size / 2, "end": size}[element.get("text-anchor") or ""]
            )
            assert start >= -1, element.text
            assert start + size <= 721, element.text
            assert 0 < y <= height, element.text
        for x, y in re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", " ".join(
            path.get("d") or "" for path in paths(root) if not path.get("transform")
        )):  # fmt: skip
            assert -1 <= float(x) <= 721
            assert 0 <= float(y) <= height

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_has_a_name_and_tells_its_data(self, kind):
        root = parsed(figure_svg(figure(kind, of(kind, VALUES), title="Pressure & pulse")))
        assert root.get("role") == "img"
        ids = {element.get("id"): element for element in root.iter() if element.get("id")}
        assert ids[root.get("aria-labelledby")].text == "Pressure & pulse"
        assert ids[root.get("aria-describedby")].text == description(root)
        assert "Drug" in description(root)
        assert "0.0" in description(root)
        assert all("14.1" in (name or "") for name in ids)

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_holds_neither_script_nor_link_nor_style(self, kind):
        svg = figure_svg(AWKWARD["hostile"](kind))
        root = parsed(svg)
        assert {element.tag for element in root.iter()} <= {
            SVG + tag for tag in ("svg", "title", "desc", "text", "path")
        }
        assert not re.search(r"href|onload|style=|url\(", svg)
        assert "<script>" in "".join(root.itertext())  # as text that can be read

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_nothing_it_says_so(self, kind):
        for series in ((), (Series("a", "Drug", (), n=0),)):
            root = parsed(figure_svg(figure(kind, *series, references=(("1", "Level"),))))
            assert "No data yet" in told(root)
            assert "No data yet" in description(root)

    def test_visits_without_any_value_are_no_data(self):
        blank = Series("a", "Drug", (Mark("7", None, label="Day 7", n=0),), n=0)
        assert "No data yet" in told(parsed(figure_svg(figure("line", blank))))

    @pytest.mark.parametrize("kind", KINDS)
    def test_series_differ_by_more_than_colour(self, kind):
        looks = [canvas.series_style(i) for i in range(7)]
        assert len({look.dash for look in looks[:5]}) == 5
        assert len({look.shape for look in looks}) == 7
        names = re.findall(r"var\(--([\w-]+)", figure_svg(AWKWARD["many"](kind)))
        assert set(names) <= canvas.LIGHT.keys() == canvas.DARK.keys()

    @pytest.mark.parametrize("page", [canvas.LIGHT, canvas.DARK], ids=["light", "dark"])
    def test_every_colour_of_text_or_series_stands_out_from_the_page(self, page):
        for name in page.keys() - {"page", "grid"}:
            dark, bright = sorted(luminance(linear(page[name])) for name in (name, "page"))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, name

    @pytest.mark.parametrize("page", [canvas.LIGHT, canvas.DARK], ids=["light", "dark"])
    def test_series_differ_in_grey_and_to_whom_red_and_green_look_alike(self, page):
        series = [linear(page[f"series-{number}"]) for number in range(1, 7)]
        greys = [lab(colour)[0] for colour in series]
        assert min(abs(one - other) for one, other in combinations(greys[:3], 2)) >= 9
        assert min(abs(one - other) for one, other in combinations(greys, 2)) >= 3
        for seen in (series, [deuteranopia(colour) for colour in series]):
            assert min(map(apart, *zip(*combinations(seen, 2), strict=True))) >= 20
        usual = [lab(linear(colour))[0] for colour in OKABE_ITO]
        assert max(usual) - min(usual) < 9  # this can fail: in grey those are one colour

    def test_numbers_in_a_dark_part_are_light(self):
        bar = (Mark("30", "a", label="A"),)
        parts = tuple(Series(str(i), f"Grade {i}", bar, n=9) for i in range(3))
        root = parsed(figure_svg(figure("stacked", *parts)))
        inks = [text.get("fill") or "" for text in root.iter(f"{SVG}text") if text.text == "30"]
        assert ["page" in ink for ink in inks] == [False, False, True]


OKABE_ITO = "#0072b2", "#c44e00", "#00805c"
_DEUTERANOPIA = (  # Machado, Oliveira and Fernandes 2009, severity 1, of linear RGB
    (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)  # fmt: skip


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def luminance(colour: list[float]) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def deuteranopia(colour: list[float]) -> list[float]:
    return [min(1.0, max(0.0, math.sumprod(row, colour))) for row in _DEUTERANOPIA]


def lab(colour: list[float]) -> tuple[float, float, float]:
    """Convert linear sRGB to CIE L*a*b* under D65."""
    whole = (
        math.sumprod((0.4124, 0.3576, 0.1805), colour) / 0.9505,
        luminance(colour),
        math.sumprod((0.0193, 0.1192, 0.9505), colour) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in whole)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: list[float], other: list[float]) -> float:
    """Return how far two colours lie apart (CIE 1976)."""
    return math.dist(lab(one), lab(other))


class TestMarks:
    def test_a_line_breaks_where_a_value_is_missing(self):
        holes = (Mark("0", "1"), Mark("7", "2"), Mark("14", None), Mark("21", "2"))
        root = parsed(figure_svg(figure("line", Series("a", "Drug", holes))))
        lines = [path.get("d") or "" for path in paths(root) if path.get("stroke-width") == "2"]
        assert [line.count("L") for line in lines if "L" in line] == [1]
        assert len([path for path in paths(root) if path.find(f"{SVG}title") is not None]) == 3

    def test_bars_hang_from_zero_on_either_side(self):
        root = parsed(figure_svg(figure("bars", of("bars", ["2", "0", "-1"]))))
        heights = [
            float(top) - float(zero)
            for path in paths(root)
            if path.find(f"{SVG}title") is not None
            for zero, top in re.findall(r"M[\d.]+,([\d.]+) V([\d.]+)", path.get("d") or "")
        ]
        assert [height < 0 for height in heights] == [True, True, False]
        assert heights[0] == pytest.approx(-2 * heights[2], abs=0.3)
        assert heights[1] == pytest.approx(-1, abs=0.2)  # a bar of 0 can be seen

    def test_very_many_bars_make_a_picture_of_a_size_that_can_be_sent(self):
        values = [str(20_000 - i) for i in range(20_000)]
        svg = figure_svg(figure("bars", of("bars", values)))
        assert len(svg) < 300_000
        assert "20000 bars, from 20000.0 to 1.0" in svg

    def test_a_curve_is_a_stair_with_ticks_where_follow_up_ended(self):
        steps = (Mark("0", "100"), Mark("10", "50", "20", "80"), Mark("30", "50", "20", "80"))
        series = Series("a", "Drug", steps, ("20", "30"), 4, (("0", 4), ("15", 2), ("30", 1)))
        root = parsed(figure_svg(figure("step", series, y_range=("0", "100"))))
        (curve,) = [path for path in paths(root) if path.get("stroke-width") == "2.5"]
        assert re.fullmatch(r"M[\d.,]+ H[\d.]+ V[\d.]+ H[\d.]+ V[\d.]+", curve.get("d") or "")
        thin = [path.get("d") or "" for path in paths(root) if path.get("stroke-width") == "1.5"]
        assert [text_.count("V") for text_ in thin if "V" in text_][-1] == 2
        texts = told(root)
        assert [texts.count(text_) for text_ in ("Number at risk", "4", "2", "1")] == [1, 1, 1, 1]
        assert [text for text in texts if text in {"0", "15", "30"}].count("15") == 1

    def test_sixty_terms_have_a_line_each(self):
        values = [str(60 - i) for i in range(60)]
        root = parsed(figure_svg(figure("dots", of("dots", values))))
        rows = [float(element.get("y") or 0) for element in root.iter(f"{SVG}text")
                if (element.text or "").startswith("Term")]  # fmt: skip
        assert len(rows) == 60
        assert rows == sorted(rows)
        assert "Term 60: Drug 1.0 [n = 60]" in description(root)

    def test_numbers_under_the_axis_are_left_out_where_they_would_touch(self):
        close = tuple(Mark(str(day), "1", n=1000 + day) for day in range(100))
        root = parsed(figure_svg(figure("line", Series("a", "Drug", close))))
        positions = [float(element.get("x") or 0) for element in root.iter(f"{SVG}text")
                 if re.fullmatch(r"1\d{3}", element.text or "")]  # fmt: skip
        assert 5 < len(positions) < 20
        assert min(b - a for a, b in pairwise(positions)) > canvas.width_of("1000")

    def test_an_ellipsis_says_that_a_term_goes_on(self):
        root = parsed(figure_svg(figure("dots", Series("a", "Drug", marks("dots", ["1"], LONG)))))
        assert any(text_.endswith("\u2026") for text_ in told(root))
        assert LONG in description(root)


class TestTicks:
    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            ("0", "100", "0 20 40 60 80 100"),
            ("0", "20", "0 5 10 15 20"),
            ("-0.41", "0.26", "-0.6 -0.4 -0.2 0 0.2 0.4"),
            ("1.6", "4.8", "1 2 3 4 5"),
            ("5", "5", "5 6"),
            ("0", "0", "0 0.2"),
            ("0", "0.00004", "0 0.00001 0.00002 0.00003 0.00004"),
            ("7", "1234567", "0 500000 1000000 1500000"),
            ("-3", "-1", "-3 -2.5 -2 -1.5 -1"),
        ],
    )
    def test_they_are_round_and_hold_what_is_shown(self, low, high, expected):
        labels = [f"{tick:f}" for tick in ticks(Decimal(low), Decimal(high))]
        assert labels == expected.split()
        assert Decimal(labels[0]) <= Decimal(low) <= Decimal(high) <= Decimal(labels[-1])
        assert 2 <= len(labels) <= 8


class TestTmb301:
    def test_the_same_figures_are_the_same_bytes_in_another_process(self):
        script = "import digests; print(digests.of_figures())"
        process = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        )  # fmt: skip
        assert process.stdout.strip() == digests.of_figures()

    def test_each_is_told_in_words(self):
        sums = builders.sums_of(tmb301(), builders.subjects(builders.feed()))
        descriptions = {item.id: alt_text.description(item) for item in figures(tmb301(), sums)}
        assert "Week 25: 42.5 (27.0 to 59.1) [n = 17]" in descriptions["14.2.3"]
        assert "Total (N = 40): 40 bars, from 1.9 to " in descriptions["14.2.1"]
        assert "Diarrhoea: Total 20.0 [n = 8]" in descriptions["14.3.2"]
        assert "Clopper-Pearson, 95 %" in descriptions["14.2.3"]
