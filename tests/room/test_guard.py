"""Who gets into the room, and who does not: through its handler, with tokens of a real issuer."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from houses import SOURCE, STUDY, USERS, House, opened
from visiting import ADDRESS, Browser, Shown, query_of

import wiring
from local.issuer import CLIENT, ROLES_CLAIM
from trial.definition import study as studies
from trial.errors import Unavailable
from trial.room import ROUTES, Route, guard
from trial.room.visits import SECURITY_HEADERS
from trial.web.access import connection, cookies
from trial.web.access.issuer import Client, Issuer
from trial.web.access.person import Role


class Parts(dict[str, str]):
    """What stands in the paths that are tried; some of it is in no study."""

    def __missing__(self, name: str) -> str:
        return "x"


PARTS = Parts(study=STUDY, subject="S-0", table="t", cut="live", listing="subjects")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with opened() as house:
        yield house


@pytest.fixture(autouse=True)
def _no_metrics_to_read(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()


class TestSigningIn:
    def test_from_a_page_to_the_issuer_and_back_to_the_page(self, house: House) -> None:
        browser = house.browser()
        page = f"/studies/{STUDY}"
        back = browser.sign_in("reader", f"{page}?a=1")
        assert browser.cookies.keys() == {cookies.SESSION}
        assert len(back.cookies) == 2
        shown = browser.get(page)
        assert (shown.status, "reader (development)" in shown.text) == (200, True)
        out = browser.post("/sign-out")
        assert (out.status, out.location, browser.cookies) == (303, "/signed-out", {})
        farewell = browser.get("/signed-out")
        assert f'href="{house.issuer.address}/sign-out?' in farewell.text
        assert browser.get(page).status == 303

    def test_what_the_issuer_is_sent_is_new_each_time_and_no_secret(self, house: House) -> None:
        browser = house.browser()
        first, second = (query_of(browser.get("/sign-in").location) for _ in range(2))
        assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
        assert first["redirect_uri"] == f"{ADDRESS}/sign-in/callback"
        kept = cookies.read_sign_in(browser.cookies[cookies.SIGN_IN])
        assert kept is not None
        assert kept.verifier not in json.dumps(second)

    @pytest.mark.parametrize("to", ["//example.org", "https://example.org", "/\\example.org", ""])
    def test_it_leads_back_to_this_host_alone(self, house: House, to: str) -> None:
        browser = house.browser()
        away = browser.get(f"/sign-in?to={to}")
        assert browser.get(browser_back(browser, away)).location == "/"

    def test_a_state_of_another_browser_opens_nothing(self, house: House) -> None:
        mine, theirs = house.browser(), house.browser()
        address = browser_back(theirs, theirs.get("/sign-in"))
        mine.get("/sign-in")
        refused(mine, mine.get(address), 400)

    def test_nor_does_a_way_back_that_nobody_began(self, house: House) -> None:
        theirs, mine = house.browser(), house.browser()
        address = browser_back(theirs, theirs.get("/sign-in"))
        refused(mine, mine.get(address), 400)

    def test_nor_a_code_that_another_asked_for_under_ones_own_state(self, house: House) -> None:
        mine, theirs = house.browser(), house.browser()
        code = query_of(browser_back(theirs, theirs.get("/sign-in")))["code"]
        state = query_of(mine.get("/sign-in").location)["state"]
        refused(mine, mine.get(f"/sign-in/callback?code={code}&state={state}"), 401)

    def test_nor_a_code_that_was_used(self, house: House) -> None:
        browser = house.browser()
        address = browser_back(browser, browser.get("/sign-in"))
        begun = dict(browser.cookies)
        assert browser.get(address).status == 303
        again = Browser(house.handler, begun)
        refused(again, again.get(address), 401)

    def test_nor_a_token_that_was_issued_for_another_sign_in(self, house: House) -> None:
        browser = house.browser()
        address = browser_back(browser, browser.get("/sign-in"))
        kept = cookies.read_sign_in(browser.cookies[cookies.SIGN_IN])
        assert kept is not None
        forged = cookies.SignIn(kept.state, "another-nonce", kept.verifier, "/")
        browser.cookies[cookies.SIGN_IN] = forged.text()
        refused(browser, browser.get(address), 401)

    def test_what_the_issuer_says_is_shown_if_it_is_a_code_and_nothing_else(
        self, house: House
    ) -> None:
        for error, shown in (("access_denied", "access_denied"), ("<script>", "an error")):
            browser = house.browser()
            state = query_of(browser.get("/sign-in").location)["state"]
            answer = browser.get(f"/sign-in/callback?state={state}&error={error}")
            refused(browser, answer, 401)
            assert shown in answer.text
            assert "<script" not in answer.text

    def test_a_token_that_no_browser_could_keep_is_refused_in_words(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cookies, "LONGEST_COOKIE", 300)
        browser = house.browser()
        answer = browser.get(browser_back(browser, browser.get("/sign-in")))
        refused(browser, answer, 400)
        assert "too long" in answer.text

    def test_an_issuer_out_of_reach_is_503_and_changes_nothing(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(*_: object) -> None:
            raise Unavailable("away")

        client = Client("https://issuer.example", CLIENT, ROLES_CLAIM)
        away = Issuer(client, unreachable, lambda: datetime.now(UTC))  # type: ignore[arg-type]
        monkeypatch.setattr(connection, "issuer", lambda: away)
        browser = house.browser("reader")
        for address in ("/sign-in", "/", f"/studies/{STUDY}"):
            assert browser.get(address).status == 503
        assert browser.cookies.keys() == {cookies.SESSION}
        assert browser.get("/signed-out").status == 200


def browser_back(browser: Browser, away: Shown) -> str:
    assert away.status == 303
    return browser.choose(away.location, "reader")


def refused(browser: Browser, answer: Shown, status: int) -> None:
    assert answer.status == status
    assert cookies.SESSION not in browser.cookies
    assert cookies.SIGN_IN not in browser.cookies
    assert 'href="/sign-in"' in answer.text


class TestSessions:
    @pytest.mark.parametrize(
        "claims",
        [{"exp": -60}, {"nbf": 600}, {"iat": -3_700}, {"aud": "another"},
         {"iss": "https://another.example"}],
    )  # fmt: skip
    def test_a_token_that_is_not_good_leads_to_the_sign_in(
        self, house: House, claims: dict[str, Any]
    ) -> None:
        moment = int(time.time())
        claims = {
            name: moment + value if isinstance(value, int) else value
            for name, value in claims.items()
        }
        browser = house.browser("reader", **claims)
        shown = browser.get(f"/studies/{STUDY}/tables?x=1")
        assert shown.status == 303
        assert shown.location == f"/sign-in?to=%2Fstudies%2F{STUDY}%2Ftables%3Fx%3D1"
        assert browser.cookies == {}

    def test_a_form_without_a_session_is_refused_and_says_that_nothing_changed(
        self, house: House
    ) -> None:
        for browser in (house.browser(), house.browser("reader", exp=1)):
            answer = browser.post(f"/studies/{STUDY}/cuts", reason="x")
            assert (answer.status, "Nothing was changed" in answer.text) == (401, True)
            assert browser.cookies == {}

    def test_an_error_of_ours_shows_nothing_of_itself_and_logs_no_text(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: str) -> None:
            raise ZeroDivisionError("S-0 has a secret")

        monkeypatch.setattr(wiring.store(), "study", fail)
        answer = house.browser("reader").get(f"/studies/{STUDY}")
        assert (answer.status, "secret" in answer.text) == (500, False)
        assert "ZeroDivisionError" in house.log.getvalue()
        assert "secret" not in house.log.getvalue()

    def test_too_many_parameters_are_a_bad_request(self, house: House) -> None:
        query = "&".join(f"p{number}=1" for number in range(300))
        assert house.browser("reader").get(f"/studies/{STUDY}?{query}").status == 400

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
    def test_no_other_method_is_served(self, house: House, method: str) -> None:
        for browser in (house.browser(), house.browser("reader")):
            assert browser.ask(method, f"/studies/{STUDY}").status in {401, 403}


class TestForms:
    WRONG: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({}, {"csrf": ""}),
        ({}, {"csrf": "0" * 64}),
        ({}, {"csrf": "of another"}),
        ({"origin": "https://example.org"}, {}),
        ({"origin": "null"}, {}),
        ({"origin": f"{ADDRESS}.example.org"}, {}),
        ({"sec-fetch-site": "cross-site"}, {}),
        ({"sec-fetch-site": "same-site"}, {}),
        ({"sec-fetch-site": "none"}, {}),
        ({"content-type": "text/plain"}, {}),
        ({"content-type": "application/json"}, {}),
    )

    @pytest.mark.parametrize(("headers", "fields"), WRONG)
    def test_a_form_from_elsewhere_changes_nothing(
        self, house: House, headers: dict[str, str], fields: dict[str, str]
    ) -> None:
        browser = house.browser("administrator")
        if fields.get("csrf") == "of another":
            fields = {"csrf": cookies.form_token(house.issuer.sign(house.issuer.claims("reader")))}
        before = house.noted()
        for path in (f"/studies/{STUDY}/cuts", "/sign-out"):
            assert browser.post(path, headers, **fields).status == 403
        assert browser.cookies.keys() == {cookies.SESSION}
        assert house.noted() == before

    def test_a_browser_that_says_nothing_of_where_it_comes_from_needs_the_token(
        self, house: House
    ) -> None:
        browser = house.browser("reader")
        token = cookies.form_token(browser.cookies[cookies.SESSION])
        plain = {"content-type": "application/x-www-form-urlencoded"}
        assert browser.ask("POST", "/sign-out", "csrf=", plain).status == 403
        assert browser.ask("POST", "/sign-out", f"csrf={token}", plain).status == 303

    def test_pages_carry_the_token_of_their_session_and_not_the_session(self, house: House) -> None:
        browser = house.browser("reader")
        session = browser.cookies[cookies.SESSION]
        text = browser.get("/").text
        assert f'name="csrf" value="{cookies.form_token(session)}"' in text
        assert session not in text


def path_of(route: Route) -> str:
    return route.path.format_map(PARTS)


def holds(user: str, route: Route) -> bool:
    """Decide as the roles' table says, from the claim's text alone."""
    also = {Role.UNBLINDED_READER: {Role.READER}, Role.DATA_MANAGER: {Role.READER}}
    role = user.removesuffix("-elsewhere")
    if role not in Role:
        return False
    held = {Role(role), *also.get(Role(role), set())}
    elsewhere = user.endswith("-elsewhere") and "{study}" in route.path
    return not elsewhere and not held.isdisjoint(route.roles)


GETS = [
    route for route in ROUTES if route.method == "GET" and not route.path.startswith("/assets/")
]


READERS = frozenset({Role.READER})
STAFF = READERS | {Role.DATA_MANAGER, Role.ADMINISTRATOR}
OF_OTHERS = {
    ("GET", "/"): frozenset(Role),
    ("GET", "/assets/{file}"): frozenset(Role),
    ("GET", "/studies/{study}/trail"): frozenset({Role.ADMINISTRATOR}),
    ("GET", "/studies/{study}/quarantine"): STAFF,
    ("POST", "/studies/{study}/quarantine/redrive"): STAFF - READERS,
    ("GET", "/studies/{study}/quarantine/{body}"): frozenset({Role.DATA_MANAGER}),
    ("POST", "/studies/{study}/quarantine/{body}"): frozenset({Role.DATA_MANAGER}),
    ("POST", "/studies/{study}/discrepancies/{subject}/{discrepancy}"): frozenset(
        {Role.DATA_MANAGER}
    ),
    ("GET", "/studies/{study}/definition"): STAFF,
    ("GET", "/studies/{study}/definition/new"): frozenset({Role.ADMINISTRATOR}),
    ("POST", "/studies/{study}/definition/check"): frozenset({Role.ADMINISTRATOR}),
    ("POST", "/studies/{study}/definition"): frozenset({Role.ADMINISTRATOR}),
    ("GET", "/studies/{study}/definition/words"): STAFF,
    ("GET", "/studies/{study}/definition/shells"): STAFF,
    ("GET", "/studies/{study}/definition/versions/{digest}"): STAFF,
    ("GET", "/studies/{study}/definition/versions/{digest}/changes-since/{base}"): STAFF,
}
"""The pages that are not for readers, or not for them alone; the unblinded's are theirs alone."""


def test_pages_are_for_readers_but_these_and_by_arm_for_the_unblinded_alone() -> None:
    keys = {(route.method, route.path) for route in ROUTES}
    assert OF_OTHERS.keys() <= keys
    assert len(keys) == len(ROUTES)
    for route in ROUTES:
        assert route.unblinded == route.path.startswith("/unblinded/")
        expected = OF_OTHERS.get((route.method, route.path), READERS)
        assert route.roles == ({Role.UNBLINDED_READER} if route.unblinded else expected), route.path


FILLED_IN = {
    "state": "accepted", "text": SOURCE,
    **dict.fromkeys(("checked", "in_force"), studies.load(SOURCE).digest),
}  # fmt: skip
"""What forms need, beside a reason, to be taken."""


def test_each_form_is_taken_from_its_roles_alone(house: House) -> None:
    forms = [route for route in ROUTES if route.method == "POST"]
    assert len(forms) >= 2
    for user, route in product((item.name for item in USERS), forms):
        before = house.noted()
        answer = house.browser(user).post(path_of(route), reason="Tried", **FILLED_IN)
        if holds(user, route):
            nothing_there = route.path.endswith(("/{discrepancy}", "/{body}"))
            let_in = {404} if nothing_there else {200, 303}
            assert answer.status in let_in, (user, route.path, answer.text)
            (row,) = house.noted()[len(before) :]
            assert (row["action"], row["reason"]) == (route.action, "Tried")
        else:
            assert answer.status in {403, 404}, (user, route.path)
            assert house.noted() == before


def test_each_user_sees_the_pages_of_their_roles_and_no_others(house: House) -> None:
    answers = {}
    for user, route in product((item.name for item in USERS), GETS):
        before = len(house.noted())
        answer = house.browser(user).get(path_of(route))
        noted = house.noted()[before:]
        if not holds(user, route):
            assert answer.status in {403, 404}, (user, route.path)
            assert noted == [], (user, route.path)
        else:
            assert answer.status not in {401, 403, 500}, (user, route.path, answer.text)
            account = guard.is_noted(route) and answer.status < 400 and "{study}" in route.path
            assert len(noted) == account, (user, route.path, noted)
            if account:
                (row,) = noted
                assert row["principal"] == f"{house.issuer.address}#{user}"
                assert row["resource"] == path_of(route)
        answers[user, route.path] = answer.text
    # Administrators write the definition, which names the treatments and says nothing of a subject.
    telling = {
        user
        for (user, path), text in answers.items()
        if "placebo" in text and not path.endswith("/definition/new")
    }
    assert telling <= {Role.UNBLINDED_READER}
    # Of a study in which one has no role nothing tells that it is there.
    for role, route in product(Role, GETS):
        if "{study}" in route.path:
            browser = house.browser(f"{role}-elsewhere")
            absent = browser.get(path_of(route).replace(STUDY, "NOWHERE"))
            assert absent.status == 404
            assert strip(absent.text) == strip(answers[f"{role}-elsewhere", route.path]), route.path


def strip(text: str) -> str:
    """Leave out what differs between any two answers: the moment, and the session's token."""
    return re.sub(r'<time.*?</time>|value="[0-9a-f]{64}"', "", text)


def test_who_has_not_signed_in_sees_assets_and_nothing_else(house: House) -> None:
    browser = house.browser()
    for route in GETS:
        answer = browser.get(path_of(route))
        assert (answer.status, answer.text) == (303, "")
    style = next(
        line for line in browser.get("/signed-out").text.splitlines() if "stylesheet" in line
    )
    asset = browser.get(style.split('"')[3])
    assert (asset.status, asset.headers["Cache-Control"]) == (
        200,
        "public, max-age=31536000, immutable",
    )


def test_a_page_that_cannot_be_noted_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("the table does not answer")

    activities = wiring.activities()
    monkeypatch.setattr(activities, "note", fail)
    monkeypatch.setattr(wiring, "activities", lambda: activities)
    for route in GETS:
        if guard.is_noted(route) and "{study}" in route.path:
            answer = house.browser("unblinded-reader").get(path_of(route))
            assert answer.status != 200, route.path


@pytest.mark.parametrize("part", ["open", "unblinded", "changes"])
def test_a_function_serves_its_part_and_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    settings = wiring.settings().model_copy(update={"ROOM_PART": part})
    monkeypatch.setattr(wiring, "settings", lambda: settings)
    browser = house.browser("unblinded-reader")
    assert (browser.get("/").status == 200) == (part == "open")
    assert (browser.get(f"/studies/{STUDY}").status == 200) == (part == "open")
    assert (browser.get(f"/unblinded/studies/{STUDY}").status == 200) == (part == "unblinded")
    assert browser.post("/sign-out").status == 303


def test_every_answer_has_the_headers_that_keep_a_page_to_itself(house: House) -> None:
    reader = house.browser("reader")
    answers = [
        house.browser().get("/"), house.browser().get("/signed-out"), reader.get("/"),
        reader.get("/nowhere"), reader.get("/assets/nothing.css"), reader.post("/nowhere"),
        house.browser().get("/sign-in"), house.browser().get("/sign-in/callback"),
    ]  # fmt: skip
    for answer in answers:
        assert answer.headers | SECURITY_HEADERS == answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_no_token_no_code_and_no_name_reaches_the_log(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = house.browser()
    browser.sign_in("reader")
    token = browser.cookies[cookies.SESSION]
    browser.get(f"/studies/{STUDY}")
    browser.get("/nowhere")
    browser.post("/nowhere", csrf="")
    written = house.log.getvalue() + capsys.readouterr().out
    assert "RoomRequests" in written
    for secret in (token, token.split(".")[2], cookies.form_token(token), "development)", STUDY):
        assert secret not in written
