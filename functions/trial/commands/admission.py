"""Whether a definition may come into force: bounded, sound, and fit for all that is made of it."""

from functools import lru_cache

from trial.commands.abridging import abridged
from trial.definition import size_limits
from trial.definition.study import Study
from trial.errors import Rejected, error_location
from trial.events import json_body
from trial.render.documents import render
from trial.reporting import report
from trial.tables import checking
from trial.tables.checking import locations
from trial.tables.compiled import stored_rows

_TITLE = "Definition not accepted"


def admit_for(study_id: str, source: bytes) -> Study:
    """Read a definition that is to be one study's; raises `Rejected` where it is of another."""
    admitted = admit(source)
    if admitted.id != study_id:
        detail = f"`study` must equal the study in the URL, {study_id}; it is {admitted.id}"
        raise Rejected(422, _TITLE, detail)
    return admitted


@lru_cache(maxsize=64)
def admit(source: bytes) -> Study:
    """Read a definition; raises `Rejected` naming every path at fault.

    What is too much is refused before it is worked on. In the end its documents are made of no
    records at all and of some rows of each form: what breaks a rendering then would break all.
    """
    if len(source) > size_limits.MAX_BYTES:
        raise Rejected(
            413,
            "Definition too large",
            f"a definition may have at most {size_limits.MAX_BYTES} bytes",
        )
    value = json_body.read_posted(source)
    if faults := tuple(size_limits.limit_errors(value)):
        raise Rejected(422, _TITLE, "", *locations.in_document_order(value, faults))
    study = checking.read_definition(source)
    for view, few_rows in zip(study.views, abridged(study).views, strict=True):
        _rehearse(view, few_rows)
    return study


def _rehearse(study: Study, few_rows: Study) -> None:
    """Place the study's cells; make every document of few of its rows, and keep none."""
    try:
        stored_rows(study)
        for file in render(report.report(few_rows, [], {}), few_rows):
            for _piece in file.content:
                pass
    except Exception as error:
        error_name, location = type(error).__name__, error_location(error)
        detail = (
            "the service failed to make a document of it, which is an error of the service:"
            f" report {error_name} in {location}"
        )
        raise Rejected(422, _TITLE, detail) from error
