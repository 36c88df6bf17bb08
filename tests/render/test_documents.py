import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import digests
import samples
from builders import files_of

from trial.render import datasets, documents

FUNCTIONS = Path(documents.__file__).parents[2]
LEAN = """
import sys
from trial.render import consort, markdown, tables_json
assert not {"openpyxl", "trial.render.workbook"} & set(sys.modules)
"""


def run(script: str, **variables: str) -> str:
    parent = Path(__file__).parent
    path = os.pathsep.join(
        map(str, (FUNCTIONS, FUNCTIONS.parent / "infrastructure", parent, parent.parent))
    )
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return process.stdout


def test_a_cut_publishes_exactly_these_files():
    assert list(files_of(samples.trial())) == [
        "definition.json",
        "summary.json",
        "summary.md",
        "consort.json",
        "consort.svg",
        "consort.md",
        "consort_checklist.json",
        "tables.json",
        "results.json",
        "listings.xlsx",
        *(
            name(listing)
            for listing in samples.trial().listings
            for name in (datasets.file_name, datasets.parquet_name)
        ),
        "report.html",
        "manifest.json",
    ]


def test_the_manifest_vouches_for_every_other_file():
    files = files_of(samples.trial(), None, "c0de")
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["code_version"] == "c0de"
    assert manifest["cut"]["content_root"] == samples.CUT.content_root
    assert [item["name"] for item in manifest["files"]] == list(files)
    for file in manifest["files"]:
        content = files[file["name"]]
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["size"] == len(content)
        assert file["media_type"] == documents.MEDIA_TYPES[file["name"].rpartition(".")[2]]


def test_the_same_report_gives_the_same_bytes_twice():
    assert files_of(samples.trial()) == files_of(samples.trial())
    assert files_of(samples.hostile()) == files_of(samples.hostile())


def test_neither_hash_seed_nor_time_zone_nor_locale_changes_a_byte():
    expected = digests.of_files()
    for seed, zone, locale in (
        ("1", "Asia/Taipei", "C.UTF-8"), ("4242", "America/Los_Angeles", "C"),
    ):  # fmt: skip
        script = "import digests, json; print(json.dumps(digests.of_files()))"
        assert json.loads(run(script, PYTHONHASHSEED=seed, TZ=zone, LC_ALL=locale)) == expected


def test_what_the_api_imports_leaves_the_workbook_out():
    run(LEAN)


def test_texts_end_with_a_newline_and_json_is_utf_8():
    files = files_of(samples.hostile())
    for name in ("summary.json", "consort.json", "tables.json", "manifest.json"):
        assert files[name].endswith(b"\n")
        assert json.loads(files[name].decode())["study"] == "S&<1>"
    assert files["summary.md"].decode().endswith("\n")


def test_findings_of_the_flow_and_of_the_records_are_told_in_words_and_as_data():
    report = samples.trial()
    flow = replace(report.flow, discrepancies=("does not add up",))
    rule_counts = (samples.rule_count("Late dose"), samples.rule_count("No visit", "notable", 3))
    files = files_of(replace(report, flow=flow, discrepancies=rule_counts))
    summary = json.loads(files["summary.json"])
    late, none = "Late dose: 1 (see listing 16.2.9)", "No visit: 3 (see listing 16.2.9)"
    assert summary["discrepancy_texts"] == ["does not add up", late, none]
    assert [discrepancy["severity"] for discrepancy in summary["discrepancies"]] == [
        "contradictory",
        "notable",
    ]
    assert summary["discrepancies"][1]["count"] == 3
    text = files["summary.md"].decode()
    assert text.count("does not add up") == 1
    assert f"- **Contradictory:** {late}" in text
    assert f"- Notable: {none}" in text
