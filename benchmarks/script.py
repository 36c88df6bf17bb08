"""The batch script: of a study's records tables by pandas, and the workbook by XlsxWriter.

Run as a process, which loads nothing of the service: `python -m benchmarks.script RECORDS
[WORKBOOKS]`, both JSON. Prints the cells and the CPU seconds from the process's start, in all and
for the tables alone.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter

from benchmarks import by_pandas

type Sheets = Mapping[str, Sequence[Sequence[Any]]]
"""The rows of a workbook's sheets."""


def write(sheets: Sheets) -> bytes:
    """Write a workbook without a format."""
    file = BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return file.getvalue()


def main(records: str, workbooks: str = "") -> None:
    """Make the tables, and the workbooks whose rows are named."""
    frames = by_pandas.load(json.loads(Path(records).read_text("utf-8")))
    began = time.process_time()
    cells = by_pandas.tables(frames)
    tables = time.process_time() - began
    for sheets in json.loads(Path(workbooks).read_text("utf-8")) if workbooks else ():
        write(sheets)
    seconds = time.process_time()
    found = [[*cell, float(value)] for cell, value in cells.items()]
    print(json.dumps({"cells": found, "seconds": seconds, "tables": tables}))


if __name__ == "__main__":
    main(*sys.argv[1:])
