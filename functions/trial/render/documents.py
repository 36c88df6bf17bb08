"""Everything one cut publishes, as files: a function of the report and of nothing else."""

import hashlib

from trial.render import consort, markdown, tables_json, workbook
from trial.tables.grid import Report

MEDIA_TYPES = {
    "summary.json": "application/json",
    "summary.md": "text/markdown; charset=utf-8",
    "consort.json": "application/json",
    "consort.svg": "image/svg+xml",
    "listings.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "tables.json": "application/json",
    "manifest.json": "application/json",
}


def render(report: Report, code_version: str = "") -> dict[str, bytes]:
    """Make the files of a cut by name; the manifest, last, vouches for all the others.

    The same report gives the same bytes with the same artefact: there is no clock, no order of a
    hash and no locale in them.
    """
    cut = report.cut
    findings = tuple(dict.fromkeys((*report.flow.findings, *report.findings)))
    files = {
        "summary.json": tables_json.encode(tables_json.summary(cut, report.figures, findings)),
        "summary.md": markdown.summary(report).encode(),
        "consort.json": tables_json.encode(consort.flow_json(report.flow, cut)),
        "consort.svg": consort.flow_svg(report.flow, cut).encode(),
        "listings.xlsx": b"".join(workbook.workbook(report)),
        "tables.json": tables_json.encode_tables(tables_json.tables(cut, report.grids)),
    }
    files["manifest.json"] = tables_json.encode(_manifest(report, files, code_version))
    return files


def _manifest(report: Report, files: dict[str, bytes], code_version: str) -> tables_json.Document:
    cut = report.cut
    return {
        "study": cut.study,
        "title": cut.title,
        "registry": cut.registry,
        "notice": cut.notice,
        "cut": tables_json.cut_fields(cut),
        "code_version": code_version or None,
        "files": [
            {
                "name": name,
                "media_type": MEDIA_TYPES[name],
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in files.items()
        ],
    }
