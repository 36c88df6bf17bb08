"""Whatever is forged of a cut, `make verify` finds it and says what; and nothing where nothing is.

The cuts are the service's own: two of a small trial, with a dispute, texts, an erasure.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from invoking import EVENTS, Service, forget, request

from local import stack
from local.feed import read_definition
from local.remaking import remake
from local.verify import Options, verify

Files = dict[str, bytes]


@dataclass
class Held:
    """Cuts as somebody holds them, file by file, and the key that signed them."""

    earlier: Files
    later: Files
    key: bytes


def fetched(service: Service, study: str, report: str, audience: str = "") -> Files:
    """Fetch what a reader may have of a report."""
    place, seen = f"studies/{study}", audience.strip("/") or "open"
    row = service.get(f"reports/{report}", study).json
    files = {}
    for name in row["files"]:
        link = service.get(f"{audience}reports/{report}/{name}", study)
        if link.status == 303:
            key = link.headers["Location"].partition("?")[0]
            files[name] = service.object(key[key.index(f"{place}/{seen}") :])
    return files


@pytest.fixture(scope="module")
def held(opening: Any, ministack: str, signing_key: str) -> Held:
    with pytest.MonkeyPatch.context() as patch:
        service: Service = opening(patch)()
        definition = read_definition(EVENTS / "example" / "definition.yaml")
        study = definition["study"]
        feed = (EVENTS / "example" / "feed.ndjson").read_text(encoding="utf-8").splitlines()
        assert service.define(definition).status == 201
        service.batch(*feed[:20], study=study)
        other = json.loads(feed[17])
        other["data"]["term"] = "told otherwise"
        assert service.post(other, study).status == 409
        earlier = fetched(service, study, service.made(study)["id"])
        service.batch(*feed[20:], study=study)
        path = f"/studies/{study}/subjects/P-2/erase"
        assert service.ask(request("POST", path, {"reason": "Asked to"})).status == 200
        later = fetched(service, study, service.made(study)["id"])
        kms = stack.aws("kms", ministack)
        key = stack.pem(kms.get_public_key(KeyId=signing_key)["PublicKey"])
        forget()
    return Held(earlier, later, key.encode())


def written(files: Files, folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Bench:
    """Where a cut is written and verified."""

    held: Held
    at: Path
    output: Callable[[], Any]

    def verified(
        self, files: Files, *, by_key: bool = True, against: bool = True
    ) -> tuple[int, str]:
        later, earlier = (
            written(files, self.at / "later"),
            written(self.held.earlier, self.at / "e"),
        )
        (self.at / "key.pem").write_bytes(self.held.key)
        key = self.at / "key.pem" if by_key else None
        status = verify(later, Options(None, key, earlier if against else None), remake)
        return status, self.output().out


@pytest.fixture
def bench(held: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(held, tmp_path, capsys.readouterr)


def test_cuts_that_nobody_touched_are_verified(bench: Bench, held: Held) -> None:
    status, output = bench.verified(held.later)

    assert status == 0, output
