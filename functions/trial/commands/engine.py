"""The state machine that spreads a large study's work, as far as this service starts it."""

import json
from typing import Any

from trial.store.failures import transient_as_unavailable

BEGIN = "begin"
"""The task of a run's first step."""
GIVE_UP = "give-up"
"""That of its last, where each try of a step failed: its process ended, or nothing answered it."""


class Engine:
    """One state machine of Step Functions, by its ARN, and the function that takes its steps."""

    def __init__(self, client: Any, machine: str, function: str) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self._machine = machine
        self._function = function

    def start(self, study: str, run: str) -> None:
        """Start a run of a study's work; raises `Unavailable` where it may not have begun."""
        document = {"study": study, "run": run, "task": BEGIN, "fills": 0}
        document["function"] = self._function
        with transient_as_unavailable():
            self._client.start_execution(stateMachineArn=self._machine, input=json.dumps(document))
