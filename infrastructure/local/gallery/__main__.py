"""Draw the pictures of the gallery anew: `python -m local.gallery docs/gallery.md`."""

import sys
from pathlib import Path

from local.gallery.pictures import pictures
from trial.errors import Rejected


def main(page: Path) -> None:
    """Write the picture of each snippet beside the page, and remove those of none."""
    folder = page.with_suffix("")
    try:
        drawn_pictures = pictures(page.read_text(encoding="utf-8"), folder)
    except Rejected as refused:
        faults = (f"{fault.location or fault.pointer}: {fault.detail}" for fault in refused.faults)
        sys.exit("\n".join(("A snippet is not accepted:", *faults)))
    for stale in folder.glob("*.svg"):
        if stale.name not in drawn_pictures:
            stale.unlink()
    for name, picture in drawn_pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
