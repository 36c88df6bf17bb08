"""The room as people use it: its main tasks, by eye, by keyboard and by ear, on desk and phone."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser.conftest import chromium  # noqa: F401 (a fixture)
from rooms import EVERYTHING, TOKEN, Room, links
from test_pages import EXAMPLE, START, Example
from test_pages import example as example  # noqa: PLC0414 (a fixture)

from trial import room as pages
from trial.room.visits import SECURITY_HEADERS

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SUBJECT = f"{START}/subjects/D-1"
LOOKED_AT = (
    "/", START, f"{START}/progress", f"{START}/tables", f"{START}/tables/14.2",
    f"{START}/figures/14.2.1",
    f"{START}/tables/14.2/subjects?row=responders&column=drug", f"{START}/subjects", SUBJECT,
    f"{SUBJECT}/history", f"{START}/listings", f"{START}/listings/16.2.7", f"{START}/discrepancies",
    f"{START}/quarantine", f"{START}/cuts", f"{START}/definition", f"{START}/definition/words",
    f"{START}/definition/new", f"{START}/trail?subject=D-1", f"{START}/subjects?sort=-enrolled",
    f"{START}/definition/words?find=visit",
)  # fmt: skip


class Served(BaseHTTPRequestHandler):
    """Hands what a browser asks for to the room, as somebody with every role."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        asked = pages.RoomRequest(method, parts.path, parts.query, body, kind, csrf=TOKEN)
        answer = pages.serve(asked, EVERYTHING)
        content = answer.content or answer.text.encode()
        self.send_response(answer.status)
        for name, value in {**answer.headers, **SECURITY_HEADERS}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(example: Example) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Window:
    """The room in a window, with all that the browser says or asks for elsewhere."""

    def __init__(self, chromium: Any, address: str, width: int, scheme: str) -> None:  # noqa: F811
        self.address = address
        self.context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith(self.address):
            self.elsewhere.append(request.url)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def heading(self) -> str:
        return str(self.page.locator("h1").inner_text())


@pytest.fixture(scope="module")
def windows(chromium: Any, address: str) -> Iterator[dict[str, Window]]:  # noqa: F811
    made = {
        "desk": Window(chromium, address, 1280, "light"),
        "phone": Window(chromium, address, 360, "dark"),
    }
    yield made
    for window in made.values():
        window.context.close()


def first_below(room: Room, path: str) -> str:
    """Give the first page that a list leads to below itself."""
    return next(
        link
        for link in links(room.page(path, EVERYTHING))
        if link.startswith(f"{path}/") and not link.endswith("/redrive")
    )


@pytest.mark.parametrize("name", ["desk", "phone"])
def test_no_rule_of_level_a_or_aa_is_violated_on_any_kind_of_page(
    windows: dict[str, Window], example: Example, name: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 (reads its script)

    window, axe = windows[name], Axe()
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    width = {"desk": 1280, "phone": 360}[name]
    of_one = [
        first_below(example.room, f"{START}/{part}") for part in ("discrepancies", "quarantine")
    ]
    for path in (*of_one, *(LOOKED_AT if name == "desk" else LOOKED_AT[1::4])):
        window.open(path)
        assert window.page.evaluate("document.documentElement.scrollWidth") == width, path
        violations = axe.run(window.page, options=options).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in violations] == [], path
    assert window.complaints == []
    assert window.elsewhere == []


def test_from_a_key_result_to_the_journal_rows_of_a_subject(windows: dict[str, Window]) -> None:
    window = windows["desk"]
    window.open("/")
    window.page.get_by_role("link", name="DEMO-1").click()
    assert window.heading() == "Overview"
    window.page.locator(".cards .value a").first.click()
    assert window.heading() == "Key result"
    window.page.get_by_role("link", name="whom it is of").click()
    window.page.get_by_role("link", name="Journal of these").first.click()
    assert window.heading() == "Journal of some records"
    assert window.page.locator("tbody tr").count() > 0
    window.page.locator(".crumbs a").last.click()
    assert window.heading().startswith("Subject ")
    assert window.page.get_by_role("img", name=re.compile("Profile of")).is_visible()


def test_a_listing_is_filtered_sorted_and_cut_to_columns_without_a_script(
    windows: dict[str, Window],
) -> None:
    window = windows["desk"]
    window.open(f"{START}/listings/16.2.7")
    window.page.get_by_label("Any column contains").fill("cough")
    window.page.get_by_role("button", name="Show these").click()
    assert window.page.locator("tbody tr").count() == 1
    window.page.get_by_text("Columns", exact=True).click()
    window.page.get_by_label("Onset", exact=True).uncheck()
    window.page.get_by_role("button", name="Show these").click()
    assert "Onset" not in window.page.locator("thead").inner_text().splitlines()
    window.page.get_by_role("link", name="All rows and columns").click()
    window.page.get_by_role("link", name="Subject", exact=True).click()
    assert window.page.locator("tbody tr").count() == 3


def test_a_data_manager_decides_on_a_discrepancy_and_mends_a_refused_event(
    windows: dict[str, Window], example: Example
) -> None:
    window = windows["desk"]
    main = window.page.locator("main")
    window.open(START)
    window.page.get_by_role("link", name="Discrepancies").click()
    window.page.get_by_role("link", name="open", exact=True).click()
    window.page.get_by_label("State").select_option("answered")
    window.page.get_by_label("Why").fill("Asked the site for the criterion")
    window.page.get_by_role("button", name="Decide").click()
    assert "Asked the site for the criterion" in main.inner_text()
    window.page.locator(".crumbs a").click()
    window.page.get_by_label("State").select_option("open")
    window.page.get_by_role("button", name="Show these").click()
    assert "None, as chosen" in main.inner_text()

    window.open(START)
    window.page.get_by_role("link", name="Refused events").click()
    window.page.get_by_role("link", name="Mend").click()
    event = window.page.get_by_label("The event, as JSON")
    sent = event.input_value()
    window.page.get_by_label("Why").fill("The ward is no field")
    complaints = list(window.complaints)
    window.page.get_by_role("button", name="Record the corrected event").click()
    assert "ward is not a field here" in window.page.get_by_role("alert").inner_text()
    assert event.input_value() == sent
    assert window.page.get_by_label("Why").input_value() == "The ward is no field"
    window.complaints[:] = complaints  # browsers say of a 422 that it is one
    event.fill(re.sub(r',\s*"ward": "7"', "", sent))
    window.page.get_by_role("button", name="Record the corrected event").click()
    assert window.heading() == "Mended"
    window.page.get_by_role("link", name="Refused events").last.click()
    assert "Nothing waits." in main.inner_text()


def test_a_cut_is_asked_for_and_looked_at(
    windows: dict[str, Window],
    example: Example,
) -> None:
    window = windows["desk"]
    window.open(f"{START}/cuts")
    window.page.get_by_label("Why").fill("For the monitor")
    window.page.get_by_role("button", name="Ask for a cut").click()
    assert window.heading() == "Cut"
    assert "being made" in window.page.locator("main").inner_text()
    example.room.make_reports(example.study)
    window.page.reload()
    assert "report.html" in window.page.locator("main").inner_text()


def test_a_definition_is_checked_mended_previewed_and_amended(
    windows: dict[str, Window], example: Example, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 (reads its script)

    window, axe = windows["desk"], Axe()
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}

    def check() -> str:
        window.page.get_by_role("button", name="Check it").click()
        assert axe.run(window.page, options=options).response["violations"] == []
        assert window.page.evaluate("document.documentElement.scrollWidth") == 1280
        return str(window.page.locator("main").inner_text())

    window.open(f"{START}/definition")
    window.page.get_by_role("link", name="Check a new one").click()
    text = (EXAMPLE / "definition.yaml").read_text(encoding="utf-8")
    file = tmp_path / "definition.yaml"
    file.write_text(text.replace("count:", "cuont:", 1), encoding="utf-8")
    window.page.get_by_label("Or a file").set_input_files(file)
    assert "Did you mean count?" in check()
    field = window.page.get_by_label("The definition, as JSON or YAML")
    field.fill(text.replace("title: ", "title: Also ", 1))
    shown = check()
    assert "It is accepted; nothing is changed yet." in shown
    assert "Of all 4 subjects" in shown
    amend = window.page.get_by_role("button", name="Amend the definition")
    amend.click()  # a browser asks for the reason
    assert window.heading() == "New definition"
    window.page.get_by_label("Why").fill("The title was wrong")
    amend.click()
    assert window.heading() == "Definition"
    assert "being prepared" in window.page.locator("main").inner_text()
    assert (window.complaints, window.elsewhere) == ([], [])
    example.room.store.put_definition(example.study, example.study.source)


def test_the_keyboard_reaches_the_content_and_shows_where_it_is(windows: dict[str, Window]) -> None:
    window = windows["desk"]
    window.open(START)
    window.page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert window.page.evaluate(f"{focused}.textContent") == "Skip to the content"
    window.page.keyboard.press("Enter")
    assert window.page.evaluate(f"{focused}.id") == "content"
    window.page.keyboard.press("Tab")
    assert window.page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"


def test_on_paper_there_is_the_content_and_nothing_to_press(windows: dict[str, Window]) -> None:
    window = windows["desk"]
    window.open(SUBJECT)
    window.page.emulate_media(media="print")
    assert not window.page.locator(".bar").is_visible()
    assert not window.page.locator("nav").is_visible()
    assert window.page.locator("svg").first.is_visible()
    window.page.emulate_media(media="screen")
