"""The subjects behind a number, over the API: of cells, key results, boxes and marks of figures.

Each for now or, with `cut`, as a report saw it.
"""

from typing import Any
from urllib.parse import quote, urlencode

import wiring
from trial.definition.study import Study
from trial.errors import invalid_parameter
from trial.events.blinding import UNBLINDED
from trial.reporting import tracing
from trial.reporting.tracing import numbers, people
from trial.web import pagination, routing
from trial.web.read_routes import read_route
from trial.web.routing import Answer, Request


@read_route("tables/{table}/subjects")
def get_cell_subjects(request: Request, view: Study, table: str) -> Answer:
    """List the subjects in a cell, why they are, and by which records; or in a column's N.

    The ids of rows hold slashes, so `row` and `column` are query parameters; without `row` it is
    the denominator of the column.
    """
    among = _people(request, view)
    row = request.query.get("row", "")
    number = numbers.cell_number(among.view, table, row, _required(request, "column"))
    return _answer(request, among, number, _statistic(request))


@read_route("summary/subjects")
def get_key_result_subjects(request: Request, view: Study) -> Answer:
    """List the subjects in a key result (`key_result`), why they are, and by which records."""
    among = _people(request, view)
    name = _required(request, "key_result")
    number, statistic = numbers.key_result_number(among.view, name)
    return _answer(request, among, number, _statistic(request) or statistic)


@read_route("consort/subjects")
def get_box_subjects(request: Request, view: Study) -> Answer:
    """List the subjects in a box of the flow (`box`), why they are, and by which records."""
    among, statistic = _people(request, view), _statistic(request)
    query = request.query
    number, statistic = numbers.box_number(
        among.view, _required(request, "box"), query.get("arm", ""), query.get("reason"), statistic
    )
    return _answer(request, among, number, statistic)


@read_route("figures/{figure}/subjects")
def get_mark_subjects(request: Request, view: Study, figure: str) -> Answer:
    """List the subjects at a mark of a figure (`series`, `mark`), why, and by which records."""
    among, statistic = _people(request, view), _statistic(request)
    series, mark = _required(request, "series"), request.query.get("mark", "")
    number, statistic = numbers.mark_number(among.view, figure, series, mark, statistic)
    return _answer(request, among, number, statistic)


def _people(request: Request, view: Study) -> people.People:
    """Return the subjects as they are now or, with `cut`, as a report or cut saw them."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    return people.people(store, documents, reports, view, request.query.get("cut", ""))


def _required(request: Request, name: str) -> str:
    if not (value := request.query.get(name, "")):
        raise invalid_parameter(name, "must be given")
    return value


def _statistic(request: Request) -> str:
    return tracing.check_statistic(request.query.get("statistic", ""))


def _answer(
    request: Request, among: people.People, number: numbers.Number, statistic: str
) -> Answer:
    """Answer a page of the subjects of a number, each with the call for the rows of its records."""
    document = tracing.trace(among, number, statistic, request.query.get("after", ""))
    start = f"/studies/{quote(among.view.id)}/"
    if request.resource.startswith(f"/studies/{{study}}/{UNBLINDED}/"):
        start += f"{UNBLINDED}/"
    for subject in document["subjects"]:
        subject["history"] = _history(start, subject)
    document["next"] = document["next"] and pagination.next_call(request, after=document["next"])
    return routing.json_answer(document)


def _history(start: str, subject: dict[str, Any]) -> str | None:
    """Return the call that gives the journal rows of the records that decided a subject."""
    names = [f"{record['kind']}/{record['record']}" for record in subject["records"]]
    if not names:
        return None
    query = urlencode({"records": ",".join(names)}, safe="/,:")
    return f"{start}subjects/{quote(subject['subject'])}/history?{query}"
