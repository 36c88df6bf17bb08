"""Every table of a workbook follows from the listings of the same workbook.

The workbook is read as it is published, by openpyxl alone; numbers are recounted, rounded and
compared without anything of the service.
"""

from functools import cache

import builders
import pytest
from recounting import sheets, tmb301
from recounting.claims import Outcome, compare

PREFIXES = [0, 40, 700, 1500, 2226]


@cache
def tmb301_workbook(events: int) -> bytes:
    report = builders.report_of(builders.tmb301(), builders.feed()[:events])
    return builders.files_of(report)["listings.xlsx"]


def tmb301_outcome(workbook: bytes) -> Outcome:
    book = sheets.read(workbook)
    return compare(tmb301.recount(book), book)


@pytest.mark.parametrize("events", PREFIXES)
def test_every_number_of_every_table_of_tmb_301_is_recounted(events):
    outcome = tmb301_outcome(tmb301_workbook(events))
    assert outcome.differences == []
    assert outcome.uncompared == []
    assert outcome.compared > (600 if events == PREFIXES[-1] else 100)
