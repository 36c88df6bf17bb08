"""JSON Pointers (RFC 6901): how a name is written as a part of one, and read back."""

from collections.abc import Iterator


def escape(name: str | int) -> str:
    """Return a member's name, or an index, as a part of a pointer."""
    text = str(name)
    if "~" in text or "/" in text:  # hardly ever, and definitions have ten thousand names
        return text.replace("~", "~0").replace("/", "~1")
    return text


def unescape(token: str) -> str:
    """Return the name that a part of a pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def parts(pointer: str) -> Iterator[str]:
    """List the names on the way down a pointer."""
    return map(unescape, pointer.split("/")[1:])
