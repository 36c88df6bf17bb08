"""Tables, figures and listings as ARS outputs: what a display says, and the files that show it."""

from collections.abc import Iterable, Mapping, Sequence

from trial.render.ars.analyses import Analysis
from trial.render.datasets import file_name, parquet_name
from trial.render.tables_json import Document
from trial.tables.file_names import DEFINITION, MANIFEST, PAGE, TABLES, WORKBOOK
from trial.tables.grid import Cut, Figure, Grid, Listing, Report

FILE_TYPES = {
    "xlsx": "Office Open XML workbook",
    "html": "HTML page",
    "json": "JSON",
    "ndjson": "Newline-delimited JSON",
    "parquet": "Apache Parquet",
}
"""The types of file that CDISC's terminology has no term for."""

HEADER, FOOTER = "section/header", "section/footer"


def extensions(no_role: str, no_look: str) -> list[Document]:
    """Write the terms that CDISC's terminology lacks."""
    return [
        {
            "id": "terms/purpose",
            "enumeration": "AnalysisPurposeEnum",
            "sponsorTerms": [
                {
                    "id": no_role,
                    "submissionValue": "NO OUTCOME MEASURE",
                    "description": "The study definition gives it no role among outcome measures.",
                }
            ],
        },
        {
            "id": "terms/reason",
            "enumeration": "AnalysisReasonEnum",
            "sponsorTerms": [
                {
                    "id": no_look,
                    "submissionValue": "INTERIM, NO PLANNED LOOK",
                    "description": "Read of data that are not complete, at no look that the study"
                    " definition plans.",
                }
            ],
        },
        {
            "id": "terms/file",
            "enumeration": "OutputFileTypeEnum",
            "sponsorTerms": [
                {"id": f"term/file/{name}", "submissionValue": name, "description": meaning}
                for name, meaning in FILE_TYPES.items()
            ],
        },
    ]


def sections(cut: Cut) -> list[Document]:
    """Write the header and the footer of every display: of which study and state it is."""
    parts = (cut.study, cut.registry, cut.completion.text, cut.notice)
    header = " | ".join(filter(None, parts))
    dated = f"Data to {cut.data_date}" if cut.data_date else "No data"
    name = (f"Cut {cut.id}",) if cut.is_named else ()
    footer = " | ".join((dated, *name, *cut.dictionaries))
    return [
        {"sectionType": "Header", "subSections": [{"id": HEADER, "text": header}]},
        {"sectionType": "Footer", "subSections": [{"id": FOOTER, "text": footer}]},
    ]


def outputs(report: Report, parts: Mapping[str, Sequence[str]]) -> list[Document]:
    """Write every output of the report; `parts` are the workbooks that listings have by id."""
    return [
        *(_output("table", grid, WORKBOOK, PAGE, TABLES) for grid in report.grids),
        *(_output("figure", figure, WORKBOOK, PAGE) for figure in report.figures),
        *(
            _output(
                "listing",
                listing,
                *parts.get(listing.id, (WORKBOOK,)),
                file_name(listing),
                parquet_name(listing),
            )
            for listing in report.listings
        ),
    ]


def output_id(kind: str, name: str) -> str:
    """Return the id of an output."""
    return f"output/{kind}/{name}"


def _title(kind: str, display: Grid | Figure | Listing) -> str:
    return f"{kind.capitalize()} {display.id} {display.title}"


def _output(kind: str, content: Grid | Figure | Listing, *files: str) -> Document:
    id_, title = output_id(kind, content.id), _title(kind, content)
    display: Document = {
        "id": f"{id_}/display",
        "name": title,
        "displayTitle": content.title,
        "displaySections": [
            _referred("Header", HEADER),
            _section("Title", f"{id_}/title", (title, content.population)),
            *_footnotes(id_, content.footnotes),
            _referred("Footer", FOOTER),
        ],
    }
    return {
        "id": id_,
        "name": title,
        "fileSpecifications": [_file(name) for name in files],
        "displays": [{"order": 1, "display": display}],
    }


def _footnotes(id_: str, footnotes: Sequence[str]) -> list[Document]:
    return [_section("Footnote", f"{id_}/footnote", footnotes)] if footnotes else []


def _section(kind: str, id_: str, texts: Iterable[str]) -> Document:
    ordered = [
        {"order": order, "subSection": {"id": f"{id_}/{order}", "text": text}}
        for order, text in enumerate(texts, 1)
    ]
    return {"sectionType": kind, "orderedSubSections": ordered}


def _referred(kind: str, id_: str) -> Document:
    return {"sectionType": kind, "orderedSubSections": [{"order": 1, "subSectionId": id_}]}


def _file(location: str) -> Document:
    kind = location.rsplit(".", 1)[1]
    return {
        "name": location,
        "fileType": {"sponsorTermId": f"term/file/{kind}"},
        "location": location,
    }


def planned_analyses(report: Report, analyses_by_table: Sequence[Sequence[Analysis]]) -> Document:
    """List the tables in their order and, of each, its analyses."""
    items = []
    for order, (grid, analyses) in enumerate(zip(report.grids, analyses_by_table, strict=True), 1):
        inner = [
            {
                "name": str(analysis.described["name"]),
                "level": 2,
                "order": i,
                "analysisId": analysis.id,
            }
            for i, analysis in enumerate(analyses, 1)
        ]
        items.append(_item("table", grid, order) | {"sublist": {"listItems": inner}})
    return _list("List of planned analyses", "LOPA", items)


def planned_outputs(report: Report) -> Document:
    """List every output: tables, figures, listings."""
    displays: list[tuple[str, Grid | Figure | Listing]] = [
        *(("table", grid) for grid in report.grids),
        *(("figure", figure) for figure in report.figures),
        *(("listing", listing) for listing in report.listings),
    ]
    items = [_item(kind, display, order) for order, (kind, display) in enumerate(displays, 1)]
    return _list("List of planned outputs", "LOPO", items)


def _item(kind: str, display: Grid | Figure | Listing, order: int) -> Document:
    return {
        "name": _title(kind, display),
        "level": 1,
        "order": order,
        "outputId": output_id(kind, display.id),
    }


def _list(name: str, label: str, items: list[Document]) -> Document:
    return {"name": name, "label": label, "contentsList": {"listItems": items}}


def documents(cut: Cut) -> list[Document]:
    """Write the documents that the report refers to."""
    return [
        {
            "id": "document/definition",
            "name": "Study definition",
            "description": f"SHA-256 {cut.definition}; contribution version"
            f" {cut.contribution_version}; audience {cut.audience}",
            "location": DEFINITION,
        },
        {
            "id": "document/datasets",
            "name": "Data sets",
            "description": "Every data set that is named, in Dataset-JSON 1.1",
            "location": "datasets/",
        },
        {
            "id": "document/manifest",
            "name": "Manifest of the cut",
            "description": "The SHA-256 and size of every file",
            "location": MANIFEST,
        },
    ]
