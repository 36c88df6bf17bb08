"""What an event costs, as counts or ratios of one run, each beside its target in design.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for _place in ("tests", "infrastructure", "functions"):
    if str(ROOT / _place) not in sys.path:
        sys.path.insert(0, str(ROOT / _place))
