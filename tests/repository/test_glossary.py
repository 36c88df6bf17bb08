"""The glossary says where each word lives: there it has to be."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    [part.strip() for part in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| **")
]


def test_each_concept_stands_there_once() -> None:
    terms = [term for row in ROWS for term in re.findall(r"\*\*([^*]+)\*\*", row[0])]
    assert len(terms) > 40
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_lives_where_the_glossary_says(row: list[str]) -> None:
    path, *names = re.findall(r"`([^`]+)`", row[2])
    tree = ast.parse((ROOT / "functions" / "trial" / path).read_text(encoding="utf-8"))
    defined = {
        node.name if isinstance(node, ast.ClassDef | ast.FunctionDef) else node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    assert set(names) <= defined


GUIDES = ("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md")
FILE = re.compile(r"`((?:functions|tests|infrastructure|docs|events|benchmarks)/[\w./-]+)`")


@pytest.mark.parametrize("guide", GUIDES)
def test_the_files_that_a_guide_names_are_there(guide: str) -> None:
    files = set(FILE.findall((ROOT / guide).read_text(encoding="utf-8")))
    assert {path for path in files if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize(
    "guide", [*GUIDES, "README.md", "CHANGELOG.md", "docs/adr/README.md", "docs/glossary.md"]
)
def test_the_links_of_a_guide_lead_somewhere(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", text):
        assert not target or (ROOT / guide).parent.joinpath(target).exists(), target
