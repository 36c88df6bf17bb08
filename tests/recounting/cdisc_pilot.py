"""The CDISC pilot's tables, recounted from the listings of the same workbook."""

from recounting import cdisc_pilot_efficacy, cdisc_pilot_safety, cdisc_pilot_subjects
from recounting.cdisc_pilot_trial import Trial
from recounting.claims import Claims
from recounting.sheets import Book


def recount(book: Book) -> Claims:
    """Recount every table."""
    trial = Trial(book.listings, Claims())
    for part in (cdisc_pilot_subjects, cdisc_pilot_efficacy, cdisc_pilot_safety):
        for table in part.TABLES:
            table(trial)
    return trial.claims
