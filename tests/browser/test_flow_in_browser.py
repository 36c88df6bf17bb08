"""The picture of the flow as a browser sets it: a count reads from the left, whatever precedes."""

import builders
import pytest
from builders import disposition, enrolment

PLACES = """() => [...document.querySelectorAll('.flow text')]
  .filter(each => /\\(n = \\d+\\)$/.test(each.textContent))
  .map(each => {
    const told = each.textContent, from = told.lastIndexOf('(')
    const places = [...Array(told.length - from).keys()]
    return [told, places.map(i => each.getStartPositionOfChar(from + i).x)]
  })"""
TEXTS = ("\u202eSAFETY compromise", "\u05d0\u05d1\u05d2 7", "\u2069\u202eX")


@pytest.mark.parametrize("text", TEXTS)
def test_a_count_reads_from_the_left(opened, text):
    result = builders.report_of(builders.tiny(), [enrolment(), disposition(20, reason=text)])
    counted = opened(builders.files_of(result)["report.html"].decode()).ask(PLACES)
    assert any(value.endswith("(n = 1)") and "\u2068" in value for value, _ in counted)
    for outcome, places in counted:
        assert places == sorted(places), outcome
