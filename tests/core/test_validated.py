"""A definition that is read as it was validated is the one that validating it again gives."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import builders
import pytest
import test_any_definition
import test_library_recounted
from builders import tiny
from wide import many_analytes

from local.feed import read_definition
from trial.definition import Definition, study, validated
from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.rules.registry import FaultCollector
from trial.tables import checking
from trial.tables.compiled import CompiledStudy

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
SHIPPED = sorted(path.parent.name for path in EVENTS.glob("*/definition.yaml"))
PIECES = ROOT / "functions" / "trial" / "definition" / "library"
SCALES = sorted(path.stem for path in PIECES.glob("*.json") if '"scales"' in path.read_text())


def shipped(name: str) -> Study:
    return checking.read_definition(json.dumps(read_definition(EVENTS / name / "definition.yaml")))


def graded(scale: str) -> Study:
    """Return a small study that extends a scale of grades as the library has it."""
    trial = read_definition(EVENTS / "example" / "definition.yaml")
    extended = [*trial.get("extends", ()), {"piece": scale}]
    return checking.read_definition(json.dumps(trial | {"extends": extended}))


def entries(name: str) -> list[Entry]:
    lines = (EVENTS / name / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    return [builders.read(json.loads(line), None) for line in lines]


def restored(defined: Study) -> Study:
    return study.restored(study.validated_text(defined), defined.digest, defined.source)


STUDIES: dict[str, Callable[[], Study]] = {
    **{name: lambda name=name: shipped(name) for name in SHIPPED},  # type: ignore[misc]
    **{name: lambda name=name: graded(name) for name in SCALES},  # type: ignore[misc]
    "library": test_library_recounted.study,
    "every kind": lambda: study.load(json.dumps(test_any_definition.WHOLE)),
    "analytes": many_analytes,
    "blinded": lambda: many_analytes(blinded=True),
    "tiny": tiny,
}


@pytest.mark.parametrize("name", STUDIES)
def test_it_is_the_same_to_the_last_field(name: str) -> None:
    loaded = study.load(STUDIES[name]().source)
    again = restored(loaded)
    assert again == loaded
    for view, seen in zip(again.views, loaded.views, strict=True):
        assert repr(view.definition) == repr(seen.definition)
        assert view.definition.in_place == seen.definition.in_place
        for unset in (True, False):
            texts = [part.definition.model_dump_json(exclude_unset=unset) for part in (view, seen)]
            assert texts[0] == texts[1]
        assert view.visible_source == seen.visible_source
        assert (view.generation, view.audience) == (seen.generation, seen.audience)
    assert restored(again.open) == loaded


@pytest.mark.parametrize("name", STUDIES)
def test_its_members_are_what_pydantic_serializes(name: str) -> None:
    definition = STUDIES[name]().definition
    assert definition.members() == definition.model_dump(mode="json")
    assert definition.members("unset") == definition.model_dump(mode="json", exclude_unset=True)
    shown = definition.model_dump(mode="json", exclude_defaults=True)
    assert definition.members("defaults") == shown


@pytest.mark.parametrize("name", SHIPPED)
def test_it_counts_the_same(name: str) -> None:
    loaded = shipped(name)
    subjects = builders.subjects(entries(name))[:12]
    for view, seen in zip(restored(loaded).views, loaded.views, strict=True):
        plans = [CompiledStudy(part, FaultCollector()) for part in (view, seen)]
        assert plans[0].rows_touched() == plans[1].rows_touched()
        for subject in subjects:
            shares = [plan.contribute(subject) for plan in plans]
            assert shares[0] == shares[1]
            assert list(shares[0]) == list(shares[1])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[[["os.system","study"]],[0,"ls"]]', KeyError),
        ('[[["builtins.eval"]],[0]]', KeyError),
        ('[[],["pickle","1"]]', KeyError),
        ('[[],["number","1"]]', TypeError),
        ('[[["trial.definition.base.Level","value"]],[0,"a"]]', TypeError),
        ('[[["trial.definition.base.Level","value"]],[0,"a","b"]]', ValueError),
    ],
)
def test_a_text_makes_nothing_but_a_definition(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        validated.read(text)


def test_what_a_definition_cannot_hold_is_not_written() -> None:
    definition = tiny().definition.model_copy(update={"title": {"a", "set"}})
    with pytest.raises(TypeError, match="holds no set"):
        validated.write(definition)


def test_models_have_names_of_their_own() -> None:
    models = set(validated.language_models())
    assert len({f"{model.__module__}.{model.__qualname__}" for model in models}) == len(models) > 90


def test_to_read_and_compile_one_no_validator_is_built(tmp_path: Path) -> None:
    loaded = shipped("tmb-301")
    (tmp_path / "text").write_text(study.validated_text(loaded), encoding="utf-8")
    script = (
        "import sys; from pathlib import Path\n"
        "from trial.definition import Definition, study, validated\n"
        "from trial.tables import compiled\n"
        "text = Path(sys.argv[1]).read_text(encoding='utf-8')\n"
        "compiled.compiled(study.restored(text, 'digest', ''))\n"
        "print([m.__name__ for m in validated.language_models() if m.__pydantic_complete__])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "text")],
        cwd=ROOT / "functions", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout.strip() == "[]", run.stderr
    assert Definition.__pydantic_complete__  # here it was
