"""A worker that stands still (SIGSTOP) where others are killed, until the file that SEAMLINE_GO_ON names is there.

That is, from when there is a file beside it that fits SEAMLINE_PAUSE_FROM. Where it is woken and may not go on yet, its
other threads do so for a moment, and all of it stands still again.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from seamline_workers import crashpoint
from seamline_workers.__main__ import main


def _pause() -> None:
    go_on = Path(os.environ["SEAMLINE_GO_ON"])
    while any(go_on.parent.glob(os.environ["SEAMLINE_PAUSE_FROM"])) and not go_on.exists():
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.01)


if __name__ == "__main__":
    crashpoint._die = _pause
    sys.exit(main())
