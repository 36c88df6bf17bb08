"""Listings: filter, sort, choose columns, turn pages, and take away what is seen."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trial.definition.outputs import ListingDefinition
from trial.errors import Rejected
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.room import documents, frame, rows
from trial.room.frame import DASH, Crumb
from trial.room.routing import DOWNLOAD, READERS, PageRequest, page
from trial.room.rows import (
    COMPARISONS,
    DataColumn,
    Filter,
    Head,
    Row,
    Selection,
    Source,
)
from trial.tables.file_names import WORKBOOK, parts_among
from trial.tables.listings import complete
from trial.web.routing import Answer

_ROWS = 100
_MOST_PAGES = 100_000
_FILTERS = 2
"""How many columns can be filtered at once, beside a text in any of them."""
MOST_BYTES = 4_000_000
"""How long a download may be: what Lambda answers, less what is written around it."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _definitions(page_request: PageRequest) -> tuple[ListingDefinition, ...]:
    definition = page_request.view.definition
    return (*definition.listings, *complete.added(definition))


@page("/studies/{study}/listings", READERS, subjects=False)
def get_listings(page_request: PageRequest) -> Answer:
    """List the listings of the definition."""
    entries = [
        html(
            '<span class="number">{}</span> <span><a href="{}">{}</a>'
            ' <span class="quiet">\u00b7 {}</span></span>',
            escape(listing.id),
            page_request.link("listings", listing.id),
            bdi(listing.title),
            bdi(listing.population),
        )
        for listing in _definitions(page_request)
    ]
    workbook = page_request.link("documents", "live", WORKBOOK)
    body = [
        unordered(entries, "contents-list"),
        html('<p><a class="button" href="{}">All of them as a workbook</a></p>\n', workbook),
    ]
    return frame.page_answer(page_request, "Listings", body)


def _listing(page_request: PageRequest) -> ListingDefinition:
    """Return the listing of the page; raises `Rejected` (404)."""
    name = page_request.parts["listing"]
    listing = next((listing for listing in _definitions(page_request) if listing.id == name), None)
    if listing is None:
        raise Rejected(404, "Listing not found", f"The definition has no listing {name}.")
    return listing


def _selection(page_request: PageRequest) -> Selection:
    """Read which rows are asked for; a filter without a column, or that needs a value, is none."""
    filters = []
    for number in range(1, _FILTERS + 1):
        column, comparison = (
            page_request.parameter(f"column{number}"),
            page_request.parameter(f"how{number}"),
        )
        value = page_request.parameter(f"value{number}")
        if column and comparison in COMPARISONS and (value or comparison == "blank"):
            filters.append(Filter(column, comparison, value))
    return Selection(
        page_request.parameter("any").strip(), tuple(filters), page_request.parameter("sort")
    )


def _shown(page_request: PageRequest, data: Head) -> list[int]:
    """Return the positions of the columns that are shown: those asked for, or all but the study."""
    wanted = set(page_request.parameters("show"))
    places = [i for i, column in enumerate(data.columns) if column.name in wanted]
    return places or [i for i, column in enumerate(data.columns) if column.name != "STUDYID"]


@page("/studies/{study}/listings/{listing}", READERS, subjects=True)
def get_listing(page_request: PageRequest) -> Answer:
    """Show a page of a listing's rows, as chosen."""
    listing, latest = _listing(page_request), rows.publication(page_request.view)
    source = rows.source(page_request.view, latest, listing.data_name)
    head, selection = rows.head(source), _selection(page_request)
    columns = _shown(page_request, head)
    if selection.is_everything:
        visible, summary, turning = _as_they_stand(page_request, source)
    else:
        visible, summary, turning = _as_chosen(page_request, source, selection)
    body = [
        html("<p>{} \u00b7 {}</p>\n", bdi(listing.title), bdi(listing.population)),
        _form(page_request, head, columns),
        html(
            "<p>{} They are of the last publication, which counts {} records: events of the last"
            " minute may not be among them.</p>\n",
            summary,
            escape(f"{latest['events']:,}"),
        ),
        _table(page_request, listing, head, columns, visible),
        turning,
        unordered(map(escape, listing.footnotes), "notes"),
        _downloads(page_request, listing, latest["files"]),
    ]
    crumbs = [Crumb("Listings", page_request.link("listings"))]
    return frame.page_answer(page_request, f"Listing {listing.id}", body, crumbs=crumbs)


def _as_they_stand(page_request: PageRequest, source: Source) -> tuple[list[Row], Html, Html]:
    """Return a page of all rows, which rows they are, and the way to the next."""
    records, number = rows.head(source).records, page_request.number("row", 1, 10**9)
    part = rows.page_from(source, page_request.number("at", 0, 10**12), _ROWS)
    last = number + len(part.rows) - 1
    summary = html("Rows {} to {} of {}.", number if part.rows else 0, last, escape(f"{records:,}"))
    if not part.next_start:
        return part.rows, summary, EMPTY
    following = page_request.again(at=str(part.next_start), row=str(last + 1))
    return part.rows, summary, _next(following)


def _as_chosen(
    page_request: PageRequest, source: Source, selection: Selection
) -> tuple[list[Row], Html, Html]:
    """Return a page of the rows that are chosen, how many there are, and the way to others."""
    selected_rows = rows.chosen(source, selection)
    last_page = max(-(-len(selected_rows) // _ROWS), 1)
    number = min(page_request.number("page", 1, _MOST_PAGES), last_page)
    visible = [*rows.rows_of(source, selected_rows[(number - 1) * _ROWS : number * _ROWS])]
    summary = html(
        "{} of {} rows, page {} of {}.",
        escape(f"{len(selected_rows):,}"),
        escape(f"{rows.head(source).records:,}"),
        number,
        last_page,
    )
    return visible, summary, _turning(page_request, number, last_page)


def _form(page_request: PageRequest, data: Head, columns: Sequence[int]) -> Html:
    """Write the form that chooses rows and columns; it is sent as an address, so it can be kept."""
    filters = joined(_filter(page_request, data, number) for number in range(1, _FILTERS + 1))
    checks = joined(
        html(
            '<label><input type="checkbox" name="show" value="{}"{}>{}</label>',
            escape(column.name),
            html(" checked") if place in columns else EMPTY,
            bdi(column.label),
        )
        for place, column in enumerate(data.columns)
    )
    sort = page_request.parameter("sort")
    sort_field = (
        html('<input type="hidden" name="sort" value="{}">', escape(sort)) if sort else EMPTY
    )
    return html(
        '<form class="panel" method="get" action="{}">\n<div class="fields">'
        '<label>Any column contains <input name="any" value="{}"></label>{}{}</div>\n'
        '<details><summary>Columns</summary><fieldset><legend>Show</legend><div class="checks">{}'
        '</div></fieldset></details>\n<p class="pages"><button class="main">Show these</button>'
        ' <a href="{}">All rows and columns</a></p>\n</form>\n',
        escape(page_request.request.path),
        escape(page_request.parameter("any")),
        filters,
        sort_field,
        checks,
        escape(page_request.request.path),
    )


def _filter(page_request: PageRequest, data: Head, number: int) -> Html:
    column, comparison = (
        page_request.parameter(f"column{number}"),
        page_request.parameter(f"how{number}"),
    )
    names = [("", "\u2013"), *((column.name, column.label) for column in data.columns)]
    return html(
        '<fieldset><legend>And</legend><div class="fields">{}{}'
        '<label>Value <input name="value{}" value="{}" size="12"></label></div></fieldset>',
        frame.select(f"column{number}", "Column", names, column),
        frame.select(f"how{number}", "Comparison", list(COMPARISONS.items()), comparison),
        number,
        escape(page_request.parameter(f"value{number}")),
    )


def _table(
    page_request: PageRequest,
    listing: ListingDefinition,
    data: Head,
    columns: Sequence[int],
    visible: Sequence[Row],
) -> Html:
    subject_columns = {column.id for column in listing.columns if column.source == "subject"}
    heads = [_head(page_request, data.columns[place]) for place in columns]

    def cells() -> Iterator[list[Html]]:
        for row in visible:
            yield [
                _cell(page_request, row[place], data.columns[place].name in subject_columns)
                for place in columns
            ]

    return frame.data_table(listing.title, heads, cells(), "No row is as chosen.")


def _head(page_request: PageRequest, column: DataColumn) -> Html:
    """Write a column's head as the link that sorts by it, or the other way round."""
    sort = page_request.parameter("sort")
    arrow = {column.name: " \u2191", f"-{column.name}": " \u2193"}.get(sort, "")
    sort_link = f"-{column.name}" if sort == column.name else column.name
    link = page_request.again(sort=sort_link, page="", at="", row="")
    return html('<a href="{}">{}{}</a>', link, bdi(column.label), escape(arrow))


def _cell(page_request: PageRequest, value: Any, is_subject: bool) -> Html:  # noqa: ANN401, FBT001
    if value is None:
        return DASH
    if is_subject:
        link = page_request.link("subjects", str(value))
        return html('<a href="{}">{}</a>', link, escape(value))
    return bdi(value)


def _turning(page_request: PageRequest, number: int, last_page: int) -> Html:
    links = []
    if number > 1:
        before = page_request.again(page=str(number - 1))
        links.append(html('<a class="button" rel="prev" href="{}">Earlier rows</a>', before))
    if number < last_page:
        return _next(page_request.again(page=str(number + 1)), *links)
    return html('<p class="pages">{}</p>\n', joined(links, html(" "))) if links else EMPTY


def _next(following: Html, *before: Html) -> Html:
    link = html('<a class="button" rel="next" href="{}">Next rows</a>', following)
    return html('<p class="pages">{}</p>\n', joined((*before, link), html(" ")))


def _downloads(page_request: PageRequest, listing: ListingDefinition, files: Iterable[str]) -> Html:
    query = page_request.request.query
    csv_path = escape(f"{page_request.path('listings', listing.id, 'csv')}?{query}".rstrip("?"))
    dataset, parquet = (
        page_request.link("documents", "live", "datasets", f"{listing.data_name}.{ending}")
        for ending in ("ndjson", "parquet")
    )
    return html(
        '<p class="pages"><a class="button" href="{}">Download these rows as CSV</a>'
        ' <a href="{}">The whole listing as CDISC Dataset-JSON</a>'
        ' <a href="{}">as Parquet</a>{}</p>\n',
        csv_path,
        dataset,
        parquet,
        joined(
            html(' <a href="{}">{}</a>', page_request.link("documents", "live", name), escape(name))
            for name in parts_among(listing.data_name, files)
        ),
    )


@page("/studies/{study}/listings/{listing}/csv", READERS, subjects=True, action=DOWNLOAD)
def get_csv(page_request: PageRequest) -> Answer:
    """Answer with the rows and columns that are chosen, all pages of them, as CSV."""
    listing, latest = _listing(page_request), rows.publication(page_request.view)
    source = rows.source(page_request.view, latest, listing.data_name)
    head, selection = rows.head(source), _selection(page_request)
    columns = _shown(page_request, head)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([head.columns[place].name for place in columns])
    for values in rows.rows_of(source, rows.chosen(source, selection)):
        writer.writerow([_csv_value(values[place], head.columns[place]) for place in columns])
        if text.tell() > MOST_BYTES:
            detail = "Choose fewer rows or columns, or take the whole listing as Dataset-JSON."
            raise Rejected(422, "Too much for one download", detail)
    name = f"{page_request.study}-{listing.data_name}.csv"
    return documents.attachment(name, "text/csv; charset=utf-8", text.getvalue())


def _csv_value(value: Any, column: DataColumn) -> str:  # noqa: ANN401 (JSON)
    """Write a value; a text that a spreadsheet would run as a formula is kept from it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not column.is_number else text
