"""Text comes into HTML and SVG escaped: mypy refuses any other, and templates are written out."""

import ast
from pathlib import Path

import pytest
from mypy import api

from trial.render.markup import bdi, css, escape, html, joined

ROOT = Path(__file__).resolve().parents[2]
RENDER = ROOT / "functions" / "trial" / "render"
SNIPPET = """
from trial.render.figures.canvas import Canvas, colour
from trial.render.markup import Html, bdi, escape, html, joined
from trial.render.page.elements import unordered

title: str = "<script>"
"""
REFUSED = (
    'html("<p>{}</p>", title)',
    'html("<p>{}</p>", f"<b>{title}</b>")',
    'html("<p>{}</p>", escape(title) + title)',
    'html("<p>{}</p>", title.join(["a"]))',
    "joined([title])",
    "unordered([title])",
    "Canvas().parts.append(title)",
    'Canvas().path("M0,0", title)',
)
ACCEPTED = (
    'html("<p>{} {}</p>", escape(title), 1)',
    "unordered([bdi(title)])",
    "Canvas().parts.append(escape(title))",
    'Canvas().path(title, colour("ink"))',
)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Check the snippet once; return the lines that mypy refuses, of those that use a text."""
    path = tmp_path_factory.mktemp("snippet") / "snippet.py"
    path.write_text(SNIPPET + "\n".join((*REFUSED, *ACCEPTED)) + "\n")
    result, failed, _ = api.run([
        "--config-file", str(ROOT / "pyproject.toml"),
        "--cache-dir", str(ROOT / ".mypy_cache"), "--no-error-summary", str(path),
    ])  # fmt: skip
    assert not failed, failed
    lines = path.read_text().split("\n")
    return {lines[int(line.split(":")[1]) - 1] for line in result.splitlines() if "error" in line}


def test_mypy_refuses_a_text_that_is_not_escaped(refusals):
    assert refusals == set(REFUSED)


def calls(name):
    for path in sorted(RENDER.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            function = node.func if isinstance(node, ast.Call) else None
            if isinstance(function, ast.Name) and function.id == name:
                yield path, tree, node


def test_every_template_is_written_out():
    templates = [call.args[0] for _, _, call in calls("html")]
    assert len(templates) > 100
    assert all(isinstance(template, ast.Constant) for template in templates)


def test_every_style_sheet_is_a_constant_of_its_module():
    for _, tree, call in calls("css"):
        constants = {
            node.targets[0].id
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        assert call.args[0].id in constants


def test_only_the_module_of_markup_makes_it_of_a_text():
    for name in ("Html", "cast"):
        assert {path.name for path, _, _ in calls(name)} <= {"markup.py"}


def test_what_is_put_into_a_template_stays_as_it_is():
    hostile = '<b a="1">{0}</b>&$x'
    escaped = "&lt;b a=&quot;1&quot;&gt;{0}&lt;/b&gt;&amp;$x"
    assert escape(hostile) == escaped
    assert html("<p>{}</p>", escape(hostile)) == f"<p>{escaped}</p>"
    assert html("<p>{}</p>", bdi(hostile)) == f"<p><bdi>{escaped}</bdi></p>"
    assert css("a{content:$text}", text=escape(hostile)) == f"a{{content:{escaped}}}"
    assert joined([escape("<"), html("<br>")], html(", ")) == "&lt;, <br>"
