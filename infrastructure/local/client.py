"""A small client of the API: every call is signed, every answer is looked at."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import REGION, LocalError
from local.feed import DefinitionRefusedError, Line, batches, is_object, kind

BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"
_SEE_OTHER = 303
_BUSY = frozenset({429, 500, 502, 503, 504})
_REPEATED, _SUBMITTED = 200, 202
_RECORDED = frozenset({_REPEATED, 201, _SUBMITTED})
_REFUSED = frozenset({400, 403, 409, 413, 415, 422})
_DONE = frozenset(range(200, 400))
_UNMET = frozenset(range(400, 500)) - _BUSY
_ATTEMPTS = 6


class ServiceError(LocalError):
    """The service did not do what it promises; the text quotes its answer."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, body unread."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def done(self) -> bool:
        """Whether the service did what it was asked."""
        return self.status in _DONE

    def json(self) -> Any:  # noqa: ANN401 - what JSON holds
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Result:
    """What became of one line: the status it got alone or inside its batch."""

    line: Line
    status: int
    problem: dict[str, Any] | None

    @property
    def accepted(self) -> bool:
        """Whether the event is counted now, by this call or an earlier one."""
        return self.status in _RECORDED

    @property
    def submitted(self) -> bool:
        """Whether it arrived, and only the unblinded may know what it was."""
        return self.status == _SUBMITTED

    @property
    def repeated(self) -> bool:
        """Whether an earlier call has counted it."""
        return self.status == _REPEATED


class Client:
    """The API of one deployed stack."""

    def __init__(self, api_url: str, *, key: str = "test", secret: str = "test") -> None:  # noqa: S107
        self._api_url = api_url.rstrip("/")
        self._signer = SigV4Auth(Credentials(key, secret), "execute-api", REGION)
        # Nothing is followed or repeated behind our back: a redirect leads to S3, unsigned.
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(60))

    def request(
        self, method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one signed request and return its answer; a busy service is asked again."""
        return _patiently(lambda: self._send(method, path, body, headers or {}))

    def put_definition(self, study: str, definition: dict[str, Any]) -> None:
        """Register a study's definition; raises DefinitionRefusedError with the problems found."""
        body = json.dumps(definition, ensure_ascii=False).encode()
        path = f"{_study(study)}/definition"
        answer = self.request("PUT", path, body, headers={"Content-Type": "application/json"})
        if answer.status in _REFUSED:
            raise DefinitionRefusedError(_readable(answer))
        _expect(answer, "PUT", path, frozenset({200, 201, 202}))

    def send(self, method: str, path: str, body: bytes) -> Answer:
        """Send a JSON request that changes something; raises ServiceError if the service cannot."""
        answer = self.request(method, path, body, headers={"Content-Type": "application/json"})
        _expect(answer, method, path, _DONE | _UNMET)
        return answer

    def treatment_kinds(self, study: str) -> list[str]:
        """Return the kinds of event that a blinded study takes by their own route alone."""
        kinds: list[str] = self.get(f"{_study(study)}/definition").json()["treatment_kinds"]
        return kinds

    def post_events(
        self, study: str, lines: Iterable[Line], treatment_kinds: Collection[str] = ()
    ) -> Iterator[Result]:
        """Post lines as they are, those of some kinds as treatment events.

        Yields each line's result, in the order of the lines, as it is known.
        """
        for batch in batches(lines):
            apart = [line for line in batch if kind(line.raw) in treatment_kinds]
            ordinary = [line for line in batch if line not in apart]
            results = [*self._post(f"{_study(study)}/events", ordinary)]
            results += self._post(f"{_study(study)}/treatment-events", apart)
            yield from sorted(results, key=lambda result: result.line.number)

    def get(self, path: str, accept: str = "application/json") -> Answer:
        """Return a resource; a document in S3 is fetched from where the API points to."""
        answer = self.request("GET", path, headers={"Accept": accept})
        if answer.status == _SEE_OTHER:
            location = answer.headers["location"]
            answer = _patiently(lambda: self._fetch(location))
        _expect(answer, "GET", path, frozenset({200}))
        return answer

    def _post(self, path: str, batch: list[Line]) -> Iterator[Result]:
        if len(batch) == 1 and not is_object(batch[0].raw):
            yield self._post_one(path, batch[0])
        elif batch:
            yield from self._post_batch(path, batch)

    def _post_batch(self, path: str, batch: list[Line]) -> Iterator[Result]:
        body = b"[" + b",".join(line.raw for line in batch) + b"]"
        answer = self.request("POST", path, body, headers={"Content-Type": BATCH})
        if answer.status in _REFUSED:  # the batch as a whole: find out whose fault it is
            yield from (self._post_one(path, line) for line in batch)
            return
        _expect(answer, "POST", path, frozenset({200}))
        results = answer.json()["results"]
        for line, result in zip(batch, results, strict=True):
            if result["status"] in _BUSY:
                yield self._post_one(path, line)
            else:
                yield Result(line, result["status"], result.get("problem"))

    def _post_one(self, path: str, line: Line) -> Result:
        answer = self.request("POST", path, line.raw, headers={"Content-Type": SINGLE})
        _expect(answer, "POST", path, _RECORDED | _REFUSED)
        problem = answer.json() if answer.status in _REFUSED else None
        return Result(line, answer.status, problem)

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        request = AWSRequest(method, self._api_url + path, data=body, headers=headers)
        self._signer.add_auth(request)
        prepared = request.prepare()
        try:
            response = self._http.request(
                method, prepared.url, body=body, headers=dict(prepared.headers), redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(f"{method} {path} got no response: {error}") from error
        return _answer(response)

    def _fetch(self, url: str) -> Answer:
        try:
            return _answer(self._http.request("GET", url, redirect=False))
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(f"a document could not be downloaded: {error}") from error


def _patiently(send: Callable[[], Answer]) -> Answer:
    """Send until the other side is not too busy to answer; repeating a call changes nothing."""
    for attempt in range(_ATTEMPTS):
        time.sleep(0.1 * attempt * attempt)
        answer = send()
        if answer.status not in _BUSY:
            break
    return answer


def _study(study: str) -> str:
    return f"/studies/{quote(study, safe='')}"


def _answer(response: urllib3.BaseHTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, response.data)


def _expect(answer: Answer, method: str, path: str, statuses: frozenset[int]) -> None:
    if answer.status not in statuses:
        raise ServiceError(f"{method} {path} answered {answer.status}: {_readable(answer)}")


def _readable(answer: Answer) -> str:
    try:
        return json.dumps(answer.json(), indent=2, ensure_ascii=False)
    except ValueError:
        return answer.body.decode(errors="replace")[:2000]
