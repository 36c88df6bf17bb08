"""The API by tokens: the same roles as by IAM, in each study, and nothing without a valid token."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest
from builders import viral_load
from houses import OTHER, STUDY, House, opened
from policies import RESOURCES, listed
from visiting import Context

from trial.web import by_token
from trial.web.access.person import Role
from trial.web.read_routes import routes as read_routes

POLICIES = {
    Role.SUBMITTER: ("SendEvents", "SendTreatmentEvents"),
    Role.READER: ("ReadOpen",),
    Role.UNBLINDED_READER: ("ReadUnblinded",),
    Role.DATA_MANAGER: ("ReadOpen", "ManageData"),
    Role.ADMINISTRATOR: ("Administer",),
}
PARTS = {
    "study": STUDY, "subject": "S-0", "table": "t", "cut": "live", "base": "0" * 32,
    "file": "tables.json", "figure": "f", "digest": "0" * 32, "schema": "visit.recorded.v1",
    "discrepancy": "0" * 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with opened() as house:
        yield house


@pytest.fixture(scope="module")
def api(house: House) -> Iterator[Any]:
    import api  # noqa: PLC0415 (powertools looks at the environment)

    with pytest.MonkeyPatch.context() as patch:
        for item in api.logger.handlers:
            patch.setattr(item, "stream", house.log)
        yield api


def routes(api: Any) -> set[tuple[str, str]]:
    return {*api.routes.all, *read_routes.all}


def call(api: Any, method: str, path: str, token: str = "", body: Any = None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    headers["content-type"] = (
        "application/cloudevents+json" if "events" in path else "application/json"
    )
    answer: dict[str, Any] = api.handler(
        {
            "version": "2.0",
            "rawPath": f"/api{path}",
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {"http": {"method": method}},
            "body": json.dumps({} if body is None else body),
            "isBase64Encoded": False,
        },
        Context(),
    )
    return answer


def lets(role: Role, method: str, path: str) -> bool:
    """Decide as IAM does of the policies that a role stands for."""
    effects = set()
    for name in POLICIES[role]:
        for statement in RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]:
            for item in listed(statement["Resource"]):
                pattern = item["Fn::Sub"].partition("${Api}/v1/")[2]
                if fnmatchcase(f"{method}{path}", pattern):
                    effects.add(statement["Effect"])
    return effects == {"Allow"}


def test_each_role_may_call_what_its_policy_may(api: Any) -> None:
    for role, (method, resource) in product(Role, routes(api)):
        path = resource.format_map(PARTS)
        held = {role} | (
            {Role.READER} if role in (Role.UNBLINDED_READER, Role.DATA_MANAGER) else set()
        )
        by_role = not held.isdisjoint(by_token.roles_of(method, resource))
        expected = lets(role, method, path)
        assert by_role == expected, (role, method, resource)


def test_nobody_unblinds_a_study_by_token(api: Any) -> None:
    assert by_token.roles_of("POST", "/studies/{study}/unblind") == frozenset()
    every = {route for route in routes(api) if not by_token.roles_of(*route)}
    assert every == {("POST", "/studies/{study}/unblind")}


def test_a_call_needs_a_valid_token_with_a_role_in_the_study(api: Any, house: House) -> None:
    def token(user: str, **claims: Any) -> str:
        return house.issuer.sign(house.issuer.claims(user) | claims)

    path = f"/studies/{STUDY}/summary"
    for bad in ("", "a.b.c", token("reader", aud="another"), token("reader", exp=1)):
        answer = call(api, "GET", path, bad)
        assert (answer["statusCode"], answer["headers"]["WWW-Authenticate"]) == (401, "Bearer")
    before = len(house.noted())
    for user in ("visitor", "submitter", "administrator", "reader-elsewhere"):
        assert call(api, "GET", path, token(user))["statusCode"] == 403
    for user in ("reader", "data-manager", "administrator"):
        answer = call(api, "GET", f"/studies/{STUDY}/unblinded/summary", token(user))
        assert answer["statusCode"] == 403
    assert len(house.noted()) == before
    answer = call(api, "GET", path, token("reader"))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["accepted"] > 0
    unblinded = call(api, "GET", f"/studies/{STUDY}/unblinded/summary", token("unblinded-reader"))
    assert unblinded["statusCode"] == 200
    noted = [(row["action"], row["principal"], row["resource"]) for row in house.noted()[before:]]
    assert noted == [
        ("read", f"{house.issuer.address}#reader", path),
        ("read unblinded", f"{house.issuer.address}#unblinded-reader",
         f"/studies/{STUDY}/unblinded/summary"),
    ]  # fmt: skip
    assert (
        call(api, "GET", f"/studies/{OTHER}/summary", token("reader-elsewhere"))["statusCode"]
        == 404
    )


def test_a_cookie_is_no_token_here(api: Any, house: House) -> None:
    token = house.issuer.sign(house.issuer.claims("reader"))
    event = {
        "rawPath": f"/api/studies/{STUDY}/summary",
        "headers": {"cookie": f"__Host-session={token}"},
        "cookies": [f"__Host-session={token}"],
        "requestContext": {"http": {"method": "GET"}},
    }
    assert api.handler(event, Context())["statusCode"] == 401


def test_an_event_that_is_posted_by_token_is_recorded_under_its_sender(
    api: Any, house: House
) -> None:
    token = house.issuer.sign(house.issuer.claims("submitter"))
    event = viral_load(7, 400, subject="S-0")
    body = json.loads(event.body) | {"study": STUDY}
    answer = call(api, "POST", f"/studies/{STUDY}/events", token, body)
    assert answer["statusCode"] == 201, answer["body"]
    reader = house.issuer.sign(house.issuer.claims("reader"))
    history = call(api, "GET", f"/studies/{STUDY}/subjects/S-0/history", reader)
    principals = {row["principal"] for row in json.loads(history["body"])["events"]}
    assert f"{house.issuer.address}#submitter" in principals
    assert call(api, "POST", f"/studies/{STUDY}/events", reader, body)["statusCode"] == 403


@pytest.mark.parametrize(
    "path", ["", "/", "/studies", "/studies//summary", "/studies/TINY/summary/", "/nowhere"]
)
def test_what_is_no_route_is_404(api: Any, house: House, path: str) -> None:
    token = house.issuer.sign(house.issuer.claims("reader"))
    assert call(api, "GET", path, token)["statusCode"] == 404


def test_no_token_reaches_the_log(api: Any, house: House) -> None:
    token = house.issuer.sign(house.issuer.claims("reader"))
    call(api, "GET", f"/studies/{STUDY}/summary", token + "x")
    assert token not in house.log.getvalue()
