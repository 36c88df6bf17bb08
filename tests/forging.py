"""What somebody can do to a cut who knows how everything is computed, and has no key.

A forgery takes the files of a cut and changes them in place; hashes, chains and digests that the
forger can compute follow, so that only what cannot be computed is left to tell.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl
import signing

from local import journals
from trial.render import parquet
from trial.render.parquet import pages
from trial.render.parquet.pages import ColumnType
from trial.reporting import attestation
from trial.reporting.signing import Signer

type Files = dict[str, bytes]
type Row = dict[str, Any]
type Forgery = Callable[[Files], None]

DATASET, PARQUET = "datasets/l1627.ndjson", "datasets/l1627.parquet"


def data(files: Files, name: str) -> Any:
    return json.loads(files[name])


def put(files: Files, name: str, value: Any) -> None:
    files[name] = json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def adjust(files: Files) -> None:
    """Make the manifest name the files as they are now."""
    manifest = data(files, "manifest.json")
    for file in manifest["files"]:
        if content := files.get(file["name"]):
            file |= {"size": len(content), "sha256": sha256(content).hexdigest()}
    put(files, "manifest.json", manifest)


def replaced(name: str, old: bytes, new: bytes) -> Forgery:
    """Change a file in one place."""

    def forge(files: Files) -> None:
        content = files[name]
        if name.endswith(".xlsx"):
            files[name] = _in_workbook(content, old, new)
        elif name.endswith(".parquet"):
            files[name] = _in_parquet(content, old.decode(), new.decode())
        else:
            assert old in content, name
            files[name] = content.replace(old, new, 1)
        adjust(files)

    return forge


def everywhere(old: str, new: str) -> Forgery:
    """Change a text in every document that shows it."""

    def forge(files: Files) -> None:
        kept_prefixes = ("audit", "heads", "manifest", "changes")
        names = [name for name in files if not name.startswith(kept_prefixes)]
        count = 0
        for name in names:
            if name.endswith(".xlsx"):
                files[name] = _in_workbook(files[name], old.encode(), new.encode())
            elif name == PARQUET:
                files[name] = _in_parquet(files[name], old, new)
            elif old.encode() in files[name]:
                files[name] = files[name].replace(old.encode(), new.encode())
                count += 1
        assert count
        adjust(files)

    return forge


def _in_workbook(content: bytes, old: bytes, new: bytes) -> bytes:
    buffer, is_there = BytesIO(), False
    with ZipFile(BytesIO(content)) as before, ZipFile(buffer, "w", ZIP_DEFLATED) as after:
        for item in before.infolist():
            member = before.read(item)
            is_there = is_there or old in member
            after.writestr(item, member.replace(old, new, 1))
    assert is_there
    return buffer.getvalue()


def _in_parquet(content: bytes, old: str, new: str) -> bytes:
    """Change every text that holds another, in a file as the service writes them."""
    table, described = pl.read_parquet(content), pl.read_parquet_metadata(content)
    columns = {name: _STORED[kind] for name, kind in table.schema.items()}
    values = [[_stored(value, old, new) for value in column] for column in table.get_columns()]
    packed = pages.pack([*columns.values()], values)
    forged = b"".join(parquet.file(columns, [packed], described))
    assert not pl.read_parquet(forged).equals(table)
    return forged


_STORED: dict[pl.DataType | type[pl.DataType], ColumnType] = {
    pl.String: ColumnType.TEXT, pl.Int64: ColumnType.INTEGER,
    pl.Float64: ColumnType.NUMBER, pl.Date: ColumnType.DAY,
}  # fmt: skip


def _stored(value: Any, old: str, new: str) -> Any:
    if value is None or isinstance(value, int):
        return value
    return str(value).replace(old, new)


def without(name: str, *, in_directory: bool = False) -> Forgery:
    """Take a file out of the manifest, and out of the directory unless it stays there."""

    def forge(files: Files) -> None:
        manifest = data(files, "manifest.json")
        manifest["files"] = [file for file in manifest["files"] if file["name"] != name]
        put(files, "manifest.json", manifest)
        if not in_directory:
            del files[name]

    return forge


def stated(name: str, *path: str, value: Any) -> Forgery:
    """Change what a JSON file says at a place."""

    def forge(files: Files) -> None:
        whole = node = data(files, name)
        for step in path[:-1]:
            node = node[step]
        assert node.get(path[-1]) != value
        node[path[-1]] = value
        put(files, name, whole)

    return forge


def both(name: str, *path: str, other: tuple[str, ...], value: Any) -> Forgery:
    """Change what two files say alike."""

    def forge(files: Files) -> None:
        stated(name, *path, value=value)(files)
        stated(*other, value=value)(files)

    return forge


def swap_definition(files: Files) -> None:
    definition = data(files, "definition.json")
    definition["title"] = "Another trial"
    files["definition.json"] = journals.canonical(definition).encode()
    adjust(files)
    digest = sha256(files["definition.json"]).hexdigest()[:32]
    stated("manifest.json", "cut", "definition", value=digest)(files)


# Journals


def journal(change: Callable[[list[Row]], None], *, stamps: bool = True) -> Forgery:
    """Change the rows of a cut, and all that follows from them but what is printed of them."""

    def forge(files: Files) -> None:
        rows = [json.loads(line) for line in files["audit.ndjson"].splitlines()]
        received = [row["stamp"] for row in rows]
        change(rows)
        if not stamps:  # they go with their events
            rows[0]["stamp"], rows[1]["stamp"] = received[1], received[0]
        heads = data(files, "heads.json")
        heads["subjects"] = _sealed(rows)
        lines = (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        files["audit.ndjson"] = b"".join(lines)
        manifest = data(files, "manifest.json")
        manifest["cut"]["accepted"] = len(rows)
        heads["content_root"] = journals.content_root(rows)
        manifest["cut"]["content_root"] = heads["content_root"]
        put(files, "manifest.json", manifest)
        put(files, "heads.json", heads)

    return forge


def _sealed(rows: list[Row]) -> dict[str, Any]:
    """Give rows their numbers and hashes anew, and the heads they end in."""
    heads: dict[str, Any] = {}
    for row in rows:
        head = heads.get(row["subject"], {"version": 0, "head": journals.GENESIS})
        row |= {"version": head["version"] + 1, "previous": head["head"]}
        row["hash"] = journals.sealed(row)
        heads[row["subject"]] = {"version": row["version"], "head": row["hash"]}
    return heads


def change_event(rows: list[Row]) -> None:
    row = next(row for row in rows if '"result"' in row["body"])
    event = json.loads(row["body"])
    event["data"]["result"] = "121"
    row["body"] = json.dumps(event)
    journals._read.cache_clear()
    row["digest"] = journals._read(row["body"], normal=True)["digest"]  # type: ignore[index]


def drop_event(rows: list[Row]) -> None:
    del rows[next(i for i, row_ in enumerate(rows) if row_["kind"] == "lab.result.reported")]


def drop_subject(rows: list[Row]) -> None:
    rows[:] = [row for row in rows if row["subject"] != rows[0]["subject"]]


def add_event(rows: list[Row]) -> None:
    last = max(i for i, row_ in enumerate(rows) if row_["subject"] == rows[0]["subject"])
    row = next(row for row in rows if '"result"' in row["body"])
    body = row["body"].replace(row["record"], "SBP-9")
    digest = journals._read(body, normal=True)["digest"]  # type: ignore[index]
    own_values = {
        "body": body,
        "record": "SBP-9",
        "digest": digest,
        "stamp": "2031-01-01T00:00:00.0Z",
    }
    rows.insert(
        last + 1, rows[last] | {name: row[name] for name in ("kind", "revision")} | own_values
    )
    rows[last + 1] |= {name: row[name] for name in ("event_id", "source", "time", "texts")}


def reorder(rows: list[Row]) -> None:
    """Exchange two events of a subject that may come in any order, with their stamps."""
    first, second = rows[0], rows[1]
    stamps = first["stamp"], second["stamp"]
    rows[0], rows[1] = second | {"stamp": stamps[0]}, first | {"stamp": stamps[1]}


def backdate(rows: list[Row]) -> None:
    rows[0]["stamp"] = "2020-01-01T00:00:00.000000Z"


def change_principal(rows: list[Row]) -> None:
    rows[-1]["principal"] = "arn:aws:iam::123456789012:role/somebody-else"


# Signatures


def statement(*path: str, value: Any) -> Forgery:
    """Change what is stated and leave the signature."""

    def forge(files: Files) -> None:
        envelope = data(files, "manifest.sig.json")
        payload = json.loads(b64decode(envelope["payload"]))
        node = payload
        for step in path[:-1]:
            node = node[step]
        assert node[path[-1]] != value
        node[path[-1]] = value
        envelope["payload"] = b64encode(journals.canonical(payload).encode()).decode()
        put(files, "manifest.sig.json", envelope)

    return forge


def signed_by_another(files: Files) -> None:
    """State what is there now, and sign that with a key of one's own."""
    manifest = data(files, "manifest.json")
    for name in ("manifest.sig.json", "changes.sig.json"):
        payload_read = json.loads(b64decode(data(files, name)["payload"]))
        for file in payload_read["subject"]:
            file["digest"]["sha256"] = sha256(files[file["name"]]).hexdigest()
        payload_read["predicate"] |= {
            "cut": manifest["cut"]["id"],
            "content_root": manifest["cut"]["content_root"],
        }
        payload = journals.canonical(payload_read).encode()
        signature = Signer(signing.KeyInMemory(), "").sign(attestation.signed_bytes(payload))
        files[name] = attestation.envelope(payload, signature)
