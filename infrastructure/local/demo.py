"""TMB-301 from its events to its documents, and every published figure beside the computed one."""

# ruff: noqa: T201 - what a command prints is its answer

import json

from local.emulator import ROOT
from local.feed import Lines, read_source
from local.replay import Job, replay

_EVENTS = ROOT / "events" / "tmb-301"
DEFINITION = _EVENTS / "definition.yaml"
FEED = _EVENTS / "feed.ndjson"
PUBLISHED = _EVENTS / "published.json"
OUT = ROOT / "out"


def demo() -> bool:
    """Replay TMB-301 into out/, print published against computed, tell whether all agree."""
    source = read_source(DEFINITION)
    study = source.definition["study"]
    out = OUT / study
    out.mkdir(parents=True, exist_ok=True)
    for stale in (path for path in out.iterdir() if path.is_file()):
        stale.unlink()
    refused = replay(Job(study, source, Lines(FEED), out))
    for result in refused:
        print(f"line {result.line.number} was rejected: {json.dumps(result.problem)}")
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    computed = json.loads((out / "summary.json").read_text(encoding="utf-8"))["key_results"]
    agree = _compare([(row["id"], row["text"]) for row in published], computed) and not refused
    print(f"\n{out.relative_to(ROOT)}/ holds the documents; begin with report.html, listings.xlsx")
    return agree


def _compare(published: list[tuple[str, str]], key_results: list[dict[str, str]]) -> bool:
    """Print both columns; true if ids, their order and every text agree."""
    computed = [(key_result["id"], key_result["text"]) for key_result in key_results]
    texts = dict(computed)
    print(f"\n{'key_result':36} {'published':>12} {'computed':>12}")
    for name, text in published:
        computed_text = texts.get(name, "missing")
        verdict = "" if computed_text == text else "   differs"
        print(f"{name:36} {text:>12} {computed_text:>12}{verdict}")
    for name in [name for name, _ in computed if name not in dict(published)]:
        print(f"{name:36} {'-':>12} {texts[name]:>12}   not published")
    agree = published == computed
    if agree:
        print(f"All {len(published)} published numbers agree.")
    elif sorted(published) == sorted(computed):
        print("The published numbers agree, but in another order.")
    else:
        print("The published and the computed numbers differ.")
    return agree
