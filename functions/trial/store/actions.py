"""What a transaction does: journal rows, a subject's row and its page, the gates and the sums."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from trial.events.fields import NORMAL
from trial.statistics import cells
from trial.store import cell_names, keys
from trial.store.encoding import sealing, subjects
from trial.store.generations import FENCED, MARKS, header_row, is_header
from trial.store.paging import FILLS, Row, write_page, write_pages
from trial.store.rows import (
    COMMITS,
    TICK,
    JournalRow,
    Receipt,
    stamp_text,
    write_journal,
)
from trial.store.subject_update import SubjectUpdate, Transaction
from trial.store.table import ABSENT, Action, Table, Value, binary, key, number, text

_SET_ROW = (
    "SET version = :version, head = :head, stamp = :stamp, #format = :format, body = :body,"
    " cipher_key = :cipher_key"
)
_SET_PAGES = ", pages = :pages, paged = :paged"


def actions(table: Table, study_id: str, part: Transaction, now: datetime) -> list[Action]:
    """Write a part's actions: each draft's journal rows and subject row, the gates, the sums.

    Stamps are taken from `now`, rising strictly within a subject.
    """
    made: list[Action] = []
    for each in part.drafts:
        made += _subject_actions(table, study_id, each, now)
    marks = {header_row(name) for each in part.drafts for name in each.marks}
    fence, shard = part.plan.fence, part.drafts[0].shard
    for row, change in part.changes.items():
        at = keys.sum_row(study_id, shard, row)
        made.append(add_to_row(table, at, row, change, fence, marked=row in marks))
    return made


def _subject_actions(
    table: Table, study_id: str, draft: SubjectUpdate, now: datetime
) -> Iterator[Action]:
    row, head, version, stamp = draft.row, draft.row.head, draft.row.version, draft.row.stamp
    for pending in draft.fresh:
        version += 1
        stamp = max(now, stamp + TICK)
        journal = _journal_row(pending.receipt, draft.cipher_key, version, stamp, head)
        head = journal.hash
        pending.tried.add(head)
        yield table.put(write_journal(journal, pending.receipt.entry), ABSENT)
    at = keys.subject(study_id, draft.shard, draft.task.subject)
    values = {
        "version": number(version),
        "head": binary(head),
        "stamp": text(stamp_text(stamp)),
        "format": number(subjects.FORMAT),
        "body": binary(draft.body),
        "cipher_key": binary(draft.cipher_key),
    }
    shares = {name: binary(share) for name, share in draft.shares.items()}
    expression = _SET_ROW
    if draft.pages != row.pages.numbers:
        values |= write_pages(draft.pages, draft.paged_length)
        expression += _SET_PAGES
    if row.shares is None:
        yield table.put(key(at) | values | {"shares": {"M": shares}}, ABSENT)
    else:
        yield update_subject_row(table, at, row, shares, expression, {"#format": "format"}, values)
    if draft.page is not None:
        yield table.put(write_page(keys.page(at, draft.pages[-1]), draft.page), ABSENT)


def update_subject_row(
    table: Table,
    at: keys.Key,
    row: Row,
    shares: Mapping[str, Value],
    expression: str,
    names: Mapping[str, str],
    values: Mapping[str, Value],
) -> Action:
    """Update a subject's row and shares on condition that it is as it was read."""
    placed = {f":{name}": value for name, value in values.items()} | {":seen": number(row.version)}
    placed |= {f":share{i}": share for i, share in enumerate(shares.values())}
    named = {f"#share{i}": name for i, name in enumerate(shares)}
    sets = [expression, *(f"shares.#share{i} = :share{i}" for i in range(len(shares)))]
    unchanged = f"version = :seen AND attribute_not_exists({FILLS})"
    if row.fills:
        unchanged = f"version = :seen AND {FILLS} = :filled"
        placed |= {":filled": number(row.fills)}
    return table.update(
        at,
        ", ".join(sets),
        unchanged,
        ExpressionAttributeNames={**names, **named},
        ExpressionAttributeValues=placed,
    )


def _journal_row(
    receipt: Receipt, cipher_key: bytes, version: int, stamp: datetime, previous: bytes
) -> JournalRow:
    entry = receipt.entry
    body, texts = sealing.seal(cipher_key, entry)
    row = JournalRow(
        study=entry.study,
        subject=entry.subject,
        kind=entry.kind,
        record=entry.record,
        revision=entry.revision,
        body=body,
        texts=texts,
        digest=entry.digest,
        event_id=entry.event_id,
        source=entry.source,
        time=entry.time,
        principal=receipt.principal,
        stamp=stamp_text(stamp),
        version=version,
        format=NORMAL,
        previous=previous,
    )
    return replace(row, hash=row.expected_hash())


def add_to_row(
    table: Table,
    at: keys.Key,
    row: str,
    change: cells.Cells,
    fence: int,
    *,
    marked: bool = False,
    seen: int | None = None,
) -> Action:
    """Add to a row of sums; a gate's fence must be of the plan that the writer knows.

    `seen`: and no transaction may have taken effect since the gate's commits were read.
    """
    additions, terms = _attributes(change)
    placed: dict[str, Value] = {}
    condition = ""
    if is_header(row):
        additions |= {COMMITS: 1} | ({MARKS: 1} if marked else {})
        placed[":fence"], condition = number(fence), FENCED
        if seen is not None:
            placed[":seen"], condition = number(seen), f"{FENCED} AND {COMMITS} = :seen"
    placed |= {f":{i}": number(value) for i, value in enumerate(additions.values())}
    placed |= {f":t{i}": text(of) for i, of in enumerate(terms.values())}
    kept = " SET " + ",".join(f"#t{i} = :t{i}" for i in range(len(terms))) if terms else ""
    names = {f"#{i}": name for i, name in enumerate(additions)}
    return table.update(
        at,
        "ADD " + ",".join(f"#{i} :{i}" for i in range(len(additions))) + kept,
        condition,
        ExpressionAttributeNames=names | {f"#t{i}": name for i, name in enumerate(terms)},
        ExpressionAttributeValues=placed,
    )


def _attributes(change: cells.Cells) -> tuple[dict[str, int], dict[str, str]]:
    """Give what is added by attribute, and the terms that are kept beside long names."""
    additions, terms = dict[str, int](), dict[str, str]()
    for cell, value in change.items():
        name, of = cell_names.attribute(cell)
        additions[name] = value
        if of:
            terms[cell_names.term(of)] = of
    return additions | ({cell_names.LONG_WRITES: 1} if terms else {}), terms
