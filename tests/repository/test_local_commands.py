"""The commands behind `make`, against a server that answers what a test wants."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import __main__ as commands
from local import stack
from local.feed import read_definition

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "events" / "example"
REPORTS = "/studies/S-1/reports"


class Api:
    """What was asked of the service, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[SimpleNamespace] = []
        self.answer: tuple[int, Any] = (202, {"id": "r1"})

    def results(self, *statuses: int) -> None:
        results = [
            {"index": i, "id": str(i), "status": status}
            | ({"problem": {"title": "Event not accepted"}} if status > 201 else {})
            for i, status in enumerate(statuses)
        ]
        self.answer = (200, {"results": results})


@pytest.fixture(autouse=True)
def _signals_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.asked.append(SimpleNamespace(
                method=self.command, path=self.path, body=body, headers=self.headers
            ))  # fmt: skip
            status, answer = api.answer
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do  # noqa: N815 (the names that http.server calls)

        def do_GET(self) -> None:
            content = json.dumps({"treatment_kinds": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    up = stack.Stack("", f"http://127.0.0.1:{server.server_port}", "", "", "", "", "")
    monkeypatch.setattr(commands, "_up_stack", lambda: up)
    monkeypatch.setattr("local.client.time.sleep", lambda _: None)
    yield api
    server.shutdown()
    server.server_close()


class TestSend:
    def test_it_signs_what_it_sends_and_prints_status_and_body(self, api, capfdbinary):
        body = '{"reason": "Bericht für \'mich\'"}'
        assert commands.main(["send", REPORTS, "--body", body]) == 0
        (item,) = api.asked
        assert (item.method, item.path, item.body.decode()) == ("POST", REPORTS, body)
        assert item.headers["Content-Type"] == "application/json"
        assert item.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert capfdbinary.readouterr().out == b'202\n{"id": "r1"}\n'

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_other_methods_are_asked_for(self, api, method):
        assert commands.main(["send", REPORTS, "--method", method]) == 0
        assert api.asked[0].method == method

    @pytest.mark.parametrize(("status", "code"), [(422, 2), (404, 2), (500, 1), (429, 1)])
    def test_the_exit_code_tells_whose_fault_it_is(self, api, capfd, status, code):
        api.answer = (status, {"title": "Told"})
        assert commands.main(["send", REPORTS, "--body", "{}"]) == code
        result = capfd.readouterr()
        assert str(status) in result.out + result.err
        assert "Told" in result.out + result.err

    def test_without_a_call_it_says_how_it_is_used(self, api, capfd):
        assert commands.main(["send", ""]) == 2
        assert "usage: make send CALL=" in capfd.readouterr().err
        assert api.asked == []


class TestPost:
    @staticmethod
    def lines(folder: Path, number: int) -> str:
        path = folder / "e.ndjson"
        path.write_text("{}\n" * number)
        return str(path)

    def test_it_counts_what_became_of_the_events_and_lists_the_refused(self, api, capfd, tmp_path):
        api.results(201, 200, 422, 201)
        assert commands.main(["post", "S-1", self.lines(tmp_path, 4)]) == 1
        assert capfd.readouterr().out.splitlines() == [
            'line 3: 422 {"title": "Event not accepted"}',
            "4 posted: 2 recorded, 1 repeated, 1 rejected",
        ]

    def test_where_none_is_refused_it_is_done(self, api, capfd, tmp_path):
        api.results(201, 200)
        assert commands.main(["post", "S-1", self.lines(tmp_path, 2)]) == 0
        assert capfd.readouterr().out == "2 posted: 1 recorded, 1 repeated, 0 rejected\n"

    def test_without_events_it_says_how_it_is_used(self, capfd):
        assert commands.main(["post", "S-1", ""]) == 2
        assert "usage: make post EVENTS=" in capfd.readouterr().err


class TestReplay:
    def test_without_arguments_it_says_how_it_is_used(self, capfd):
        assert commands.main(["replay", "", "", ""]) == 2
        assert "usage: make replay DEFINITION=" in capfd.readouterr().err

    def test_a_definition_that_the_service_would_refuse_builds_nothing(
        self, capfd, tmp_path, monkeypatch
    ):
        builds: list[None] = []
        monkeypatch.setattr(stack, "build", lambda: builds.append(None))
        faulty = read_definition(EXAMPLE / "definition.yaml")
        faulty["tables"][1]["rows"][0]["count"] = "respondr"
        path = tmp_path / "d.json"
        path.write_text(json.dumps(faulty))
        arguments = ["replay", str(path), str(EXAMPLE / "feed.ndjson"), str(tmp_path / "out")]
        assert commands.main(arguments) == 2
        assert "/tables/1/rows/0/count" in capfd.readouterr().err
        assert builds == []
