"""The state machine of the template, asked for its steps in this process."""

import json
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import toy
from invoking import Context, Service, forget, request

import wiring

type Document = dict[str, Any]


def with_study(service: Service, study: str, shards: int, subjects: int) -> Service:
    """Record a study of so many subjects with an event each; nothing is published of it."""
    forget()
    body = toy.definition(study, shards=shards)
    header = {"Content-Type": "application/json"}
    assert service.ask(request("PUT", f"/studies/{study}/definition", body, header)).status == 201
    entries = [toy.event(study, f"P{i}", "L1", result=str(i)) for i in range(subjects)]
    wiring.store().record(wiring.store().study(study), toy.receipts(entries))
    return service


class Machine:
    """Asks for the steps that the definition in the template asks for, in its order."""

    def __init__(self, service: Service, steps: int = 1_000) -> None:
        self.service = service
        self.begun: list[Document] = []
        self.tasks: list[tuple[str, int]] = []
        self.steps = steps
        self.looks = cycle((10_000,))
        self.function = "audit"
        self.is_patient = False
        """Whether the steps of shards alone run out of time."""
        self.is_deaf = False
        """Whether each answer that says what comes next is lost once."""

    def start_execution(self, **parameters: Any) -> None:
        self.begun.append(json.loads(parameters["input"]))

    def run(
        self,
        looks: Sequence[int] = (10_000,),
        between: Callable[[str, int], None] = lambda _task, _shard: None,
    ) -> Document:
        """Carry out what was begun: `Next`, then each shard until it has ended, and again.

        The time of an invocation ends at its next look at the clock after so many, in turn. Before
        each step of a shard something else may happen.
        """
        self.looks = cycle(looks)
        started = self.begun.pop()
        self.function = started["function"]
        state = self.call(started)
        while state["task"]:
            for shard in state["shards"]:
                item = {name: state[name] for name in ("study", "run", "task")} | {"shard": shard}
                self.tasks.append((state["task"], shard))
                between(state["task"], shard)
                while not self.call(item)["ended"]:
                    between(state["task"], shard)
            state = self.call(state)
        return state

    def call(self, event: Document) -> Document:
        if self.is_deaf and "shard" not in event:
            self._invoke(event)
        return self._invoke(event)

    def _invoke(self, event: Document) -> Document:
        self.steps -= 1
        assert self.steps > 0
        is_whole = self.is_patient and "shard" not in event
        looks = iter(range(10_000 if is_whole else next(self.looks)))
        context = Context(left=lambda: 900_000 if next(looks, None) is not None else 1_000)
        answer: Document = self.service.handlers[self.function].handler(event, context)
        return json.loads(json.dumps(answer))  # type: ignore[no-any-return]
