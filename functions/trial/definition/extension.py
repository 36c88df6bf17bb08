"""What a resolved definition says of the shipped pieces that it was made with."""

from typing import Annotated

from pydantic import Field

from trial.definition.base import Model, Name


class ExtendedPiece(Model):
    """A shipped piece that the definition extends: its name, and the digest of its text.

    It tells which release of a piece the parts come from; they stand in the definition themselves.
    """

    piece: Name
    digest: Annotated[str, Field(max_length=64)]
