"""TMB-301's tables, recounted from the listings of the same workbook.

The rules that a reviewer needs beyond the listings' columns stand here and beside, as the protocol
and the tables' footnotes have them: who is in a set, what a responder is, which events count.
"""

from recounting import tmb301_efficacy, tmb301_safety, tmb301_subjects
from recounting.claims import Claims
from recounting.sheets import WAITS, Book, Line


def recount(book: Book) -> Claims:
    """Recount every table."""
    claims, rows = Claims(book=book), book.listings
    subjects: dict[str, Line] = {}
    for listing in ("16.2.4", "16.2.4.2", "16.2.6.3"):
        for row in rows[listing]:
            result = subjects.setdefault(row["Subject"], {WAITS: set()})
            result.update(row | {WAITS: result[WAITS] | row[WAITS]})
    enrolled = [subject for subject in subjects.values() if subject["Enrolled"]]
    treated = [subject for subject in subjects.values() if subject["First infusion"]]
    tmb301_subjects.recount(claims, rows, enrolled, treated)
    tmb301_efficacy.recount(claims, rows, enrolled)
    tmb301_safety.recount(claims, rows, treated)
    return claims
