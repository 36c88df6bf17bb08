"""Where the environment is read and the clients are made: once in a process."""

import gc

# Nothing of what modules make while they are imported is ever garbage: looking for some costs
# a twelfth of a start.
gc.disable()

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from trial import undescribed

# Before pydantic imports it.
undescribed.import_core_schema()

import pydantic
from botocore import session
from botocore.config import Config
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.loaders import JSONFileLoader, Loader
from pydantic import BaseModel, ConfigDict, Field

from trial import deferred
from trial.commands.intake_context import Channel, IntakeContext
from trial.errors import Beat, OutOfTime
from trial.events.payloads import KINDS, model_of
from trial.store import plain_json
from trial.store.audits import Audits
from trial.store.document_runs import DocumentRuns
from trial.store.dynamodb import Store
from trial.store.leases import Leases
from trial.store.reports import Reports
from trial.store.senders import Senders
from trial.store.submissions import Submissions
from trial.store.table import Table
from trial.tables import compiled

gc.freeze()
gc.enable()

if TYPE_CHECKING:
    from trial.commands.engine import Engine
    from trial.commands.queue import Queue
    from trial.reporting.signing import Signer
    from trial.store.activities import Activities
    from trial.store.bucket.documents import Documents
    from trial.store.discrepancy_states import DiscrepancyStates


class Settings(BaseModel):
    """What a function must be told; every missing variable is named at once."""

    model_config = ConfigDict(frozen=True)

    TABLE_NAME: str
    BUCKET_NAME: str
    LOCK_MODE: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    LOCK_DAYS: Annotated[int, Field(ge=0)] = 0
    SIGNING_KEY: str = ""
    AUDIT_HOURS: Annotated[int, Field(ge=0)] = 0
    SUBMISSIONS_URL: str = ""
    RUNS: str = ""
    """The state machine that spreads a large study's work."""
    SPREAD_FROM: Annotated[int, Field(ge=1)] = 200_000
    """From how many events on work is spread: some minutes of one invocation."""
    AWS_LAMBDA_FUNCTION_NAME: str = ""
    """This function, as Lambda calls it."""
    AWS_ENDPOINT_URL: str = ""
    # The reading room's alone
    ISSUER: str = ""
    CLIENT_ID: str = ""
    ROLES_CLAIM: str = ""
    PRINCIPAL_CLAIM: str = "sub"
    SESSION_MINUTES: Annotated[int, Field(ge=1, le=60)] = 60
    ROOM_URL: str = ""
    ROOM_PART: Literal["", "open", "unblinded", "changes"] = ""


class _Files(JSONFileLoader):
    """Reads botocore's data files as plain objects: keeping their members' order takes longer."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 (JSON)
        """Read a file that is not compressed; botocore reads the others."""
        try:
            return json.loads(Path(f"{file_path}.json").read_bytes())
        except FileNotFoundError:
            return super().load_file(file_path)


class _Session(session.Session):
    """Knows of one service.

    botocore has a hundred handlers for services that are not asked, and looks into each of them for
    how it is called.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        super().__init__()

    def register(self, event_name: str, *handler: Any, **options: Any) -> None:  # noqa: ANN401 (as botocore has it)
        """Register a handler for an event of the service, or of every service."""
        if concerns(event_name, self._service):
            super().register(event_name, *handler, **options)


def concerns(event: str, service: str) -> bool:
    """Return whether clients of a service emit an event: it is `stage.service.operation`."""
    stage, _, place = event.partition(".")
    return stage != "docs" and place.partition(".")[0] in {"", "*", service}


class _Services(Loader):
    """Finds the services used here without listing every service of AWS.

    The rules of endpoints are left out of all but S3's: botocore then takes the address from its
    table of regions once, and not anew from every request's parameters.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """List the services that a kind of data file is read of."""
        return ["s3"] if type_name == "endpoint-rule-set-1" else [
            "dynamodb", "kms", "s3", "sqs", "stepfunctions",
        ]  # fmt: skip

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:  # noqa: ANN401 (JSON)
        """Read what describes a service; what is inside DynamoDB's requests is left as it is."""
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("dynamodb", "service-2"):
            plain_json.mark_documents(model)
        return model


class _RegularServices(_Services):
    """Finds the addresses of a service that has the same one in every region.

    The table of all services' addresses has 1.2 MB, that of the partitions 7 kB.
    """

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Read a data file; the one of addresses is made from that of partitions."""
        if name != "endpoints":
            return super().load_data_with_path(name)
        known, path = super().load_data_with_path("partitions")
        return {"partitions": [_addresses(partition) for partition in known["partitions"]]}, path


REGULAR = frozenset(("dynamodb",))
"""The services that every start makes a client of and that have no other address anywhere."""


def _addresses(partition: dict[str, Any]) -> dict[str, Any]:
    """Return a partition of AWS as the table of addresses has one that lists no service."""
    return {
        "partition": partition["id"],
        "dnsSuffix": partition["outputs"]["dnsSuffix"],
        "regions": partition["regions"],
        "regionRegex": partition["regionRegex"],
        "services": {},
        "defaults": {
            "hostname": "{service}.{region}.{dnsSuffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
        },
    }


# The store itself repeats what is worth repeating, after reading again; and it makes its requests
# without parameters from outside, so that validating each against the service's model would only
# cost time, as would composing a user agent for each.
CLIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=2,
    read_timeout=5,
    parameter_validation=False,
    user_agent="LiveTLF",
)


# A part of 8 MB is sent and acknowledged well within this; the API has to answer within 29 s.
DOCUMENTS = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=2,
    read_timeout=10,
    signature_version="s3v4",  # buckets of today take no other
    # Links lead to the bucket in its region: the global address redirects, which breaks them.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    user_agent="LiveTLF",
)
HANDLERS = "api", "audit", "ingest", "publish", "room", "wiring"
"""The modules beside `trial`, which Lambda starts."""
MARGIN = 20_000
"""How long before its time limit a function stops, ms: its leases are then ended in order."""


def client(service: str, config: Config | None = None, **options: Any) -> Any:  # noqa: ANN401 (botocore makes its clients' classes at run time)
    """Make a client of boto3's own core; what boto3 adds to it is not used and starts slowly.

    The runtime brings a botocore of its own, not the one this was tested with: where that takes
    no other loader than its own, it has its way; so it has where endpoints of FIPS or of two
    stacks are asked for, which `REGULAR` services have none of here.
    """
    try:
        core = _Session(service)
        services = _RegularServices if service in REGULAR else _Services
        core.register_component("data_loader", services(file_loader=_Files()))
        if os.environ.get("AWS_ACCESS_KEY_ID"):
            # There they are: no other place is made ready to be asked for them.
            core.register_component("credential_provider", CredentialResolver([EnvProvider()]))
        made = core.create_client(service, config=config, **options)
        if service == "dynamodb":
            plain_json.register(made)
            made.meta.events.register("before-call.dynamodb", _name_host)
    except Exception:  # noqa: BLE001 (whatever another botocore makes of it)
        return session.Session().create_client(service, config=config, **options)
    return made


def _name_host(params: dict[str, Any], **_event: object) -> None:
    """Give a request the header that botocore otherwise finds out twice while it signs it."""
    params["headers"]["Host"] = _host_of(params["url"])


@lru_cache(16)
def _host_of(url: str) -> str:
    """Return the host of an address as HTTP and its signature name it: no port that is usual."""
    parts = urlsplit(url)
    usual_port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.rpartition("@")[2].lower().removesuffix(usual_port)


# What only some functions or requests need is imported by what makes it: an event is recorded
# sooner where a start has less to load.


@cache
def settings() -> Settings:
    """Read the environment; what is empty is not set, as `sam local` gives a template's NoValue."""
    return Settings.model_validate({name: value for name, value in os.environ.items() if value})


@cache
def table() -> Table:
    """Return the table."""
    return Table(client("dynamodb", CLIENT), settings().TABLE_NAME)


@cache
def store() -> Store:
    """Return the store."""
    return Store(table(), compiled.contribute, now, language=language_version())


@cache
def reports() -> Reports:
    """Return the requested reports."""
    return Reports(table())


@cache
def activities() -> "Activities":
    """Return the log of activities."""
    from trial.store.activities import Activities  # noqa: PLC0415

    return Activities(table(), now)


@cache
def submissions() -> Submissions:
    """Return the submitted treatment events; no client is made until one is submitted."""
    return Submissions(table(), lambda body: _queue().send(body), now)


@cache
def discrepancy_states() -> "DiscrepancyStates":
    """Return what was decided of discrepancies."""
    from trial.store.discrepancy_states import DiscrepancyStates  # noqa: PLC0415

    return DiscrepancyStates(table(), now)


@cache
def senders() -> Senders:
    """Return who may post what."""
    return Senders(table(), now)


def intake_context(principal: str, channel: Channel) -> IntakeContext:
    """Return what the events of a sender are taken in with, by the channel they come by."""
    return IntakeContext(store(), submissions(), senders(), principal, channel)


@cache
def _queue() -> "Queue":
    from trial.commands.queue import Queue  # noqa: PLC0415

    return Queue(client("sqs", CLIENT), settings().SUBMISSIONS_URL)


def submission_queue_name() -> str:
    """Return the name of the queue by which Ingest is told of submissions."""
    return settings().SUBMISSIONS_URL.rpartition("/")[2]


@cache
def audits() -> Audits:
    """Return the state of every study's audits."""
    return Audits(table())


@cache
def engine() -> "Engine":
    """Return what spreads the work of a large study, by steps of this function."""
    from trial.commands.engine import Engine  # noqa: PLC0415

    known = settings()
    return Engine(client("stepfunctions", CLIENT), known.RUNS, known.AWS_LAMBDA_FUNCTION_NAME)


@cache
def document_runs() -> DocumentRuns:
    """Return the last run of every study's documents."""
    return DocumentRuns(table(), now)


@cache
def leases() -> Leases:
    """Return the leases of who makes documents."""
    return Leases(table(), now)


@cache
def documents() -> "Documents":
    """Return the published documents."""
    from trial.store.bucket.documents import Documents  # noqa: PLC0415
    from trial.store.bucket.retention import Retention  # noqa: PLC0415

    retention = Retention(settings().LOCK_MODE, settings().LOCK_DAYS, now)
    return Documents(client("s3", DOCUMENTS), settings().BUCKET_NAME, retention)


@cache
def signer() -> "Signer":
    """Return the key that signs what is published; a function without one publishes nothing."""
    from trial.reporting.signing import Signer  # noqa: PLC0415

    if not settings().SIGNING_KEY:
        raise ValueError("SIGNING_KEY is not set")
    return Signer(client("kms", CLIENT), settings().SIGNING_KEY)


def room_address() -> str:
    """Return the address of the reading room, as browsers know it."""
    return settings().ROOM_URL.rstrip("/")


@cache
def code_version() -> str:
    """Return the version of the code that makes documents: a digest of its modules."""
    return _digest_of_code(*(f"{name}.py" for name in HANDLERS), "trial")


LANGUAGE = "deferred", "errors", "statistics", "events", "definition"
"""The parts of `trial` that a definition is validated by: those that its own imports."""


def language_version() -> str:
    """Return the version of the code that validates definitions: a digest of its modules."""
    digest = _digest_of_code(*(f"trial/{name}{end}" for name in LANGUAGE for end in ("", ".py")))
    return f"{digest} pydantic {pydantic.VERSION}"


def _digest_of_code(*places: str) -> str:
    """Digest modules and folders of modules; those that do not exist have none."""
    root = Path(__file__).parent
    folders = (entry for place in places for entry in os.walk(root / place))
    names = [f"{folder}/{name}" for folder, _, files in folders for name in files]
    names += [f"{root}/{place}" for place in places if (root / place).is_file()]
    digest = hashlib.sha256()
    for name in sorted(name for name in names if name.endswith(".py")):
        digest.update(f"{name.removeprefix(f'{root}/')}\n".encode())
        with open(name, "rb") as module:  # noqa: PTH123 (a path of each is what takes long)
            digest.update(module.read())
    return digest.hexdigest()[:16]


def make_clients() -> None:
    """Make the clients that the API's function uses; none of them connects by that."""
    store(), documents(), _queue()


def finish_classes() -> None:
    """Finish what otherwise waits for the first of a class: a snapshot is to hold it."""
    deferred.finish_all()
    for kind in KINDS:
        model_of(kind)
    for model in _models(BaseModel):
        model.model_rebuild()


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("trial."):
            yield model
        yield from _models(model)


def prepare_snapshot(prepare: Callable[[], None]) -> None:
    """Have a function started whole before Lambda keeps a snapshot of it, where it keeps any.

    Environments that begin with one snapshot have one state of the random numbers in it, by which
    pauses before a retry are drawn: each draws a state of its own then.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    import snapshot_restore_py as snapshots  # noqa: PLC0415 (a part of Lambda's runtime alone)

    snapshots.register_before_snapshot(prepare)
    snapshots.register_after_restore(random.seed)


def beat(context: Any, margin: int = MARGIN) -> Beat:  # noqa: ANN401 (Lambda's, which is no class of ours)
    """Return a check that raises `OutOfTime` once a function's time is nearly over."""

    def check() -> None:
        if context.get_remaining_time_in_millis() < margin:
            raise OutOfTime("the function ran out of time")

    return check


def now() -> datetime:
    """Return the time, in UTC; nothing but the handlers reads the clock."""
    return datetime.now(UTC)
