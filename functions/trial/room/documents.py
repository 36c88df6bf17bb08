"""Published documents: each by a link that is good for a minute, or all of a cut in one file."""

import io
import zipfile

import wiring
from trial.errors import Rejected
from trial.room.routing import DOWNLOAD, READERS, PageRequest, page
from trial.store.bucket import object_keys
from trial.tables.file_names import MANIFEST
from trial.web import files
from trial.web.routing import Answer

MOST_BYTES = 4_400_000
"""How long a file may be that is made for one answer: base 64 makes a third more of it."""
_MOST_READ = 100_000_000
_SEE_OTHER = 303
_EPOCH = (1980, 1, 1, 0, 0, 0)


@page("/studies/{study}/documents/{cut}/{file}", READERS, subjects=True, action=DOWNLOAD)
def get_document(page_request: PageRequest) -> Answer:
    """Lead to a document of what is live, of a report or of a cut."""
    return _link(page_request, page_request.parts["file"])


@page("/studies/{study}/documents/{cut}/datasets/{file}", READERS, subjects=True, action=DOWNLOAD)
def get_dataset(page_request: PageRequest) -> Answer:
    """Lead to the data set of a listing."""
    return _link(page_request, f"datasets/{page_request.parts['file']}")


def _link(page_request: PageRequest, name: str) -> Answer:
    return Answer(
        _SEE_OTHER, {"Location": files.link(page_request.view, page_request.parts["cut"], name)}
    )


@page("/studies/{study}/cuts/{cut}/zip", READERS, subjects=True, action=DOWNLOAD)
def get_zip(page_request: PageRequest) -> Answer:
    """Answer with all documents of a cut in one file, the same bytes each time."""
    view = page_request.view
    cut = files.cut_of(view, page_request.parts["cut"])
    manifest = wiring.documents().manifest(view.id, view.audience, cut)
    if manifest is None:
        raise Rejected(404, "Cut not found", "There are no documents of such a cut.")
    if sum(entry["size"] for entry in manifest["files"]) > _MOST_READ:
        raise _too_much()
    prefix, content = object_keys.cut_prefix(cut), io.BytesIO()
    names = [*(str(entry["name"]) for entry in manifest["files"]), MANIFEST]
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            document = wiring.documents().read(view.id, view.audience, prefix, name)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), document, zipfile.ZIP_DEFLATED)
            if content.tell() > MOST_BYTES:
                raise _too_much()
    if len(content.getvalue()) > MOST_BYTES:
        raise _too_much()
    return attachment(f"{view.id}-{cut}.zip", "application/zip", content.getvalue())


def _too_much() -> Rejected:
    detail = "Together they are too large for one answer: download them one by one."
    return Rejected(422, "Too much for one download", detail)


def attachment(name: str, media_type: str, content: str | bytes) -> Answer:
    """Answer with a file that a browser saves under a name."""
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name if c.isascii())
    headers = {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{plain}"',
    }
    if isinstance(content, bytes):
        return Answer(200, headers, content=content)
    return Answer(200, headers, content)
