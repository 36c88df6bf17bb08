"""The commands behind the Makefile: 0 is done, 1 a failure of the service, 2 a bad argument."""

# ruff: noqa: T201 - what a command prints is its answer

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

import boto3

from local import containers, emulator, room, stack, starting, trail
from local.client import Client
from local.demo import DEFINITION, FEED, demo
from local.emulator import ROOT, Emulator, LocalError
from local.feed import BadFileError, DefinitionRefusedError, Lines, read_definition, read_source
from local.progress import step
from local.replay import Job, post, replay
from local.restore import restore
from local.verify import Options, verify

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILED, _BAD_ARGUMENT = 1, 2
_UP = "up"
_STUDY = "TMB-301"
_VERIFY = """\
Checks that manifest.json lists exactly the files in the directory; that manifest, heads.json and
audit.ndjson are signed by KEY; that each subject's journal is an unbroken chain from its first
event to its head; that these events, under the definition in the directory, give every file byte
for byte; and that no event of AGAINST, the directory of an earlier cut, was lost or changed. Prints
what was checked, what cannot be checked, and the first differences. Exits 0 without differences, 1
with differences, and 2 if a file is missing that is needed.

A directory filled by `make audit-trail OUT=...` is complete and is checked without a stack. The
documents of `make demo` or of reports/live lack signature, heads and journals: these are fetched
from the stack of `make up`, if it holds the same events.

KEY is a file with public keys (PEM), from KMS, or the manifest.sig.json of a cut you trust."""
_POST_USAGE = "usage: make post EVENTS=events.ndjson STUDY=TMB-301"
_SEND_USAGE = 'usage: make send CALL=/studies/TMB-301/reports BODY=\'{"reason": "…"}\' METHOD=POST'
_INIT_USAGE = "usage: make init STUDY=MY-1, optionally with OUT=definition.yaml"
_INVOKE_USAGE = "usage: make invoke EVENT=events/api/get-summary.json"
_ROOM_USAGE = "usage: make room, optionally with DEFINITION=definition.yaml EVENTS=events.ndjson"
_REPLAY_USAGE = "usage: make replay DEFINITION=definition.yaml EVENTS=events.ndjson OUT=directory"


def up(options: argparse.Namespace) -> int:
    """Leave a stack running that knows TMB-301's definition and no event yet."""
    running = emulator.find(_UP)
    if running is not None:
        print("A stack already runs, with its own code and data; `make down` stops it.\n")
    else:
        template = step("Building the functions", stack.build)
        running = emulator.start(_UP, options.host)
        try:
            _fill(running, template)
        except BaseException:
            emulator.discard(running)
            raise
    print(_described(stack.deployed(running)))
    return 0


def _described(deployed: stack.Stack) -> str:
    """Return where the stack's parts are, with which keys, and what to try."""
    study = read_definition(DEFINITION)["study"]
    rows = (
        ("API", deployed.api_url),
        ("queue", deployed.queue_url),
        ("table", deployed.table),
        ("bucket", deployed.bucket),
        ("endpoint", f"{deployed.endpoint} (AWS_ENDPOINT_URL)"),
        ("region", f"{emulator.REGION} (AWS_DEFAULT_REGION)"),
        ("key", "test (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; good for this stack alone)"),
        ("", ""),
        ("call it", f"make get CALL=/studies/{quote(study)}/summary"),
        ("post events", f"make post EVENTS={FEED.relative_to(ROOT)}"),
        ("in Docker", "make invoke EVENT=events/api/get-summary.json (after make up HOST=…)"),
        ("stop it", "make down"),
    )
    return "\n".join(f"{name:12}{text}".rstrip() for name, text in rows)


def invoke(options: argparse.Namespace) -> int:
    """Handle one Lambda event in a container, on the stack of `up`; print what it answers."""
    if not options.event:
        raise BadFileError(f"EVENT must be given\n{_INVOKE_USAGE}")
    running = _up_emulator()
    return containers.invoke(Path(options.event), stack.build(), running)


def _fill(running: Emulator, template: Path) -> None:
    deployed = step("Deploying the template", lambda: stack.deploy(template, running))
    definition = read_definition(DEFINITION)
    Client(deployed.api_url).put_definition(definition["study"], definition)


def down(_: argparse.Namespace) -> int:
    """End the stack of `up` and forget all it held."""
    running = emulator.find(_UP)
    if running is None:
        print("No stack is running.")
        return 0
    emulator.discard(running)
    print("The stack is stopped and all that it held is deleted.")
    return 0


def get(options: argparse.Namespace) -> int:
    """Print a resource of the stack of `up`."""
    answer = Client(_up_stack().api_url).get(options.path, options.accept)
    sys.stdout.buffer.write(answer.body)
    sys.stdout.buffer.flush()
    return 0


def send(options: argparse.Namespace) -> int:
    """Send a request to the stack of `up` and print the answer: its status, then its body."""
    if not options.path:
        raise BadFileError(f"CALL must be given\n{_SEND_USAGE}")
    answer = Client(_up_stack().api_url).send(options.method, options.path, options.body.encode())
    print(answer.status, flush=True)
    sys.stdout.buffer.write(answer.body + b"\n")
    sys.stdout.buffer.flush()
    return 0 if answer.done else _BAD_ARGUMENT


def post_events(options: argparse.Namespace) -> int:
    """Post a file of events to the stack of `up` and print how many, and which were refused."""
    if not options.events:
        raise BadFileError(f"EVENTS must be given\n{_POST_USAGE}")
    lines = Lines(Path(options.events))
    posted = post(Client(_up_stack().api_url), options.study, lines)
    for result in posted.refused:
        print(f"line {result.line.number}: {result.status} {json.dumps(result.problem)}")
    print(posted)
    return _FAILED if posted.refused else 0


def run_demo(_: argparse.Namespace) -> int:
    """Show TMB-301; fails unless every published figure is found again."""
    return 0 if demo() else _FAILED


def run_room(options: argparse.Namespace) -> int:
    """Open the reading room on TMB-301, or on another study."""
    place = room.Place()
    if options.definition or options.events:
        if not (options.definition and options.events):
            raise BadFileError(f"DEFINITION and EVENTS go together\n{_ROOM_USAGE}")
        place = room.Place(Path(options.definition), Path(options.events))
    room.open_room(place, options.port)
    return 0


def run_replay(options: argparse.Namespace) -> int:
    """Replay any study into a directory."""
    arguments = {"DEFINITION": options.definition, "EVENTS": options.events, "OUT": options.out}
    missing = [name for name, value in arguments.items() if not value]
    if missing:
        raise BadFileError(f"{', '.join(missing)} must be given\n{_REPLAY_USAGE}")
    source = read_source(Path(options.definition))
    lines, out = Lines(Path(options.events)), Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadFileError(f"OUT cannot be created: {error}\n{_REPLAY_USAGE}") from error
    refused = replay(Job(source.definition["study"], source, lines, out))
    print(f"{len(lines) - len(refused)} events recorded, {len(refused)} quarantined, see {out}")
    return 0


def init(options: argparse.Namespace) -> int:
    """Write a complete, commented definition to start from."""
    if not options.study:
        raise BadFileError(f"STUDY must be given\n{_INIT_USAGE}")
    path = starting.write(options.study, Path(options.path) if options.path else None)
    print(f"{path} is a definition to start from; check it after each change:")
    print(f"make check-definition DEFINITION={path}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check a directory of documents against the journals they follow from."""
    if not options.directory:
        raise BadFileError("DIR must be given\nusage: make verify DIR=out/TMB-301")
    running = None if options.offline else emulator.find(_UP)
    client = Client(stack.deployed(running).api_url) if running else None
    keys, against = (Path(option) if option else None for option in (options.key, options.against))
    return verify(Path(options.directory), Options(client, keys, against))


def audit_trail(options: argparse.Namespace) -> int:
    """Fetch a report with its heads and journals from the stack of `up`."""
    if not options.out:
        raise BadFileError("OUT must be given\nusage: make audit-trail OUT=out/cut")
    wishes: dict[str, object] = {"as_of": options.as_of, "cutoff": options.cutoff}
    wishes |= {"look": options.look, "final": options.final, "reason": "audit trail"}
    out, client = Path(options.out), Client(_up_stack().api_url)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadFileError(f"OUT cannot be created: {error}") from error
    body = {name: value for name, value in wishes.items() if value}
    cut = step("Waiting for the report", lambda: trail.fetch(client, options.study, out, body))
    running = emulator.STATES.relative_to(ROOT) / _UP
    print(f"cut {cut} with heads.json and audit.ndjson is in {out}; prove it:")
    print(f"make verify DIR={out} KEY={running / stack.SIGNING_KEY}")
    return 0


def run_restore(options: argparse.Namespace) -> int:
    """Copy a restored table into a stack's own, in the account and region of the environment."""
    restored = restore(boto3.session.Session().client("dynamodb"), options.source, options.target)
    print(f"{restored.written} items restored, {restored.deleted} deleted")
    for study, epoch in sorted(restored.epochs.items()):
        print(f"study {study} is in epoch {epoch}")
    for study, subject in restored.erased:
        print(f"erase again: POST /studies/{study}/subjects/{subject}/erase")
    return 0


def main(arguments: list[str]) -> int:
    """Run one command and translate its failure into an exit status."""
    for ending in _ENDINGS:
        signal.signal(ending, _interrupt)
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (BadFileError, DefinitionRefusedError) as error:
        print(f"\n{error}", file=sys.stderr)
        return _BAD_ARGUMENT
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return _FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="command")
    verb = verbs.add_parser("up", help="leave a stack running")
    verb.add_argument("--host", default="127.0.0.1", help="the address that it listens on")
    verb.set_defaults(command=up)
    verbs.add_parser("down", help="stop the stack of `up` and delete what it holds").set_defaults(
        command=down
    )
    verb = verbs.add_parser("get", help="send a signed GET to the stack of `up`")
    verb.add_argument("path")
    verb.add_argument("--accept", default="application/json")
    verb.set_defaults(command=get)
    verb = verbs.add_parser("send", help="send a signed POST, PUT or DELETE to the stack of `up`")
    verb.add_argument("path", nargs="?", default="")
    verb.add_argument("--method", default="POST", choices=("POST", "PUT", "DELETE"))
    verb.add_argument("--body", default="")
    verb.set_defaults(command=send)
    verb = verbs.add_parser("invoke", help="invoke a function in a container, by sam local")
    verb.add_argument("event", nargs="?", default="")
    verb.set_defaults(command=invoke)
    verb = verbs.add_parser("post", help="post a file of events to the stack of `up`")
    verb.add_argument("study")
    verb.add_argument("events", nargs="?", default="")
    verb.set_defaults(command=post_events)
    verbs.add_parser(
        "demo", help="replay TMB-301 into out/ and compare it with what was published"
    ).set_defaults(command=run_demo)
    verb = verbs.add_parser("room", help="open the reading room on a study")
    for name in ("definition", "events"):
        verb.add_argument(name, nargs="?", default="")
    verb.add_argument("--port", type=int, default=0, help="the port that it listens on")
    verb.set_defaults(command=run_room)
    verb = verbs.add_parser(
        "replay", help="post a study's events to a new stack and download the documents"
    )
    for name in ("definition", "events", "out"):
        verb.add_argument(name, nargs="?", default="")
    verb.set_defaults(command=run_replay)
    verb = verbs.add_parser("init", help="write a definition to start from")
    verb.add_argument("study", nargs="?", default="")
    verb.add_argument("path", nargs="?", default="")
    verb.set_defaults(command=init)
    _add_auditing(verbs)
    verb = verbs.add_parser("restore", help="copy a restored table into a stack's own, on AWS")
    verb.add_argument("source", help="the table that AWS restored")
    verb.add_argument("target", help="the stack's table: TableName of its outputs")
    verb.set_defaults(command=run_restore)
    return parser


def _add_auditing(verbs: Any) -> None:  # noqa: ANN401 (argparse keeps its class to itself)
    verb = verbs.add_parser(
        "verify",
        help="verify documents against their journals",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_VERIFY,
    )
    verb.add_argument("directory", nargs="?", default="")
    verb.add_argument(
        "--offline", action="store_true", help="do not fetch missing files from a stack"
    )
    verb.add_argument(
        "--key", default="", help="a file with the public keys (PEM) that may have signed"
    )
    verb.add_argument("--against", default="", help="the directory of an earlier cut")
    verb.set_defaults(command=run_verify)
    verb = verbs.add_parser(
        "audit-trail", help="request a report and download it with heads.json and audit.ndjson"
    )
    verb.add_argument("out", nargs="?", default="")
    verb.add_argument("--study", default=_STUDY)
    verb.add_argument("--as-of", default="", help="as recorded by this instant")
    verb.add_argument("--cutoff", default="", help="as of this clinical date")
    verb.add_argument("--look", default="", help="at this planned look")
    verb.add_argument("--final", action="store_true", help="as the final analysis")
    verb.set_defaults(command=audit_trail)


def _up_stack() -> stack.Stack:
    return stack.deployed(_up_emulator())


def _up_emulator() -> Emulator:
    running = emulator.find(_UP)
    if running is None:
        raise LocalError("No stack is running: run `make up` first.")
    return running


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End the emulator on the way out, however this is ended; once is enough."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
