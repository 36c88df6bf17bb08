"""The commands behind the Makefile: 0 is done, 1 a failure of the service, 2 a bad argument."""

# ruff: noqa: T201 - what a command prints is its answer

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from local import emulator, stack
from local.client import Client, DefinitionRefusedError
from local.demo import DEFINITION, FEED, demo
from local.emulator import ROOT, Emulator, LocalError
from local.feed import BadFileError, read_definition, read_lines
from local.progress import step
from local.replay import Job, post, replay

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILED, _BAD_ARGUMENT = 1, 2
_UP = "up"
_REPLAY_USAGE = "usage: make replay DEFINITION=definition.yaml EVENTS=events.ndjson OUT=directory"


def up(options: argparse.Namespace) -> int:
    """Leave a stack running that knows TMB-301's definition and no event yet."""
    running = emulator.find(_UP)
    if running is None:
        template = step("Building the functions", stack.build)
        running = emulator.start(_UP, options.host)
        try:
            _fill(running, template)
        except BaseException:
            emulator.discard(running)
            raise
    study = read_definition(DEFINITION)["study"]
    deployed = stack.deployed(running)
    print(f"API    {deployed.api_url}")
    print(f"table  {deployed.table}")
    print(f"bucket {deployed.bucket}")
    print(f"\nTry a signed call:  make get CALL=/studies/{quote(study)}/summary")
    print(f"Post events:        make post EVENTS={FEED.relative_to(ROOT)}")
    print("End it:             make down")
    variables = (running.state / stack.VARIABLES).relative_to(ROOT)
    print(
        f"In a container:     sam local invoke … --env-vars {variables}  (needs HOST, see README)"
    )
    return 0


def _fill(running: Emulator, template: Path) -> None:
    deployed = step("Deploying the template", lambda: stack.deploy(template, running))
    definition = read_definition(DEFINITION)
    Client(deployed.api_url).put_definition(definition["study"], definition)


def down(_: argparse.Namespace) -> int:
    """End the stack of `up` and forget all it held."""
    running = emulator.find(_UP)
    if running is None:
        print("No stack is up.")
        return 0
    emulator.discard(running)
    print("The stack is down.")
    return 0


def get(options: argparse.Namespace) -> int:
    """Print a resource of the stack of `up`."""
    answer = Client(_up_stack().api_url).get(options.path, options.accept)
    sys.stdout.buffer.write(answer.body)
    sys.stdout.buffer.flush()
    return 0


def post_events(options: argparse.Namespace) -> int:
    """Post a file of events to the stack of `up` and print what was refused."""
    deployed, lines = _up_stack(), read_lines(options.events)
    for result in post(Client(deployed.api_url), options.study, lines):
        print(f"line {result.line.number}: {result.status} {json.dumps(result.problem)}")
    return 0


def run_demo(_: argparse.Namespace) -> int:
    """Show TMB-301; fails unless every published figure is found again."""
    return 0 if demo() else _FAILED


def run_replay(options: argparse.Namespace) -> int:
    """Replay any study into a directory."""
    given = {"DEFINITION": options.definition, "EVENTS": options.events, "OUT": options.out}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise BadFileError(f"{', '.join(missing)} must be given\n{_REPLAY_USAGE}")
    definition = read_definition(Path(options.definition))
    lines, out = read_lines(Path(options.events)), Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadFileError(f"OUT cannot be made: {error}\n{_REPLAY_USAGE}") from error
    refused = replay(Job(definition["study"], definition, lines, out))
    print(f"{len(lines) - len(refused)} events recorded, {len(refused)} set aside, see {out}")
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
    verb.add_argument("--host", default="127.0.0.1", help="the address it listens at")
    verb.set_defaults(command=up)
    verbs.add_parser("down", help="end it").set_defaults(command=down)
    verb = verbs.add_parser("get", help="a signed GET to the stack of `up`")
    verb.add_argument("path")
    verb.add_argument("--accept", default="application/json")
    verb.set_defaults(command=get)
    verb = verbs.add_parser("post", help="post a file of events to the stack of `up`")
    verb.add_argument("study")
    verb.add_argument("events", type=Path)
    verb.set_defaults(command=post_events)
    verbs.add_parser("demo", help="TMB-301 into out/").set_defaults(command=run_demo)
    verb = verbs.add_parser("replay", help="any study, on a stack of its own")
    for name in ("definition", "events", "out"):
        verb.add_argument(name, nargs="?", default="")
    verb.set_defaults(command=run_replay)
    return parser


def _up_stack() -> stack.Stack:
    running = emulator.find(_UP)
    if running is None:
        raise LocalError("No stack is up: run `make up` first.")
    return stack.deployed(running)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End the emulator on the way out, however this is ended; once is enough."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
