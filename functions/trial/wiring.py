"""Where the environment is read and the clients are made: once in a process."""

import hashlib
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from botocore.config import Config
from botocore.session import Session
from pydantic import BaseModel, ConfigDict

from trial import report
from trial.store.documents import Documents
from trial.store.dynamodb import Store
from trial.store.reports import Reports
from trial.store.table import Table


class Settings(BaseModel):
    """What a function must be told; every missing variable is named at once."""

    model_config = ConfigDict(frozen=True)

    TABLE_NAME: str
    BUCKET_NAME: str


# The store itself repeats what is worth repeating, after reading again; and it makes its requests
# with its own hands, so that checking each against the service's model would only cost time.
_CLIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=2,
    read_timeout=5,
    parameter_validation=False,
)


_LINKS = Config(signature_version="s3v4")  # buckets of today take no other


@cache
def _session() -> Session:
    """Give botocore's session: boto3's own would load its resources, which nothing here uses."""
    return Session()


@cache
def settings() -> Settings:
    """Read the environment."""
    return Settings.model_validate(dict(os.environ))


@cache
def table() -> Table:
    """Give the table."""
    return Table(_session().create_client("dynamodb", config=_CLIENT), settings().TABLE_NAME)


@cache
def store() -> Store:
    """Give the store."""
    return Store(table(), report.contribute, now)


@cache
def reports() -> Reports:
    """Give the reports asked for."""
    return Reports(table())


@cache
def documents() -> Documents:
    """Give the published documents."""
    return Documents(_session().create_client("s3", config=_LINKS), settings().BUCKET_NAME)


@cache
def code_version() -> str:
    """Identify the code that makes documents: a digest of this artefact's own modules."""
    here = Path(__file__).parents[1]
    own = [here / f"{name}.py" for name in ("api", "ingest", "publish")]
    sources = sorted([*own, *(here / "trial").rglob("*.py")])
    parts = (f"{path.relative_to(here)}\n".encode() + path.read_bytes() for path in sources)
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def now() -> datetime:
    """Tell the time, in UTC; only the edge does."""
    return datetime.now(UTC)
