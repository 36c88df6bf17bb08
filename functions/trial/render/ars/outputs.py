"""Tables, figures and listings as ARS outputs: what a display says, and the files that show it."""

from collections.abc import Iterable, Sequence

from trial.file_names import DEFINITION, MANIFEST, PAGE, TABLES, WORKBOOK
from trial.render.ars.analyses import Analysis
from trial.render.ars.clauses import Written
from trial.render.datasets import file_name
from trial.tables.grid import Cut, Figure, Grid, Listing, Report

FILE_TYPES = {
    "xlsx": "Office Open XML workbook",
    "html": "HTML page",
    "json": "JSON",
    "ndjson": "Newline-delimited JSON",
}
"""The types of file that CDISC's terminology has no term for."""

HEADER, FOOTER = "section/header", "section/footer"


def extensions(no_role: str, no_look: str) -> list[Written]:
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


def sections(cut: Cut) -> list[Written]:
    """Write what every display says above and below: of which study and state it is."""
    told = (cut.study, cut.registry, cut.completion.text, cut.notice)
    header = " | ".join(filter(None, told))
    dated = f"Data to {cut.data_date}" if cut.data_date else "No data"
    footer = " | ".join((dated, f"Cut {cut.id}", *cut.dictionaries))
    return [
        {"sectionType": "Header", "subSections": [{"id": HEADER, "text": header}]},
        {"sectionType": "Footer", "subSections": [{"id": FOOTER, "text": footer}]},
    ]


def outputs(report: Report) -> list[Written]:
    """Write every output of the report."""
    return [
        *(_output("table", each, WORKBOOK, PAGE, TABLES) for each in report.grids),
        *(_output("figure", each, WORKBOOK, PAGE) for each in report.figures),
        *(_output("listing", each, WORKBOOK, file_name(each)) for each in report.listings),
    ]


def output_id(kind: str, name: str) -> str:
    """Name an output."""
    return f"output/{kind}/{name}"


def _title(kind: str, shown: Grid | Figure | Listing) -> str:
    return f"{kind.capitalize()} {shown.id} {shown.title}"


def _output(kind: str, shown: Grid | Figure | Listing, *files: str) -> Written:
    id_, title = output_id(kind, shown.id), _title(kind, shown)
    display: Written = {
        "id": f"{id_}/display",
        "name": title,
        "displayTitle": shown.title,
        "displaySections": [
            _referred("Header", HEADER),
            _section("Title", f"{id_}/title", (title, shown.population)),
            *_footnotes(id_, shown.footnotes),
            _referred("Footer", FOOTER),
        ],
    }
    return {
        "id": id_,
        "name": title,
        "fileSpecifications": [_file(each) for each in files],
        "displays": [{"order": 1, "display": display}],
    }


def _footnotes(id_: str, footnotes: Sequence[str]) -> list[Written]:
    return [_section("Footnote", f"{id_}/footnote", footnotes)] if footnotes else []


def _section(kind: str, id_: str, texts: Iterable[str]) -> Written:
    ordered = [
        {"order": order, "subSection": {"id": f"{id_}/{order}", "text": text}}
        for order, text in enumerate(texts, 1)
    ]
    return {"sectionType": kind, "orderedSubSections": ordered}


def _referred(kind: str, id_: str) -> Written:
    return {"sectionType": kind, "orderedSubSections": [{"order": 1, "subSectionId": id_}]}


def _file(location: str) -> Written:
    kind = location.rsplit(".", 1)[1]
    return {
        "name": location,
        "fileType": {"sponsorTermId": f"term/file/{kind}"},
        "location": location,
    }


def planned_analyses(report: Report, found: Sequence[Sequence[Analysis]]) -> Written:
    """List the tables in their order and, of each, its analyses."""
    items = []
    for order, (grid, analyses) in enumerate(zip(report.grids, found, strict=True), 1):
        inner = [
            {"name": str(each.described["name"]), "level": 2, "order": i, "analysisId": each.id}
            for i, each in enumerate(analyses, 1)
        ]
        items.append(_item("table", grid, order) | {"sublist": {"listItems": inner}})
    return _list("List of planned analyses", "LOPA", items)


def planned_outputs(report: Report) -> Written:
    """List every output: tables, figures, listings."""
    shown: list[tuple[str, Grid | Figure | Listing]] = [
        *(("table", each) for each in report.grids),
        *(("figure", each) for each in report.figures),
        *(("listing", each) for each in report.listings),
    ]
    items = [_item(kind, each, order) for order, (kind, each) in enumerate(shown, 1)]
    return _list("List of planned outputs", "LOPO", items)


def _item(kind: str, shown: Grid | Figure | Listing, order: int) -> Written:
    return {
        "name": _title(kind, shown),
        "level": 1,
        "order": order,
        "outputId": output_id(kind, shown.id),
    }


def _list(name: str, label: str, items: list[Written]) -> Written:
    return {"name": name, "label": label, "contentsList": {"listItems": items}}


def documents(cut: Cut) -> list[Written]:
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
            "description": "Those in capitals are files there, in Dataset-JSON 1.1. Others are what"
            " was recorded: subjects, or a kind of record, with its fields by their names.",
            "location": "datasets/",
        },
        {
            "id": "document/manifest",
            "name": "Manifest of the cut",
            "description": "The SHA-256 and size of every file",
            "location": MANIFEST,
        },
    ]
