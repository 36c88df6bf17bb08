"""Digests of what is rendered, which another process must come to as well."""

import hashlib

import builders
import samples

from trial.render.figures import figure_svg
from trial.tables.figures import figures


def of_files() -> list[dict[str, str]]:
    """Hash every file of two reports."""
    return [
        {
            name: hashlib.sha256(content).hexdigest()
            for name, content in builders.files_of(report, None, "c0de").items()
        }
        for report in (samples.trial(), samples.hostile())
    ]


def of_figures() -> str:
    """Hash the pictures of TMB-301."""
    study = builders.tmb301()
    sums = builders.sums_of(study, builders.subjects(builders.feed()))
    return hashlib.sha256("".join(map(figure_svg, figures(study, sums))).encode()).hexdigest()
