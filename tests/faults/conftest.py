"""Lets these tests use the store's bench; their own modules lie beside this file."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "store"))
