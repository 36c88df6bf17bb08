"""What is built for a processor runs on that processor, whichever machine builds it."""

from importlib.util import (
    MAGIC_NUMBER,
    cache_from_source,
    module_from_spec,
    spec_from_file_location,
)
from pathlib import Path

import pytest

from local import bytecode, stack
from local.emulator import LocalError

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


def value_of(file: Path) -> int:
    """Load a module from its file; give its `VALUE`."""
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    value: int = module.VALUE
    return value


def test_a_folder_that_is_compiled_again_holds_what_its_sources_say_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = tmp_path / "module.py"
    for value in (1, 2):
        module.write_text(f"VALUE = {value}\n")
        bytecode.compile_modules(tmp_path)
        assert value_of(module) == value
    module.write_text("VALUE = 3\n")  # what is compiled is taken unseen: hence builds start empty
    assert value_of(module) == 2
    module.write_text("VALUE =\n")
    with pytest.raises(LocalError):
        bytecode.compile_modules(tmp_path)
    assert str(module) in capsys.readouterr().out


def test_both_hold_the_same_versions() -> None:
    names = [
        {path.name for path in stack.build(name).parent.glob("*/*.dist-info")} for name in MACHINES
    ]
    assert names[0] == names[1]
    assert names[0]
