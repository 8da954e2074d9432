"""What a webhook and an event cost in CPU: ours beside hand-written rivals; ``make bench`` writes RESULTS.md."""

import sys
from pathlib import Path

# The real servers are shared with the tests and live in their support package.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
