"""A study's records laid out by kind, a list a column, as a data frame would be made of them.

Texts are as they were posted: reading dates and results is part of what is timed. Every subject
is enrolled once, no result lies above quantification, what is tabulated is measured in the
laboratory alone, and events end on full dates: `by_pandas` and `by_polars` need not handle more,
and the layout fails where that is not so.
"""

from collections.abc import Iterable

from benchmarks.tmb301 import CONTACTS, Columns
from trial.events.kinds import DECIDING_DATE
from trial.subject.fold import Record, Subject

PARAMETERS = ("viral-load", "cd4")
CHARACTERISTICS = ("years-since-diagnosis", "insti-resistant", "oss", "investigational-agent")
_FIELDS = {
    "subject.screened": ("date",),
    "screening.failed": ("reason",),
    "subject.enrolled": ("date", "age", "sex", "race", "ethnicity", "country", *CHARACTERISTICS),
    "dose.administered": ("start", "treatment"),
    "dose.missed": ("reason",),
    "deviation.recorded": ("category",),
    "regimen.started": ("date",),
    "lab.result.reported": ("parameter", "collected", "result"),
    "disposition.recorded": ("of", "status", "reason", "date"),
    "death.reported": ("date", "cause", "related"),
    "outcome.adjudicated": ("outcome",),
    "resistance.reported": ("drug", "susceptibility"),
    "adverse-event.reported": (
        "onset", "end", "grade", "serious", "seriousness", "causality", "action_taken", "outcome",
    ),
    "adverse-event.coded": ("adverse_event", "version", "soc", "pt"),
}  # fmt: skip


def empty() -> dict[str, Columns]:
    """Give the layout without a record."""
    fields_of = {kind: ("subject", "record", *fields) for kind, fields in _FIELDS.items()}
    fields_of[CONTACTS] = ("subject", "day")
    return {kind: {name: [] for name in names} for kind, names in fields_of.items()}


def lay_out(into: dict[str, Columns], subjects: Iterable[Subject]) -> None:
    """Add subjects' live records; subjects are numbered, which joins faster than their ids."""
    for number, subject in enumerate(subjects, len(into["subject.enrolled"]["subject"])):
        kinds = [record.kind for record in subject.records.values() if not record.void]
        assert kinds.count("subject.enrolled") == 1
        assert "subject.superseded" not in kinds
        for record in subject.records.values():
            if not record.void:
                _add(into, number, record)


def _add(into: dict[str, Columns], subject: int, record: Record) -> None:
    data = record.data | record.data.get("characteristics", {})
    if record.kind in _FIELDS:
        columns = into[record.kind]
        columns["subject"].append(subject)
        columns["record"].append(record.record)
        for name in _FIELDS[record.kind]:
            columns[name].append(_plain(data.get(name)))
    assert not data.get("result", "").startswith(">")
    assert not any(
        measurement["parameter"] in PARAMETERS for measurement in data.get("measurements", ())
    )
    if not record.kind.endswith(".missed"):
        for name in (DECIDING_DATE.get(record.kind, "date"), "end"):
            if text := data.get(name):
                assert name != "end" or len(text) >= len("YYYY-MM-DD")
                into[CONTACTS]["subject"].append(subject)
                into[CONTACTS]["day"].append(text)


def _plain(value: object) -> object:
    """Leave texts, truths and lists; a number becomes a float."""
    if value is None or isinstance(value, str | bool):
        return value
    return list(value) if isinstance(value, list | tuple) else float(value)  # type: ignore[arg-type]
