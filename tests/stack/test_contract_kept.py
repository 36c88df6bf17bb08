"""Schemathesis calls the deployed API by its contract: every answer is one that it promises.

Half of the calls are as the contract wants them, half are not. Names in them are often those of
what is there, so that calls reach beyond the first look.
"""

import copy
import json
import re
import time
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import contract
import pytest
import schemathesis
import soak
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import load_all_checks

from local.client import Client
from local.emulator import REGION, ROOT
from local.feed import Line, Lines, read_definition

EXAMPLE = ROOT / "events" / "example"
EXAMPLES = soak.size(4, 200)
"""How many calls of each operation are as wanted, and how many are not."""
KINDS = "visit.recorded.v1", "adverse-event.reported.v1", "dose.administered.v1"


def asked_by() -> dict[str, Any]:
    """Give what calls are made by: of all that may be posted the short run takes some.

    A strategy of all kinds of events and all of a definition takes a minute to make.
    """
    document = copy.deepcopy(contract.document())
    if soak.LONG:
        return document
    schemas = document["components"]["schemas"]
    schemas["Event"] = {"oneOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in KINDS]}
    schemas["Batch"]["maxItems"] = 2
    schemas["Definition"] = {"type": "object", "enum": schemas["Definition"]["examples"]}
    return document


SCHEMA = schemathesis.openapi.from_dict(asked_by())
SCHEMA.config.generation.with_security_parameters = False  # every call is signed
OPERATIONS = {
    api_operation.label: api_operation
    for result in SCHEMA.get_all_operations()
    if (api_operation := result.ok())
}
ENDING = {"POST /studies/{study}/retire", "DELETE /studies/{study}"}
"""What leaves a study of which nothing else can be tried."""
_KEY_RESULT = "key_result"  # a parameter of the query that one operation finds its answer by
_NUMBER = count(1)


class Signed(AuthBase):
    """Signs each call as the callers of a REST API must."""

    def __init__(self) -> None:
        self._signer = SigV4Auth(Credentials("test", "test"), "execute-api", REGION)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        request = AWSRequest(str(r.method), str(r.url), data=r.body or b"")
        self._signer.add_auth(request)
        r.headers.update(dict(request.headers))
        return r


@dataclass(frozen=True)
class Studies:
    """What there is to be asked for: names by the part of a path that they stand for."""

    api_url: str
    open: dict[str, list[str]]
    blinded: dict[str, list[str]]
    ended: dict[str, list[str]]

    def names(self, label: str) -> dict[str, list[str]]:
        """Give the names that an operation finds something by."""
        if label in ENDING:
            return self.ended
        return self.blinded if "/unblinded/" in label else self.open


@pytest.fixture(scope="module")
def studies(stack: Any) -> Studies:
    """Give a study, one that is blinded and one to be ended, each with events and a report."""
    return Studies(
        stack.api_url,
        *(names_of(stack.client, blinded=is_blinded) for is_blinded in (False, True, False)),
    )


def names_of(client: Client, *, blinded: bool) -> dict[str, list[str]]:
    name, definition = f"CONTRACT-{next(_NUMBER)}", read_definition(EXAMPLE / "definition.yaml")
    client.put_definition(name, definition | {"study": name, "blinded": blinded})
    lines = [line.raw for line in Lines(EXAMPLE / "feed.ndjson")]
    renamed = f'"study": "{name}"'.encode()
    own_lines = [
        Line(i, re.sub(rb'"study": *"[^"]+"', renamed, body)) for i, body in enumerate(lines)
    ]
    results = list(client.post_events(name, own_lines, client.treatment_kinds(name)))
    assert [result.problem for result in results if not result.accepted] == []
    client.send("POST", f"/studies/{name}/events", b"{")
    contradictory = json.loads(next(line for line in own_lines if b"adverse-event" in line.raw).raw)
    contradictory["data"] |= {"record": "AE-99", "serious": True}  # by no criterion
    body = json.dumps(contradictory | {"id": "contradictory"}).encode()
    assert client.send("POST", f"/studies/{name}/events", body).status == 201
    report = client.send("POST", f"/studies/{name}/reports", b"{}").json()["report"]
    while client.get(f"/studies/{name}/reports/{report}").json()["status"] == "pending":
        time.sleep(0.2)
    files = client.get(f"/studies/{name}/reports/{report}").json()["files"]
    discrepancies = client.get(f"/studies/{name}/discrepancies").json()["discrepancies"]
    return {
        "study": [name],
        "subject": sorted({json.loads(line)["subject"] for line in lines}),
        "table": [table["id"] for table in definition["tables"]],
        "figure": [item["id"] for item in definition.get("figures", ())] or ["none"],
        "cut": [report],
        "base": [report],
        "discrepancy": [discrepancies[0]["id"]],
        "discrepant-subject": [discrepancies[0]["subject"]],
        "key_result": [key_result["id"] for key_result in definition["key_results"]],
        "digest": [client.get(f"/studies/{name}/definition").json()["in_force"]],
        "file": ["summary.json"],
        "dataset": [file.rpartition("/")[2] for file in files if file.startswith("datasets/")],
        "schema": ["visit.recorded.v1"],
    }


@cache
def cases(label: str) -> st.SearchStrategy[Case]:
    """Make calls of an operation."""
    operation = OPERATIONS[label]
    strategy = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.query or operation.headers or operation.body or operation.path_parameters):
        return strategy
    return strategy | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def answered(case: Case, studies: Studies) -> Response:
    """Send a call, and demand that its answer is as promised: by schemathesis, and strictly."""
    response = case.call(base_url=studies.api_url, auth=Signed(), allow_redirects=False)
    case.validate_response(response, checks=CHECKS)
    headers = {name.title(): value[0] for name, value in response.headers.items()}
    operation = case.operation
    route = operation.method.upper(), operation.path
    contract.check(*route, response.status_code, headers, response.text)
    return response


def _of(name: str, label: str) -> str:
    """Say what a part of a path names: a file of data sets, and what a definition is held to."""
    if name == "file" and "/datasets/" in label:
        return "dataset"
    if name == "subject" and label.endswith("/{discrepancy}"):
        return "discrepant-subject"
    return "digest" if name == "base" and "/definition/" in label else name


load_all_checks()
CHECKS = [
    *schemathesis.checks.CHECKS.get_by_names([
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]),
]  # fmt: skip


def test_it_is_an_openapi_document() -> None:
    schemathesis.openapi.from_dict(contract.document()).validate()
    broken = copy.deepcopy(contract.document())
    del broken["info"]
    with pytest.raises(Exception, match="info"):
        schemathesis.openapi.from_dict(broken).validate()


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_is_promised(label: str, studies: Studies) -> None:
    statuses: set[int] = set()

    @settings(
        max_examples=2 * EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(label), st.data())
    def call(case: Case, data: st.DataObject) -> None:
        known_names = studies.names(label)
        for parameters in (case.path_parameters or {}, case.query or {}):
            for name in parameters.keys() & {_KEY_RESULT, *case.path_parameters}:
                # the first call finds what it names: few calls are made
                if not statuses or data.draw(st.integers(0, 5)):
                    names = known_names[_of(name, label)]
                    parameters[name] = data.draw(st.sampled_from(names))
        statuses.add(answered(case, studies).status_code)

    call()
    assert statuses - {403, 404, 429}, "no call got beyond the first look"
