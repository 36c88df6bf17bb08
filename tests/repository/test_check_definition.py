"""`make check-definition` and `make init`: without a stack, by line, with the empty shells."""

import json
import re
from pathlib import Path

import pytest
import yaml
from builders import read

from local import __main__ as commands
from local import checking
from local.checking import check
from local.feed import DefinitionRefusedError, read_source
from trial.subject.acceptance import check_acceptable
from trial.tables.checking import read_definition

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "events" / "example"


def written(tmp_path: Path, text: str, name: str = "definition.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def example() -> str:
    return (EXAMPLE / "definition.yaml").read_text(encoding="utf-8")


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


class TestCheck:
    def test_every_fault_is_told_with_its_line(self, tmp_path):
        text = example().replace("summary: age}", "summary: agee}")
        text = text.replace("not_due: responder", "not_due: respondr")
        path = written(tmp_path, text.replace("shards: 1", "shards: 99"))
        with pytest.raises(DefinitionRefusedError) as caught:
            check(read_source(path))
        lines = str(caught.value).splitlines()
        places = [line.removeprefix(f"{path}:").partition(" ")[0] for line in lines]
        assert places == [
            f"{line_of(text, part)}:" for part in ("shards", "summary: agee", "not_due: respondr")
        ]
        assert "/tables/0/rows/0/summary (table 14.1, row age, summary): is not a" in lines[1]
        assert lines[1].endswith("Did you mean age? Known: age, sbp-change")

    def test_json_has_lines_too(self, tmp_path):
        text = json.dumps(yaml.safe_load(example()), indent=1).replace('"stayed"]', '"x"]')
        text = text.replace('"summary": "age"', '"summary": "agee"')
        path = written(tmp_path, text, "definition.json")
        with pytest.raises(DefinitionRefusedError, match=f":{line_of(text, 'agee')}: /tables/0"):
            check(read_source(path))

    def test_what_is_missing_is_told_at_the_part_that_lacks_it(self, tmp_path):
        path = written(tmp_path, example().replace("title: Participant flow", "zero_counts: true"))
        line = line_of(example(), "flow:\n")
        with pytest.raises(DefinitionRefusedError, match=f":{line}: /flow/title .*Field required"):
            check(read_source(path))

    def test_the_shells_show_titles_columns_rows_and_placeholders(self):
        checked = check(read_source(EXAMPLE / "definition.yaml"))
        assert checked.warnings == []
        text = checked.shells
        assert "Table 14.1: Baseline characteristics\nPopulation: Intention-to-treat" in text
        assert re.search(r"^ +Placebo +Drug +Total$", text, re.MULTILINE)
        assert re.search(r"^A fall of 10 mmHg or more +xx \(xx%\) +xx \(xx%\)", text, re.MULTILINE)
        assert re.search(r"^  mean +xx.x +xx.x +xx.x$", text, re.MULTILINE)
        assert "  65 years or above" in text
        assert "  north" in text
        assert "<preferred term>" in text
        assert "Subject (USUBJID) | Term (AETERM) | Onset (AESTDTC) | Onset (date) (AESTDT)" in text

    def test_warnings_are_printed_and_refuse_nothing(self, tmp_path, capsys):
        text = example().replace("measures:\n", "measures:\n  spare: {characteristic: age}\n")
        path = written(tmp_path, text)
        assert checking.main([str(path)]) == 0
        line = line_of(text, "spare:")
        assert f"warning: {path}:{line}: /measures/spare (measure spare): is not used" in (
            capsys.readouterr().out
        )

    @pytest.mark.parametrize("arguments", [[], ["nowhere.yaml"]])
    def test_a_bad_argument_is_a_2(self, arguments):
        assert checking.main(arguments) == 2

    def test_a_definition_that_is_refused_is_a_2(self, tmp_path, capfd):
        path = written(tmp_path, example().replace("summary: age}", "summary: agee}"))
        assert checking.main([str(path)]) == 2
        assert "is not a measure" in capfd.readouterr().err


class TestInit:
    def test_it_writes_a_commented_definition_that_is_accepted_without_a_warning(
        self, tmp_path, capsys
    ):
        path = tmp_path / "new" / "definition.yaml"
        assert commands.main(["init", "MY-1", str(path)]) == 0
        assert f"DEFINITION={path}" in capsys.readouterr().out
        source = read_source(path)
        assert source.definition["study"] == "MY-1"
        assert path.read_text(encoding="utf-8").count("#") > 20
        assert check(source).warnings == []

    def test_it_goes_into_the_study_s_folder_and_overwrites_nothing(
        self, tmp_path, monkeypatch, capfd
    ):
        monkeypatch.chdir(tmp_path)
        assert commands.main(["init", "MY-1"]) == 0
        path = tmp_path / "studies" / "MY-1" / "definition.yaml"
        path.write_text("mine", encoding="utf-8")
        assert commands.main(["init", "MY-1"]) == 2
        assert path.read_text(encoding="utf-8") == "mine"
        assert "already exists" in capfd.readouterr().err

    @pytest.mark.parametrize("name", ["", "a b", "../x"])
    def test_a_name_that_no_study_can_have_is_a_2(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert commands.main(["init", name]) == 2
        assert list(tmp_path.iterdir()) == []

    def test_it_takes_the_events_of_the_example(self, tmp_path):
        path = tmp_path / "definition.yaml"
        commands.main(["init", "DEMO-1", str(path)])
        defined = read_definition(json.dumps(read_source(path).definition))
        for line in (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines():
            check_acceptable(defined, read(line, "DEMO-1"))
