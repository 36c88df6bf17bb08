"""Texts as bytes, small from their first word on: zlib starts from a dictionary."""

import zlib

_WINDOW, _MEMORY, _LEVEL = 14, 8, 9  # the dictionary and a subject's text fit into 16 KB


def deflate(text: str, dictionary: bytes) -> bytes:
    """Write a text as bytes."""
    # The slowest level: capacity is billed by the kilobyte, at each write and each read.
    packing = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary
    )
    return packing.compress(text.encode()) + packing.flush()


def inflate(body: bytes, dictionary: bytes) -> tuple[str, bytes]:
    """Return the text and what follows it; zlib refuses a wrong dictionary and damaged bytes."""
    unpacking = zlib.decompressobj(zdict=dictionary)
    # The stream knows its own end, so what follows it needs no length of its own.
    text = unpacking.decompress(body) + unpacking.flush()
    return text.decode(), unpacking.unused_data
