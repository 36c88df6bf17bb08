"""Everything one cut publishes, as files: a function of the report and of nothing else."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.render import ars, checklist, consort, datasets, markdown, tables_json
from trial.render.narratives import narratives_page
from trial.render.page import page
from trial.render.workbook import part_cut, part_workbook, workbook
from trial.render.workbook.parts import ListingPart, parts_of
from trial.render.workbook.segments import Segments
from trial.render.workbook.streaming import listing_widths
from trial.tables.file_names import (
    CONSORT_CHECKLIST,
    DEFINITION,
    FLOW_JSON,
    FLOW_MARKDOWN,
    FLOW_SVG,
    MANIFEST,
    NARRATIVES,
    PAGE,
    RESULTS,
    SUMMARY,
    SUMMARY_MARKDOWN,
    TABLES,
    WORKBOOK,
)
from trial.tables.grid import Report

MEDIA_TYPES = {
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "bin": "application/octet-stream",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""By the ending of a file's name."""


@dataclass(frozen=True)
class EarlierFile:
    """A file of an earlier publication: the digest of what it was made from, and what it was."""

    inputs: str
    size: int
    sha256: str
    version: str
    """In the bucket."""


@dataclass(frozen=True)
class File:
    """A file whose content is made while it is read, once.

    `inputs` is the digest of all that decides it, '' where nobody computes that. One that is as in
    an earlier publication has no content here.
    """

    name: str
    content: Iterable[bytes]
    inputs: str = ""
    earlier: EarlierFile | None = None

    def as_earlier(self, earlier: EarlierFile) -> "File":
        """Return it as a file that is as it was."""
        return replace(self, content=(), earlier=earlier)

    @property
    def media_type(self) -> str:
        """Return the media type, by the ending of the name."""
        return MEDIA_TYPES[self.name.rpartition(".")[2]]


@dataclass
class _ManifestEntry:
    """A file, of which size and digest are known once its content has been read."""

    file: File
    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def content(self) -> Iterator[bytes]:
        """Pass the content on, and take its size and its digest."""
        for piece in self.file.content:
            self.size += len(piece)
            self.digest.update(piece)
            yield piece

    def document(self) -> tables_json.Document:
        earlier = self.file.earlier
        return {
            "name": self.file.name,
            "media_type": self.file.media_type,
            "size": earlier.size if earlier else self.size,
            "sha256": earlier.sha256 if earlier else self.digest.hexdigest(),
        }


def render(
    report: Report,
    study: Study,
    code_version: str = "",
    earlier: Mapping[str, EarlierFile] | None = None,
    segments: Segments | None = None,
    finished: Mapping[str, EarlierFile] | None = None,
) -> Iterator[File]:
    """Make the files of a cut; the manifest comes last and has the digests of all the others.

    The study is as the report's audience sees it: pooled where that is blinded. `earlier` are files
    of the same study, audience and code: one whose inputs are the same is not made again. So are
    the `segments` of a workbook. `finished` are files of this very report that are there already.

    Each is to be read to its end before the next is asked for. The same report gives the same
    bytes with the same artefact: there is no clock, no order of a hash and no locale in them.
    """
    entries, segments = list[_ManifestEntry](), segments or Segments()

    def entered(file: File) -> File:
        before, finished_file = (earlier or {}).get(file.name), (finished or {}).get(file.name)
        if before is not None and file.inputs and file.inputs == before.inputs:
            segments.keep(file.name)
            finished_file = before
        if finished_file is not None:
            entries.append(_ManifestEntry(file.as_earlier(finished_file)))
            return entries[-1].file
        entries.append(_ManifestEntry(file))
        return replace(file, content=entries[-1].content())

    yield from map(entered, _files(report, study, segments))
    names = [*(entry.file.name for entry in entries), PAGE, MANIFEST]
    yield entered(File(PAGE, (piece.encode() for piece in page(report, names))))
    manifest = _manifest(report, [entry.document() for entry in entries], code_version)
    yield File(MANIFEST, (tables_json.encode(manifest),))


def _files(report: Report, study: Study, segments: Segments) -> Iterator[File]:
    """Yield all files but the page and the manifest.

    Of live documents only the cover, footers and the manifest name the cut: what holds numbers
    alone is the same as long as they are.
    """
    cut, definition = report.cut, study.definition
    unnamed = replace(report, cut=cut.unnamed())
    yield File(DEFINITION, (study.visible_source.encode(),))
    summary = tables_json.summary(
        unnamed.cut, report.key_results, report.discrepancies, report.flow.discrepancies
    )
    summary["methods"] = tables_json.methods(report.methods)
    yield File(SUMMARY, (tables_json.encode(summary),))
    yield File(SUMMARY_MARKDOWN, (markdown.summary(report).encode(),))
    yield File(FLOW_JSON, (tables_json.encode(consort.flow_json(report.flow, unnamed.cut)),))
    yield File(FLOW_SVG, (consort.flow_svg(report.flow, cut).encode(),))
    yield File(FLOW_MARKDOWN, (markdown.flow_markdown(report.flow, cut).encode(),))
    items = checklist.checklist(unnamed, definition)
    yield File(CONSORT_CHECKLIST, (tables_json.encode(items),))
    yield File(TABLES, (tables_json.encode_tables(tables_json.tables(unnamed.cut, report.grids)),))
    primary = [key_result.source for key_result in definition.key_results if key_result.primary]
    roles = {(source.table, source.row): "primary" for source in primary}
    parts = parts_of(report.listings)
    part_names = {id_: [part.file for part in listing] for id_, listing in parts.items()}
    yield File(RESULTS, ars.results(unnamed, definition, roles, part_names))
    yield File(WORKBOOK, workbook(report, segments=segments, parts=parts))
    yield from _part_files(report, parts, segments)
    if report.narratives:
        pieces = narratives_page(report.cut, report.narratives)
        yield File(NARRATIVES, (piece.encode() for piece in pieces))
    labels = datasets.labels(report)
    for listing in (*report.listings, *report.analysis_data):
        inputs = datasets.inputs(listing, cut, labels)
        lines = datasets.dataset(listing, cut, labels)
        yield File(datasets.file_name(listing), lines, inputs)
        pages = datasets.parquet_file(listing, cut, labels)
        yield File(datasets.parquet_name(listing), pages, inputs)


def _part_files(
    report: Report, parts: Mapping[str, Sequence[ListingPart]], segments: Segments
) -> Iterator[File]:
    """Yield the workbooks of listings that are too long for the one of all."""
    cut = part_cut(report.cut)
    for listing in report.listings:
        listing_parts = parts.get(listing.id, ())
        widths = listing_widths(listing, segments) if listing_parts else ()
        for part in listing_parts:
            content = part_workbook(part, cut, widths, segments)
            yield File(part.file, content, part.inputs(cut, widths))


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
