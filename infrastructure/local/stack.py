"""The deployed template: built once per content, deployed with `sam deploy` to an emulator."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from local import bytecode
from local.emulator import REGION, ROOT, STATES, Emulator, LocalError, environment

_TEMPLATE = ROOT / "template.yaml"
_FUNCTIONS = ROOT / "functions"
SAMCONFIG = ROOT / "samconfig.toml"
_BUILDS = STATES / "build"
_BUILDS_KEPT = 4
_DESCRIPTION = "stack.json"
VARIABLES, SIGNING_KEY = "env.json", "signing-key.pem"
_LOCAL = ("--config-env", "local")
_ARTEFACTS = "livetlf-artefacts"
_PUBLISH = "PublishFunction"


@dataclass(frozen=True)
class Stack:
    """Where a deployed LiveTLF is found."""

    endpoint: str
    api_url: str
    table: str
    bucket: str
    queue_url: str
    signing_key: str
    submissions_url: str
    room: str = ""
    """The id of the reading room's HTTP API, where there is one."""

    def aws(self, service: str) -> Any:  # noqa: ANN401 - clients are made at run time
        """Return a boto3 client of the account in which this stack stands."""
        return aws(service, self.endpoint)

    def variables(self) -> dict[str, dict[str, str]]:
        """Return what `sam local --env-vars` needs for functions that work on this stack."""
        names = {
            "TABLE_NAME": self.table,
            "BUCKET_NAME": self.bucket,
            "AWS_ENDPOINT_URL": self.endpoint,
            "SIGNING_KEY": self.signing_key,
            "SUBMISSIONS_URL": self.submissions_url,
        }
        return {"Parameters": names}

    def last_logs(self, lines: int = 30) -> str:
        """Return what the functions logged last, oldest line first."""
        logs = self.aws("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        events = [
            event
            for group in groups
            for event in logs.filter_log_events(logGroupName=group)["events"]
            if not event["message"].startswith(("START ", "END ", "REPORT ", '{"_aws"'))
        ]
        events.sort(key=lambda event: int(event["timestamp"]))
        return "\n".join(event["message"].rstrip() for event in events[-lines:])


@contextmanager
def publishing_paused(endpoint: str) -> Iterator[None]:
    """Make no documents while the block lasts, and after it once what they would show by then.

    The emulator has no window in which changes are gathered: it would make all of a study's
    documents again and again while its events are posted, and keep the queue waiting meanwhile.
    """
    functions = aws("lambda", endpoint)
    (mapping,) = [
        source["UUID"]
        for source in functions.list_event_source_mappings()["EventSourceMappings"]
        if _PUBLISH in source["FunctionArn"] and "/stream/" in source["EventSourceArn"]
    ]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def aws(service: str, endpoint: str, config: Config | None = None) -> Any:  # noqa: ANN401 - clients are made at run time
    """Return a boto3 client of an emulator, whatever the environment says about AWS."""
    client: Any = boto3.session.Session().client  # its stubs know each service by a literal
    return client(
        service,
        endpoint_url=endpoint,
        config=config,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - what ministack expects, nobody's secret
    )


def build(processor: str = "") -> Path:
    """Return the built template for today's sources; build it unless that was done before.

    It is for this machine's processor unless another is named: sam fetches wheels of that one.
    """
    processor = processor or architecture()
    _BUILDS.mkdir(parents=True, exist_ok=True)
    with _locked(_BUILDS / "lock"):
        target = _BUILDS / _sources_digest(processor)
        if not (target / "template.yaml").exists():
            _sam_build(target, processor)
            _drop_old_builds()
        os.utime(target)
    return target / "template.yaml"


def artefact(template: Path) -> Path:
    """Return the folder that all functions of a built template run from."""
    (handler,) = template.parent.glob("*/api.py")
    return handler.parent


def deploy(template: Path, emulator: Emulator, further: Sequence[str] = ()) -> Stack:
    """Deploy a built template to the emulator, with the parameters of samconfig's `local`.

    Further ones are given as `Name=value`.
    """
    aws("s3", emulator.endpoint).create_bucket(Bucket=_ARTEFACTS)
    options = [f"--template-file={template}", f"--s3-bucket={_ARTEFACTS}", "--no-progressbar"]
    _sam(["deploy", *options, "--parameter-overrides", *parameters(), *further], emulator.endpoint)
    stack = _describe(emulator)
    (emulator.state / _DESCRIPTION).write_text(json.dumps(asdict(stack)))
    (emulator.state / VARIABLES).write_text(json.dumps(stack.variables()))
    (emulator.state / SIGNING_KEY).write_text(_public_key(stack))
    return stack


def _public_key(stack: Stack) -> str:
    """Fetch the key that signs from KMS itself: the service must not vouch for itself."""
    return pem(stack.aws("kms").get_public_key(KeyId=stack.signing_key)["PublicKey"])


def pem(der: bytes) -> str:
    """Write a public key of KMS as `make verify` and other tools read it."""
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    return load_der_public_key(der).public_bytes(*form).decode()


def deployed(emulator: Emulator) -> Stack:
    """Return the stack that an earlier command deployed to this emulator."""
    return Stack(**json.loads((emulator.state / _DESCRIPTION).read_text()))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time through: commands may run side by side and share the builds."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sources_digest(processor: str) -> str:
    """Return the digest of what a build is made from, with the Python that will run it."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {processor}".encode())
    files = [_TEMPLATE, *(path for path in _FUNCTIONS.rglob("*") if path.is_file())]
    for path in sorted(files):
        if path.suffix != ".pyc":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
    return digest.hexdigest()[:16]


def _sam_build(target: Path, processor: str) -> None:
    """Build next to `target` and move it there whole: an interrupted build is never taken."""
    from samcli.yamlhelper import yaml_parse  # noqa: PLC0415 (takes long; most need no build)

    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    options = [f"--template-file={_TEMPLATE}", f"--build-dir={unfinished}"]
    _sam(["build", *options, "--parameter-overrides", *parameters(processor)])
    for folder in unfinished.iterdir():
        if folder.is_symlink():  # to sam's cache, which the next build changes
            content = folder.resolve()
            folder.unlink()
            shutil.copytree(content, folder)
    for handler in unfinished.glob("*/api.py"):
        bytecode.compile_modules(handler.parent)
    built = unfinished / "template.yaml"
    # JSON is YAML as well: sam, which reads it again and again for a deployment, reads it faster.
    built.write_text(json.dumps(yaml_parse(built.read_text())))
    unfinished.rename(target)


def _drop_old_builds() -> None:
    builds = sorted(_BUILDS.glob("*/template.yaml"), key=lambda path: path.parent.stat().st_mtime)
    for template in builds[:-_BUILDS_KEPT]:
        shutil.rmtree(template.parent)


def parameters(processor: str = "") -> list[str]:
    """Return samconfig's local parameters, for this machine's processor or another."""
    with SAMCONFIG.open("rb") as file:
        overrides: str = tomllib.load(file)["local"]["deploy"]["parameters"]["parameter_overrides"]
    return [*overrides.split(), f"Architecture={processor or architecture()}"]


def architecture() -> str:
    """Return Lambda's word for this machine's processor."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _sam(arguments: list[str], endpoint: str = "") -> None:
    """Run sam with samconfig's `local` environment; what it prints is shown if it fails."""
    variables = environment(endpoint)
    variables |= {
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",
        # The functions have the same code: build it into one folder, pack and upload that once.
        "SAM_CLI_BETA_BUILD_PERFORMANCE": "1",
        "SAM_CLI_BETA_PACKAGE_PERFORMANCE": "1",
        # sam build looks for python3.13 on the path and finds the one of .venv
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}",
    }
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "samcli", *arguments, f"--config-file={SAMCONFIG}", *_LOCAL],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        raise LocalError(f"sam {arguments[0]} failed:\n{process.stdout}")


def _describe(emulator: Emulator) -> Stack:
    with SAMCONFIG.open("rb") as file:
        name = tomllib.load(file)["local"]["global"]["parameters"]["stack_name"]
    (description,) = aws("cloudformation", emulator.endpoint).describe_stacks(StackName=name)[
        "Stacks"
    ]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
    # The template's ApiUrl is the address on AWS; the emulator serves the same API under its own.
    api_url = f"{emulator.endpoint}/_aws/execute-api/{outputs['ApiId']}/v1"
    return Stack(
        emulator.endpoint,
        api_url,
        outputs["TableName"],
        outputs["BucketName"],
        outputs["QueueUrl"],
        outputs["SigningKey"],
        outputs["SubmissionsUrl"],
        outputs.get("RoomId", ""),
    )
