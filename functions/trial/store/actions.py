"""The actions of a transaction: journal rows, subject rows, pages, shard headers and sums."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from trial.events.fields import NORMAL
from trial.statistics import cells
from trial.store import cell_names, keys
from trial.store.encoding import sealing, subjects
from trial.store.generations import FENCED, RECONCILED_MARKS, STALE_MARKS, is_header
from trial.store.moving import NO_MARKS, HeaderMarks
from trial.store.paging import FILLS, SubjectRow, write_page, write_pages
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


def transaction_actions(
    table: Table, study_id: str, transaction: Transaction, now: datetime
) -> list[Action]:
    """Return a transaction's actions: each subject's rows, then headers, then sums.

    `writing` tells by this order what a cancelled transaction failed at. Stamps are taken from
    `now`, rising strictly within a subject.
    """
    actions: list[Action] = []
    for update in transaction.updates:
        actions += _subject_actions(table, study_id, update, now)
    fence, shard = transaction.plan.fence, transaction.updates[0].shard
    for row, change in transaction.changes.items():
        key = keys.sum_row(study_id, shard, row)
        marks = transaction.marks(row)
        actions.append(add_to_row(table, key, row, change, fence, marks=marks))
    return actions


def _subject_actions(
    table: Table, study_id: str, update: SubjectUpdate, now: datetime
) -> Iterator[Action]:
    row_key = keys.subject_row(study_id, update.shard, update.work.subject)
    shares = {name: binary(share) for name, share in update.shares.items()}
    row, head, version, stamp = update.row, update.row.head, update.row.version, update.row.stamp
    if not update.new_entries:
        yield refill_subject_row(table, row_key, row, shares)
        return
    for pending in update.new_entries:
        version += 1
        stamp = max(now, stamp + TICK)
        journal = _journal_row(pending.receipt, update.cipher_key, version, stamp, head)
        head = journal.hash
        pending.tried_hashes.add(head)
        yield table.put(write_journal(journal, pending.receipt.entry), ABSENT)
    values = {
        "version": number(version),
        "head": binary(head),
        "stamp": text(journal.stamp),
        "format": number(subjects.FORMAT),
        "body": binary(update.body),
        "cipher_key": binary(update.cipher_key),
    }
    expression = _SET_ROW
    if update.page_numbers != row.pages.numbers:
        values |= write_pages(update.page_numbers, update.paged_length)
        expression += _SET_PAGES
    if row.shares is None:
        yield table.put(key(row_key) | values | {"shares": {"M": shares}}, ABSENT)
    else:
        names = {"#format": "format"}
        yield update_subject_row(table, row_key, row, shares, expression, names, values)
    if update.new_page is not None:
        page_key = keys.page(row_key, update.page_numbers[-1])
        yield table.put(write_page(page_key, update.new_page), ABSENT)


def refill_subject_row(
    table: Table,
    row_key: keys.Key,
    row: SubjectRow,
    shares: Mapping[str, Value],
    removed: Sequence[str] = (),
) -> Action:
    """Replace or remove shares of a subject without an event, unless its row has changed.

    That makes no version of the subject, so `fills` tells whoever read the row to read it again.
    """
    names = {f"#removed{i}": name for i, name in enumerate(removed)}
    remove = " REMOVE " + ", ".join(f"shares.{name}" for name in names) if names else ""
    fills = {FILLS: number(row.fills + 1)}
    expression = f"SET {FILLS} = :{FILLS}"
    return update_subject_row(table, row_key, row, shares, expression, names, fills, remove)


def update_subject_row(
    table: Table,
    row_key: keys.Key,
    row: SubjectRow,
    shares: Mapping[str, Value],
    expression: str,
    names: Mapping[str, str],
    values: Mapping[str, Value],
    remove: str = "",
) -> Action:
    """Update a subject's row and shares on condition that it is as it was read."""
    operands = {f":{name}": value for name, value in values.items()}
    operands |= {":seen": number(row.version)}
    operands |= {f":share{i}": share for i, share in enumerate(shares.values())}
    share_names = {f"#share{i}": name for i, name in enumerate(shares)}
    sets = [expression, *(f"shares.#share{i} = :share{i}" for i in range(len(shares)))]
    unchanged = f"version = :seen AND attribute_not_exists({FILLS})"
    if row.fills:
        unchanged = f"version = :seen AND {FILLS} = :filled"
        operands |= {":filled": number(row.fills)}
    return table.update(
        row_key,
        ", ".join(sets) + remove,
        unchanged,
        ExpressionAttributeNames={**names, **share_names},
        ExpressionAttributeValues=operands,
    )


def _journal_row(
    receipt: Receipt, cipher_key: bytes, version: int, stamp: datetime, previous: bytes
) -> JournalRow:
    entry = receipt.entry
    body, texts = sealing.seal(cipher_key, entry)
    unhashed = partial(
        JournalRow,
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
    return unhashed(hash=unhashed().expected_hash())


def add_to_row(
    table: Table,
    row_key: keys.Key,
    row: str,
    change: cells.Cells,
    fence: int,
    *,
    marks: HeaderMarks = NO_MARKS,
    commits: int | None = None,
) -> Action:
    """Add to a row of sums; the fence of a shard header must be that of the writer's plan.

    `marks` are added to a header. `commits`: and no transaction may have taken effect since the
    header was read with so many.
    """
    additions, terms = _attributes(change)
    operands: dict[str, Value] = {}
    condition = ""
    if is_header(row):
        added_marks = {STALE_MARKS: marks.stale, RECONCILED_MARKS: marks.reconciled}
        additions |= {COMMITS: 1} | {name: n for name, n in added_marks.items() if n}
        operands[":fence"], condition = number(fence), FENCED
        if commits is not None:
            operands[":seen"], condition = number(commits), f"{FENCED} AND {COMMITS} = :seen"
    operands |= {f":{i}": number(value) for i, value in enumerate(additions.values())}
    operands |= {f":t{i}": text(term) for i, term in enumerate(terms.values())}
    set_terms = " SET " + ",".join(f"#t{i} = :t{i}" for i in range(len(terms))) if terms else ""
    names = {f"#{i}": name for i, name in enumerate(additions)}
    return table.update(
        row_key,
        "ADD " + ",".join(f"#{i} :{i}" for i in range(len(additions))) + set_terms,
        condition,
        ExpressionAttributeNames=names | {f"#t{i}": name for i, name in enumerate(terms)},
        ExpressionAttributeValues=operands,
    )


def _attributes(change: cells.Cells) -> tuple[dict[str, int], dict[str, str]]:
    """Return what is added to each attribute, and the terms that are kept beside long names."""
    additions, terms = dict[str, int](), dict[str, str]()
    for cell, value in change.items():
        attribute, term = cell_names.cell_attribute(cell)
        additions[attribute] = value
        if term:
            terms[cell_names.term_attribute(term)] = term
    return additions | ({cell_names.LONG_WRITES: 1} if terms else {}), terms
