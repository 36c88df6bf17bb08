"""Everything one cut publishes, as files: a function of the report and of nothing else."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from trial.definition.study import Study
from trial.render import ars, checklist, consort, datasets, markdown, tables_json
from trial.render.page import page
from trial.render.workbook import workbook
from trial.tables.grid import Listing, Report, Value

MEDIA_TYPES = {
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""By the ending of a file's name."""

PAGE, MANIFEST, DEFINITION = "report.html", "manifest.json", "definition.json"


@dataclass(frozen=True)
class File:
    """A file whose content is made while it is read, once."""

    name: str
    content: Iterable[bytes]

    @property
    def media_type(self) -> str:
        """What the file is."""
        return MEDIA_TYPES[self.name.rpartition(".")[2]]


@dataclass
class _Rows:
    """A listing's rows, which are counted whenever they are read to the end."""

    rows: Iterable[tuple[Value, ...]]
    count: int = 0

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        count = 0
        for count, row in enumerate(self.rows, 1):  # noqa: B007 (how many there were)
            yield row
        self.count = count


@dataclass
class _Stated:
    """A file as it passes: what the manifest says of it once it has been read."""

    file: File
    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def content(self) -> Iterator[bytes]:
        for piece in self.file.content:
            self.size += len(piece)
            self.digest.update(piece)
            yield piece

    def document(self) -> tables_json.Document:
        return {
            "name": self.file.name,
            "media_type": self.file.media_type,
            "size": self.size,
            "sha256": self.digest.hexdigest(),
        }


def render(report: Report, study: Study, code_version: str = "") -> Iterator[File]:
    """Make the files of a cut; the manifest, last, vouches for all the others.

    The study is as the report's audience sees it: pooled where that is blinded.

    Each is to be read to its end before the next is asked for. The same report gives the same
    bytes with the same artefact: there is no clock, no order of a hash and no locale in them.
    """
    stated = []
    for file in _files(report, study):
        stated.append(_Stated(file))
        yield File(file.name, stated[-1].content())
    names = [*(each.file.name for each in stated), PAGE, MANIFEST]
    whole = (each.encode() for each in page(report, names))
    stated.append(_Stated(File(PAGE, whole)))
    yield File(PAGE, stated[-1].content())
    manifest = _manifest(report, [each.document() for each in stated], code_version)
    yield File(MANIFEST, (tables_json.encode(manifest),))


def _files(report: Report, study: Study) -> Iterator[File]:
    cut, definition = report.cut, study.definition
    yield File(DEFINITION, (study.written.encode(),))
    summary = tables_json.summary(
        cut, report.key_results, report.discrepancies, report.flow.findings
    )
    summary["methods"] = tables_json.methods(report.methods)
    yield File("summary.json", (tables_json.encode(summary),))
    yield File("summary.md", (markdown.summary(report).encode(),))
    yield File("consort.json", (tables_json.encode(consort.flow_json(report.flow, cut)),))
    yield File("consort.svg", (consort.flow_svg(report.flow, cut).encode(),))
    yield File("consort.md", (markdown.flow_markdown(report.flow, cut).encode(),))
    items = checklist.checklist(report, definition)
    yield File("consort_checklist.json", (tables_json.encode(items),))
    yield File("tables.json", (tables_json.encode_tables(tables_json.tables(cut, report.grids)),))
    primary = [each.source for each in definition.key_results if each.primary]
    roles = {(each.table, each.row): "primary" for each in primary}
    yield File("results.json", ars.results(report, definition, roles))
    listings = tuple(_counted(each) for each in report.listings)
    yield File("listings.xlsx", workbook(replace(report, listings=listings)))
    for each in listings:  # whose rows have been counted by now
        assert isinstance(each.rows, _Rows)
        yield File(datasets.file_name(each), datasets.dataset(each, cut, each.rows.count))


def _counted(listing: Listing) -> Listing:
    return replace(listing, rows=_Rows(listing.rows))


def _manifest(
    report: Report, files: list[Mapping[str, object]], code_version: str
) -> tables_json.Document:
    cut = report.cut
    return {
        "study": cut.study,
        "title": cut.title,
        "registry": cut.registry,
        "notice": cut.notice,
        "cut": tables_json.cut_fields(cut),
        "code_version": code_version or None,
        "files": files,
    }
