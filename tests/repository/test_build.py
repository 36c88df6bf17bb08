"""What is built for a processor runs on that processor, whichever machine builds it."""

from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from local import stack

ELF, MACHINE_AT = b"\x7fELF", 18
MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
"""The machine in an ELF header: EM_AARCH64 and EM_X86_64."""
WHEELS = {"arm64": "aarch64", "x86_64": "x86_64"}


@pytest.fixture(scope="module", params=sorted(MACHINES))
def processor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def artefact(processor: str) -> Path:
    """Return the folder of the functions as `sam build` makes it for a processor, one for all."""
    return stack.artefact(stack.build(processor))


def machine_of(library: Path) -> int:
    header = library.read_bytes()[: MACHINE_AT + 2]
    assert header.startswith(ELF)
    return int.from_bytes(header[MACHINE_AT:], "little")


def test_every_library_is_of_the_processor(processor: str, artefact: Path) -> None:
    machines = {path.name: machine_of(path) for path in artefact.rglob("*.so*") if path.is_file()}
    assert any(name.startswith("_pydantic_core") for name in machines)
    assert set(machines.values()) == {MACHINES[processor]}, machines


def test_every_wheel_is_of_the_processor_or_of_any(processor: str, artefact: Path) -> None:
    wheels = {path.parent.name: path.read_text("utf-8") for path in artefact.rglob("WHEEL")}
    tags = {
        name: [line for line in text.splitlines() if line.startswith("Tag:")]
        for name, text in wheels.items()
    }
    assert any(name.startswith("cryptography-") for name in tags)
    strange = {
        name: lines
        for name, lines in tags.items()
        if not any(line.endswith(("-any", f"_{WHEELS[processor]}")) for line in lines)
    }
    assert not strange


def test_every_module_is_compiled_and_taken_without_a_look_at_its_source(artefact: Path) -> None:
    modules = [*artefact.rglob("*.py")]
    unchecked = MAGIC_NUMBER + (1).to_bytes(4, "little")  # PEP 552: by a hash that is not compared
    headers = {path.name: Path(cache_from_source(path)).read_bytes()[:8] for path in modules}
    assert len(modules) > 500
    assert set(headers.values()) == {unchecked}


def test_both_hold_the_same_versions() -> None:
    names = [
        {path.name for path in stack.build(name).parent.glob("*/*.dist-info")} for name in MACHINES
    ]
    assert names[0] == names[1]
    assert names[0]
