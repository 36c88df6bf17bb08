"""A headless Chromium for the tests that open the report: CI has to have one, others may."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_AS_ROOT = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root


def found() -> str:
    """Find Chromium; a browser that is missing is a failure in CI and a skipped test elsewhere."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no Chromium is installed (Debian: apt install chromium)")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """Start it for the tests of a module: its event loop must not outlive them."""
    path = found()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - slow, and only needed here

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=NOT_AS_ROOT)
        yield browser
        browser.close()


class Opened:
    """A report in a window, with all that the browser complained about or asked for."""

    ADDRESS = "http://reports.test/cut/report.html"

    def __init__(self, chromium, html: str, width: int, scheme: str) -> None:
        self.context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.route("**/*", lambda route: self._answer(route, html))
        self.page.goto(self.ADDRESS)

    def _answer(self, route, html: str) -> None:
        self.asked.append(route.request.url)
        route.fulfill(body=html, content_type="text/html; charset=utf-8")

    def ask(self, script: str, *arguments):
        """Evaluate an expression or a function of JavaScript in the window."""
        return self.page.evaluate(script, *arguments)


@pytest.fixture
def opened(chromium) -> Iterator[Callable[..., Opened]]:
    """Open reports; they are closed when the test is over."""
    windows = []

    def window(html: str, width: int = 1280, scheme: str = "light") -> Opened:
        windows.append(Opened(chromium, html, width, scheme))
        return windows[-1]

    yield window
    for item in windows:
        item.context.close()
