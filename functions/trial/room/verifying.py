"""Verify a cut: whether its files are those that were published, and who signed them."""

from collections.abc import Iterator

import wiring
from trial.render.markup import Html, escape, html, joined
from trial.reporting.verification import CutCheck, check_cut
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.routing import READERS, PageRequest, page
from trial.tables.file_names import MANIFEST, SIGNATURE
from trial.web import files
from trial.web.routing import Answer


@page("/studies/{study}/cuts/{cut}/verify", READERS, subjects=False)
def get_verification(page_request: PageRequest) -> Answer:
    """Read all files of a cut, and show of each whether it is the one that was published."""
    view, name = page_request.view, page_request.parts["cut"]
    cut = files.cut_of(view, name)
    check = check_cut(wiring.documents(), view, cut, page_request.request.beat)
    body = (
        _verdict(check),
        frame.section("signature", "Signature", _signature(check)),
        frame.section("files", "Files", _files(check)),
        frame.section("limits", "What this does not show", _limits()),
    )
    crumbs = [
        Crumb("Cuts", page_request.link("cuts")),
        Crumb("Cut", page_request.link("cuts", name)),
    ]
    return frame.page_answer(page_request, "Verification", body, crumbs=crumbs)


def _verdict(check: CutCheck) -> Html:
    """Write what the check comes to, in a sentence."""
    if not check.agrees:
        return html(
            '<p class="warning" role="alert">This cut is not as it was published: see below.</p>\n'
        )
    if check.unread:
        return html(
            '<p class="warning">What was read is as it was published and signed. There was no time'
            " for {} of the files: download them, and compare their SHA-256.</p>\n",
            check.unread,
        )
    return html(
        '<p role="status">All {} files are as they were published and signed.</p>\n',
        len(check.files),
    )


def _signature(check: CutCheck) -> Html:
    facts = (
        (SIGNATURE, "a valid signature of this cut" if check.is_signed else "NOT valid"),
        (MANIFEST, "the one that is signed" if check.is_manifest_stated else "NOT the signed one"),
        ("Number of the cut", f"{check.number:,}" if check.number else ""),
        ("Key", check.key),
    )
    rows = (html("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(v)) for name, v in facts if v)
    return html('<dl class="source">{}</dl>\n', joined(rows))


def _files(check: CutCheck) -> Html:
    """Write a row a file, those first that are others now."""

    def rows() -> Iterator[tuple[Html, ...]]:
        for file in sorted(check.files, key=lambda file: file.agrees):
            if file.agrees:
                outcome, current = escape("as published"), DASH
            else:
                outcome = escape("NOT as published")
                current = escape(file.current or "there is no such file")
            yield escape(file.name), outcome, escape(file.published), current

    heads = frame.heads("File", "Is", "SHA-256 when published", "SHA-256 now")
    return frame.data_table("Files", heads, rows())


def _limits() -> Html:
    return html(
        "<p>Whose key it is: compare the fingerprint with that of your stack\u2019s key (SHA-256 of"
        " what <code>aws kms get-public-key</code> gives). Whether the numbers follow from the"
        " records: <code>make verify</code> makes every file anew from the journals, on a machine"
        " of yours.</p>\n"
    )
