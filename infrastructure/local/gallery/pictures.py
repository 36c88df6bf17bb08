"""The pictures of the gallery: each snippet of the page, added to its trial, as it is printed."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.feed import read_definition
from local.gallery.drawing import listing_svg, narratives_svg, table_svg
from local.gallery.feed import STUDY, feed
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.render.consort import flow_svg
from trial.render.figures import figure_svg
from trial.reporting import report
from trial.statistics import cells
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Subject, fold_all
from trial.tables import checking
from trial.tables.compiled import contribute
from trial.tables.grid import Figure, Grid, Listing, Narratives, Report

_SNIPPET = re.compile(
    r"^```yaml\n(?P<text>(?:(?!```).*\n)*)```\n+^!\[(?P<name>[^\]]*)\]\(gallery/(?P<file>[a-z0-9-]+\.svg)\)$",
    re.MULTILINE,
)

type Part = dict[str, Any]


@dataclass(frozen=True)
class Snippet:
    """A part of a definition on the page, and the file of the picture below it."""

    file: str
    name: str
    part: Part


def snippets(page: str) -> list[Snippet]:
    """Return the snippets of the page that have a picture."""
    return [
        Snippet(match["file"], match["name"], yaml.safe_load(match["text"]))
        for match in _SNIPPET.finditer(page)
    ]


def pictures(page: str, folder: Path) -> dict[str, str]:
    """Return the pictures of the page by their files' names.

    Snippets are counted together, each with a table of its own; one that changes the whole trial
    is counted by itself.
    """
    trial, parts = read_definition(folder / "definition.yaml"), snippets(page)
    subjects = _subjects(_study(trial, []))
    together = [snippet for snippet in parts if not _ALONE & snippet.part.keys()]
    groups = [together, *([snippet] for snippet in parts if snippet not in together)]
    pictures_of: dict[str, str] = {}
    for group in filter(None, groups):
        contents = _report(_study(trial, group), subjects)
        pictures_of |= {snippet.file: _picture(snippet, contents) for snippet in group}
    return {snippet.file: pictures_of[snippet.file] for snippet in parts}


_ALONE = {"blinded", "flow"}
"""Sections that a definition has once."""


def _study(trial: Part, group: Iterable[Snippet]) -> Study:
    """Add the parts of snippets to the trial."""
    whole = dict(trial)
    for snippet in group:
        for section, part in _as_sections(snippet).items():
            whole[section] = _joined(section, whole.get(section), part)
    return checking.read_definition(json.dumps(whole))


def _as_sections(snippet: Snippet) -> Part:
    """Return a snippet with its columns and rows as a table, and figures as read out of that."""
    sections = dict(snippet.part)
    table: Part = {"id": snippet.file, "title": snippet.name, "population": "Intention-to-treat"}
    table |= {"columns": _COLUMNS}
    table |= {name: sections.pop(name) for name in _OF_TABLE if name in sections}
    if "rows" in table:
        sections["tables"] = [table]
    if "figures" in sections:
        figures = [dict(figure) for figure in sections["figures"]]
        for figure in figures:
            figure["id"], source = snippet.file, figure["source"]
            figure["source"] = {"table": snippet.file, **source}
        sections["figures"] = figures
    for section in {"listings", "narratives"} & sections.keys():
        sections[section] = [{**part, "id": snippet.file} for part in sections[section]]
    return sections


_OF_TABLE = ("columns", "rows", "percent_decimals", "footnotes")
_COLUMNS = [
    {"id": "placebo", "label": "Placebo", "set": "itt", "arm": "placebo"},
    {"id": "low", "label": "Low dose", "set": "itt", "arm": "low"},
    {"id": "high", "label": "High dose", "set": "itt", "arm": "high"},
]
"""The columns of a snippet that names none."""


def _joined(section: str, base: Any, part: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Add a section to one that is there; what has a name has it once."""
    if isinstance(base, list) and isinstance(part, list):
        return [*base, *part]
    if isinstance(base, dict) and isinstance(part, dict) and section not in _ALONE:
        for name in base.keys() & part.keys():
            if base[name] != part[name]:
                raise ValueError(f"two snippets say what {section}/{name} is")
        return {**base, **part}
    return part


def _subjects(study: Study) -> list[Subject]:
    """Fold the feed; each event is one that the trial accepts."""
    by_subject: dict[str, list[Entry]] = {}
    for line in feed():
        entry = envelope.parse(json_body.read_json(line), line, STUDY)
        check_acceptable(study, entry)
        by_subject.setdefault(entry.subject, []).append(entry)
    return [fold_all(name, entries) for name, entries in sorted(by_subject.items())]


def _report(study: Study, subjects: list[Subject]) -> Report:
    """Return the report of the trial, as the open audience sees it."""
    shares = (contribute(study, subject) for subject in subjects)
    return report.report(study.open, subjects, cells.total(shares))


def _picture(snippet: Snippet, contents: Report) -> str:
    """Draw what a snippet is about: a figure, the flow, a listing, narratives or a table."""
    part = snippet.part
    if "figures" in part:
        return _on_white(figure_svg(_named(contents.figures, snippet.file)))
    if "flow" in part:
        return flow_svg(contents.flow, contents.cut)
    if "listings" in part:
        return listing_svg(_named(contents.listings, snippet.file), snippet.name)
    if "narratives" in part:
        return narratives_svg(_named(contents.narratives, snippet.file), snippet.name)
    return table_svg(_named(contents.grids, snippet.file), snippet.name)


def _named[Output: (Figure, Grid, Listing, Narratives)](
    outputs: Iterable[Output], name: str
) -> Output:
    return next(output for output in outputs if output.id == name)


def _on_white(figure: str) -> str:
    """Lay a white ground under a figure: its colours are those of light pages."""
    head, _, body = figure.partition("\n")
    return f'{head}\n<rect width="100%" height="100%" fill="#fff"/>\n{body}'
