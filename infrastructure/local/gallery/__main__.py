"""Draw the pictures of the gallery anew: `python -m local.gallery docs/gallery.md`."""

import sys
from pathlib import Path

from local.gallery.pictures import pictures


def main(page: Path) -> None:
    """Write the picture of each snippet beside the page, and remove those of none."""
    folder = page.with_suffix("")
    drawn = pictures(page.read_text(encoding="utf-8"), folder)
    for stale in folder.glob("*.svg"):
        if stale.name not in drawn:
            stale.unlink()
    for name, picture in drawn.items():
        (folder / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
