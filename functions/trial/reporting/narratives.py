"""The narratives of one subject as they are now, as data."""

from typing import Any

from trial.definition.study import Study
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables import narratives
from trial.tables.compiled import compiled

type Document = dict[str, Any]


def narratives_document(view: Study, subject: Subject) -> Document:
    """Return a subject's narratives as the audience of a study may read them; often none."""
    return {
        "study": view.id,
        "audience": view.audience,
        "subject": subject.id,
        "narratives": [
            {"id": part.id, "title": part.title, "paragraphs": paragraphs}
            for part in narratives.narratives(compiled(view), [Derivation(view, subject)])
            for _, *paragraphs in part.rows
        ],
    }
