"""Write the contract into the folder that is named."""

import sys
from pathlib import Path

from local import contract

contract.write(Path(sys.argv[1]))
