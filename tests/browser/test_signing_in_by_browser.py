"""Signing in and out in a real browser: cookies that it accepts, a policy that it enforces."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from houses import STUDY, served

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@pytest.fixture(scope="module")
def room() -> Iterator[tuple[object, str]]:
    with served() as (house, address):
        yield house, address


class Window:
    """A window with all that the browser complained about, and whom it asked."""

    def __init__(self, chromium) -> None:
        self.context = chromium.new_context()
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on(
            "request", lambda request: self.asked.add("/".join(request.url.split("/")[:3]))
        )

    def is_accessible(self) -> None:
        violations = Axe().run(self.page, options=RULES).response["violations"]
        assert [(item["id"], item["nodes"][0]["html"]) for item in violations] == []


def test_a_reader_signs_in_reads_and_signs_out(chromium, room) -> None:
    house, address = room
    window = Window(chromium)
    page = window.page
    page.goto(f"{address}/studies/{STUDY}")
    assert "Development issuer" in page.inner_text("[role=alert]")
    page.get_by_role("link", name="reader", exact=True).click()
    assert page.url == f"{address}/studies/{STUDY}"
    assert "reader (development)" in page.inner_text("[role=banner]")
    (cookie,) = window.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"]) == (
        "__Host-session",
        True,
        True,
    )
    assert page.evaluate("document.cookie") == ""
    window.is_accessible()
    page.get_by_role("button", name="Sign out").click()
    assert page.url == f"{address}/signed-out"
    assert window.context.cookies() == []
    window.is_accessible()
    page.get_by_role("link", name="sign out of it too").click()
    page.get_by_role("link", name="Back").click()
    assert page.url == f"{address}/signed-out"
    assert window.said == []
    assert window.asked == {address, house.issuer.address}
    page.goto(f"{address}/studies/{STUDY}")
    page.get_by_role("link", name="visitor", exact=True).click()
    assert page.inner_text("h1") == "Page not found"
    window.is_accessible()
    window.context.close()


@pytest.fixture
def beside(room) -> Iterator[str]:
    """Give a page on another port of this host: to a browser the same site, so cookies are sent."""
    _, address = room
    text = (
        f'<iframe src="{address}/signed-out"></iframe>'
        f'<form method="post" action="{address}/sign-out"><button>Win</button></form>'
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_page_elsewhere_can_neither_frame_the_room_nor_send_its_forms(
    chromium, room, beside
) -> None:
    _, address = room
    window = Window(chromium)
    page = window.page
    page.goto(address)
    page.get_by_role("link", name="reader", exact=True).click()
    page.goto(beside)
    (frame,) = page.main_frame.child_frames
    assert frame.url == "chrome-error://chromewebdata/"
    assert any("frame" in text for text in window.said)
    with page.expect_navigation():
        page.get_by_role("button", name="Win").click()
    assert page.inner_text("h1") == "Form not accepted"
    assert [cookie["name"] for cookie in window.context.cookies()] == ["__Host-session"]
    window.context.close()
