"""Roles by operations by audiences: each cell tried, by the policies of the template.

What IAM decides before a function is called is decided here by the rule that AWS documents: what a
policy denies is denied, whatever allows it, and `*` stands for any characters, slashes too.
"""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import viral_load
from drawn import CHANGED, DEFINITION, STUDY
from invoking import JSON_TYPE, SINGLE, TEMPLATE, Service, request

ROUTE = tuple[str, str]
SENDER, TREATMENT, READER, UNBLINDED, ADMIN, OPENER, MANAGER = ROLES = (
    "SendEvents", "SendTreatmentEvents", "ReadOpen", "ReadUnblinded", "Administer", "Unblind",
    "ManageData",
)  # fmt: skip
READERS = {READER, UNBLINDED}
ALL_WHO_READ = {*READERS, ADMIN}
NOBODY: set[str] = set()
DIGEST = "0" * 32
APART = (
    "summary", "consort", "tables", "tables/{table}", "quarantine", "discrepancies",
    "treatment-events", "subjects/{subject}/history", "subjects/{subject}/profile",
    "subjects/{subject}/narratives",
    "reports/{cut}/{file}", "reports/{cut}/datasets/{file}", "reports/{cut}/changes-since/{base}",
    "tables/{table}/subjects", "summary/subjects", "consort/subjects", "figures/{figure}/subjects",
)  # fmt: skip

# Who may call what, and what a call that gets through is answered while the study is blinded, and
# when it is not. Calls that change a study for good are tried without the reason that they need.
_TABLE: dict[tuple[str, str], tuple[set[str], int, int]] = {
    ("PUT", "definition"): ({ADMIN}, 200, 200),
    ("GET", "definition"): (ALL_WHO_READ, 200, 200),
    ("GET", "definition/history"): (ALL_WHO_READ, 200, 200),
    ("GET", "definition/history/{digest}"): (READERS, 404, 404),
    ("GET", "definition/history/{digest}/changes-since/{base}"): (READERS, 404, 404),
    ("PUT", "senders"): ({ADMIN}, 422, 422),
    ("GET", "senders"): ({ADMIN}, 200, 200),
    ("GET", "activity"): ({ADMIN}, 200, 200),
    ("POST", "unblind"): ({OPENER}, 422, 422),
    ("POST", "retire"): ({ADMIN}, 422, 422),
    ("DELETE", ""): ({ADMIN}, 422, 422),
    ("POST", "events"): ({SENDER}, 201, 201),
    ("POST", "treatment-events"): ({TREATMENT}, 422, 422),
    ("POST", "quarantine/redrive"): ({ADMIN, MANAGER}, 200, 200),
    ("POST", "subjects/{subject}/discrepancies/{discrepancy}"): ({MANAGER}, 422, 422),
    ("POST", "subjects/{subject}/erase"): ({ADMIN}, 422, 422),
    ("POST", "reports"): (READERS, 202, 202),
    ("GET", "reports"): (READERS, 200, 200),
    ("GET", "reports/{cut}"): (READERS, 404, 404),
    ("POST", "audit"): ({ADMIN}, 202, 202),
    ("GET", "audit"): (ALL_WHO_READ, 404, 404),
    ("GET", "work"): (ALL_WHO_READ, 200, 200),
    ("GET", "summary"): (READERS, 200, 200),
    ("GET", "consort"): (READERS, 200, 200),
    ("GET", "tables"): (READERS, 200, 200),
    ("GET", "tables/{table}"): (READERS, 200, 200),
    ("GET", "quarantine"): (ALL_WHO_READ, 200, 200),
    ("GET", "discrepancies"): (READERS, 200, 200),
    ("GET", "treatment-events"): (READERS, 200, 200),
    ("GET", "subjects/{subject}/history"): (READERS, 200, 200),
    ("GET", "subjects/{subject}/profile"): (READERS, 200, 200),
    ("GET", "subjects/{subject}/narratives"): (READERS, 200, 200),
    ("GET", "reports/{cut}/{file}"): (READERS, 303, 303),
    ("GET", "reports/{cut}/datasets/{file}"): (READERS, 404, 404),
    ("GET", "reports/{cut}/changes-since/{base}"): (READERS, 404, 404),
    ("GET", "tables/{table}/subjects"): (READERS, 422, 422),
    ("GET", "summary/subjects"): (READERS, 422, 422),
    ("GET", "consort/subjects"): (READERS, 422, 422),
    ("GET", "figures/{figure}/subjects"): (READERS, 422, 422),
}  # fmt: skip
_TABLE |= {
    ("GET", f"unblinded/{path}"): ({UNBLINDED}, _TABLE["GET", path][1], 404) for path in APART
}
CELLS: dict[ROUTE, tuple[set[str], int, int]] = {
    (method, f"/studies/{{study}}/{path}".rstrip("/")): cell
    for (method, path), cell in _TABLE.items()
} | {
    ("GET", "/quarantine"): ({UNBLINDED}, 200, 200),
    ("GET", "/openapi.json"): ({*ROLES}, 200, 200),
    ("GET", "/schemas/{schema}"): ({*ROLES}, 200, 200),
}
PARTS = {
    "study": STUDY, "subject": "S-1", "table": "t", "cut": "live", "base": DIGEST,
    "file": "tables.json", "figure": "f", "digest": DIGEST, "schema": "visit.recorded.v1",
    "discrepancy": DIGEST,
}  # fmt: skip
BODIES: dict[str, Any] = {
    "/studies/{study}/definition": DEFINITION,
    "/studies/{study}/events": json.loads(viral_load(3, 7, subject="S-1").body),
    "/studies/{study}/treatment-events": json.loads(viral_load(3, 7, subject="S-1").body),
    "/studies/{study}/reports": {"reason": "Asked for"},
    "/studies/{study}/audit": None,
    "/studies/{study}/quarantine/redrive": None,
}


class _Loader(yaml.SafeLoader):
    """Reads the texts of CloudFormation's short functions."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, _suffix, node: (
        loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
    ),
)


def _policies() -> dict[str, list[dict[str, Any]]]:
    resources = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)["Resources"]  # noqa: S506
    return {
        name: resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


POLICIES = _policies()


def patterns(statement: dict[str, Any]) -> Iterator[str]:
    """Give what a statement is of, from the method on."""
    resources = statement["Resource"]
    for item in [resources] if isinstance(resources, str) else resources:
        assert item.startswith("arn:${AWS::Partition}:execute-api:")
        yield item.partition("${Api}/v1/")[2]


def lets(role: str, method: str, path: str) -> bool:
    """Decide as IAM does."""
    effects = {
        statement["Effect"]
        for statement in POLICIES[role]
        for pattern in patterns(statement)
        if fnmatchcase(f"{method}{path}", pattern)
    }
    return effects == {"Allow"}


def call(service: Service, role: str, route: ROUTE) -> tuple[int, str]:
    method, resource = route
    path = resource.format_map(PARTS)
    if not lets(role, method, path):
        return 403, ""
    if resource.endswith("changes-since/{base}") and "definition" not in resource:
        path = path.replace("live", DIGEST)
    body = None if method == "GET" else BODIES.get(resource, {})
    kind = SINGLE if resource.endswith("events") else JSON_TYPE
    answer = service.ask(request(method, path, body, {"Content-Type": kind}))
    return answer.status, answer.text


@pytest.mark.parametrize("blinded", [True, False], ids=["blinded", "open"])
def test_each_role_may_call_what_it_is_for_and_nothing_else(
    open_blinded: Callable[..., Service],
    blinded: bool,  # noqa: FBT001 (a case)
) -> None:
    service = open_blinded(blinded=blinded)
    service.stream(CHANGED)
    definition = DEFINITION | {"blinded": blinded}
    BODIES["/studies/{study}/definition"] = definition
    values = {}
    for role, route in product(ROLES, CELLS):
        result, *expected_statuses = CELLS[route]
        status, text = call(service, role, route)
        expected = expected_statuses[not blinded] if role in result else 403
        if (route[1].endswith("/events"), status) == (True, 200):
            status = 201  # it is there by now
        assert status == expected, (role, route)
        values[role, route] = text
    assert len(values) == len(ROLES) * len(CELLS)
    if blinded:  # whoever must stay so reads of nobody which treatment was given
        outcome = {key: text for key, text in values.items() if key[0] != UNBLINDED}
        naming = {route for (_, route), text in outcome.items() if "placebo" in text}
        assert {path.rpartition("/")[2] for _, path in naming} <= {"definition", "openapi.json"}
        history = ("GET", "/studies/{study}/unblinded/subjects/{subject}/history")
        assert "placebo" in values[UNBLINDED, history]


def test_every_route_has_its_cells_and_every_policy_is_a_role() -> None:
    import api  # noqa: PLC0415 (powertools looks at the environment)
    from trial.web import queries  # noqa: PLC0415

    assert CELLS.keys() == {*api.routes.all, *queries.routes.all}
    assert POLICIES.keys() == {*ROLES}


def test_who_is_blinded_is_so_whatever_else_they_may() -> None:
    """Beside any other policy, that of a reader or an administrator keeps what is apart apart."""
    for role, path in product((READER, ADMIN), APART):
        denied = [policy for policy in POLICIES[role] if policy["Effect"] == "Deny"]
        text = f"GET/studies/{STUDY}/unblinded/{path.format_map(PARTS)}"
        assert any(fnmatchcase(text, pattern) for item in denied for pattern in patterns(item))


def test_the_readme_lists_the_administrators_routes() -> None:
    readme = (Path(TEMPLATE).parent / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| `Administer` |"))
    routes_listed = {tuple(item.split(" ")) for item in re.findall(r"`([A-Z]+ [^`]+)`", row)}
    items = {
        (method, path.replace("/studies/{study}/", "…/"))
        for (method, path), (result, *_) in CELLS.items()
        if ADMIN in result
    }
    assert routes_listed == items
