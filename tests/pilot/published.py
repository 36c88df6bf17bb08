"""What the report of the CDISC pilot prints, and where it is known to print something else.

`published.json` holds the numbers of a public report, not its data: counts, percentages and P
values as they stand there; of tables 14-2.01 and 14-3.10 the cells that a recomputation from the
published analysis data sets confirmed, with the exceptions as printed.
"""

import json
from pathlib import Path
from typing import Any, Final

PUBLISHED: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("published.json").read_text(encoding="utf-8")
)

PRINTED_DOWN = {  # exact ties at the next place, which half up rounds the other way
    ("duration-of-disease", "placebo", "mean"): "42.7",
    ("duration-of-disease", "xanomeline-low", "median"): "40.3",
    ("duration-of-disease", "total", "median"): "36.3",
    ("weight", "placebo", "median"): "60.6",
    ("height", "total", "median"): "162.9",
}
"""Cells of table 14-2.01 that the data give otherwise, and what they give."""

COUNTED_WITHOUT_VALUE = {
    ("bmi", "below 25", "xanomeline-low"): 46,
    ("bmi", "below 25", "total"): 149,
}
"""The source counts a missing body mass index as below 25."""

ROUNDED_TWICE = {
    ("VOMITING", "xanomeline-high"),
    ("SALIVARY HYPERSECRETION", "xanomeline-high"),
    ("APPLICATION SITE ERYTHEMA", "xanomeline-high"),
    ("SYNCOPE", "xanomeline-low"),
}
"""P values that were rounded to four places and then to three."""
