"""The deployed room: each function by its routes, with the environment that the template gives."""

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from local.feed import Line, Lines, read_definition
from local.stack import aws

STUDY = "ROOM-1"


class Browser:
    """Somebody's browser, as far as cookies go."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, address: str, **fields: str) -> urllib3.BaseHTTPResponse:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookie, "Origin": self.address, "Sec-Fetch-Site": "same-origin"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(fields) if method == "POST" else None
        answer = urllib3.request(
            method, address, body=body, headers=headers, redirect=False, retries=False, timeout=60
        )
        for header in answer.headers.getlist("Set-Cookie"):
            pair, *attributes = header.split("; ")
            name, _, value = pair.partition("=")
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} < set(attributes)
            self.cookies[name] = value
        return answer

    def follow(self, path: str, user: str) -> urllib3.BaseHTTPResponse:
        """Ask for a page and follow wherever that leads; at the issuer, be a user."""
        answer = self.ask("GET", self.address + path)
        while answer.status == 303:
            location = answer.headers["Location"]
            if location.startswith("/"):
                location = self.address + location
            elif not location.startswith(self.address):
                location += f"&user={user}"
            answer = self.ask("GET", location)
        return answer


@pytest.fixture(scope="module")
def study(stack: Any, root: Any) -> str:
    source = read_definition(root / "events" / "example" / "definition.yaml")
    stack.client.put_definition(STUDY, source | {"study": STUDY})
    return f"/studies/{STUDY}"


def test_a_reader_signs_in_reads_is_recorded_and_signs_out(stack: Any, study: str) -> None:
    browser = Browser(stack.room)
    page = browser.follow(study, "reader")
    text = page.data.decode()
    assert (page.status, "reader (development)" in text) == (200, True)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert browser.ask("GET", f"{stack.room}{study}/discrepancies").status == 200
    csrf = text.partition('name="csrf" value="')[2].partition('"')[0]
    assert browser.ask("POST", f"{stack.room}{study}/cuts", csrf="").status == 403
    cut = browser.ask("POST", f"{stack.room}{study}/cuts", csrf=csrf, reason="Shown to a test")
    assert cut.status in {200, 303}
    activity = stack.client.get(f"{study}/activity").json()["activity"]
    assert [(row["action"], row["principal"]) for row in activity] == [
        (action, f"{stack.people.address}#reader") for action in ("read", "change")
    ]
    assert [row["reason"] for row in stack.client.get(f"{study}/reports").json()["reports"]] == [
        "Shown to a test"
    ]
    assert browser.ask("POST", f"{stack.room}/sign-out", csrf=csrf).status == 303
    assert browser.cookies["__Host-session"] == ""


def test_every_listing_shows_and_hands_out_the_rows_that_were_published(
    stack: Any, root: Any
) -> None:
    """The bucket is asked for parts of a version of a file: each kind of bucket answers its way."""
    folder, name = root / "events" / "example", "ROOM-2"
    definition = read_definition(folder / "definition.yaml")
    original, study = f'"study":"{definition["study"]}"'.encode(), f"/studies/{name}"
    stack.client.put_definition(name, definition | {"study": name})
    lines = [
        Line(line.number, line.raw.replace(original, f'"study":"{name}"'.encode()))
        for line in Lines(folder / "feed.ndjson")
    ]
    counted = sum(event.status == 201 for event in stack.client.post_events(name, lines))
    assert counted
    deadline = time.monotonic() + 120
    while (stack.client.get(f"{study}/reports").json()["live"] or {}).get("events") != counted:
        assert time.monotonic() < deadline, "nothing was published in time"
        time.sleep(0.2)
    browser = Browser(stack.room)
    contents = browser.follow(f"{study}/listings", "reader").data.decode()
    listings = sorted(set(re.findall(rf'"({study}/listings/[^"/?]+)"', contents)))
    assert len(listings) > len(definition["listings"])  # and that of discrepancies
    for path in listings:
        page = browser.ask("GET", stack.room + path)
        assert page.status == 200, path
        rows = max(page.data.decode().count("<tr") - 1, 0)  # no table where there is no row
        table = browser.ask("GET", f"{stack.room}{path}/csv")
        assert table.status == 200, path
        assert min(len(table.data.decode().splitlines()) - 1, 100) == rows, path


def test_the_unblinded_have_a_function_of_their_own(stack: Any, study: str) -> None:
    browser = Browser(stack.room)
    page = browser.follow(f"/unblinded{study}", "unblinded-reader")
    assert (page.status, "Study is not blinded" in page.data.decode()) == (404, True)
    functions = aws("lambda", stack.endpoint).list_functions()["Functions"]
    parts = {
        item["Environment"]["Variables"]["ROOM_PART"]
        for item in functions
        if item["Handler"] == "room.handler"
    }
    assert parts == {"open", "unblinded", "changes"}


def test_the_api_takes_a_token_at_the_rooms_address(stack: Any, study: str) -> None:
    token = stack.people.sign(stack.people.claims("reader"))
    headers = {"Authorization": f"Bearer {token}"}
    answer = urllib3.request("GET", f"{stack.room}/api{study}/summary", headers=headers, timeout=60)
    assert (answer.status, json.loads(answer.data)["accepted"]) == (200, 0)
    assert urllib3.request("GET", f"{stack.room}/api{study}/summary", timeout=60).status == 401
