"""What the pilot's subjects took beside the study's treatment, as recorded and as coded."""

from collections.abc import Iterator

from pilot.writing import CODING, Event, Row, after, event, last_day, rows, sdtm

UNCODED = "UNCODED"
ATC_CODES = {
    "ALIMENTARY TRACT AND METABOLISM": "A",
    "ANTINEOPLASTIC AND IMMUNOMODULATING AGENTS": "L",
    "BLOOD AND BLOOD FORMING ORGANS": "B",
    "CARDIOVASCULAR SYSTEM": "C",
    "DERMATOLOGICALS": "D",
    "GENITO URINARY SYSTEM AND SEX HORMONES": "G",
    "NERVOUS SYSTEM": "N",
    "RESPIRATORY SYSTEM": "R",
    "SYSTEMIC HORMONAL PREPARATIONS, EXCL.": "H",
}
"""The anatomical groups of the classification by the names that the data set has for them."""


def medications() -> Iterator[Event]:
    """Give each record of a medication and, of those that are coded, the coding.

    A medication is recorded at every visit at which it is taken, each time as a record.
    """
    events = [item for row in rows(sdtm("cm")) for item in _medication(row)]
    yield from sorted(events, key=lambda item: (item["time"], item["subject"], item["id"]))


def _medication(row: Row) -> Iterator[Event]:
    subject, record = row["USUBJID"], f"CM-{row['CMSEQ']:.0f}"
    start, end = row["CMSTDTC"], row["CMENDTC"]
    data = {
        "drug": row["CMTRT"],
        "indication": row["CMINDC"],
        "start": start,
        "end": end,
        "amount": _amount(row["CMDOSE"]),
        "unit": row["CMDOSU"],
        "frequency": row["CMDOSFRQ"],
        "route": row["CMROUTE"],
    }
    visit = row["CMDTC"]
    later = [last_day(day) for day in (start, end) if day and day > visit[: len(day)]]
    last_visit = max([visit, *later])
    yield event("conmed.recorded", subject, record, after(last_visit), data)
    if row["CMDECOD"] != UNCODED:
        coding = {
            "medication": record,
            "dictionary": "WHODrug",
            "version": "not reported",
            "preferred_name": row["CMDECOD"],
            "atc": [{"code": ATC_CODES[row["CMCLAS"]], "atc1": row["CMCLAS"]}],
        }
        yield event("conmed.coded", subject, record, after(last_visit, 4), coding, CODING)


def _amount(value: float | None) -> float | None:
    """Take an amount without the noise of its storage: one reads 0.39999999999999997."""
    return None if value is None else float(f"{value:.9g}")
