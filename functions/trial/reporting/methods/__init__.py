"""Methods: how a study's numbers are counted, in words that suffice to count them again.

Written from the definition by code, so that the words cannot differ from what is counted. They know
no record of any subject; of a blinded study the open audience's are of the pooled definition.
"""

from trial.definition import Definition
from trial.reporting.methods import design, outputs, records, rows, statistics, values
from trial.reporting.methods.wording import Wording
from trial.tables.grid import Section


def methods(definition: Definition) -> tuple[Section, ...]:
    """Write the Methods of a definition: its parts in the order in which a recount needs them."""
    words = Wording(definition)
    parts = (
        *records.sections(definition),
        *design.sections(definition, words),
        *values.sections(definition, words),
        *rows.sections(definition, words),
        *statistics.sections(definition, words),
        *outputs.sections(definition, words),
    )
    return tuple(section for section in parts if section.rows)
