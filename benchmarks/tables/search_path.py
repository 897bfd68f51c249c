"""Let the scripts of this folder import what all benchmarks share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
