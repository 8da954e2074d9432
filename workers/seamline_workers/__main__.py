"""`python -m seamline_workers`: one worker process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from seamline.errors import ConfigError
from seamline_workers.log import log
from seamline_workers.running.worker import run_suspects, run_worker
from seamline_workers.store.store import fault


def main() -> int:
    """Run a worker; exit status 2: the configuration is to be mended, 3: the store does not answer."""
    parser = argparse.ArgumentParser(prog="python -m seamline_workers")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seats", help="only these seats, separated by commas")
    parser.add_argument("--suspects", action="store_true", help="run what lost its process, alone, and end")
    asked = parser.parse_args()
    try:
        if asked.suspects:
            return run_suspects(asked.config)
        return run_worker(asked.config, threads=asked.threads, seats=asked.seats.split(",") if asked.seats else None)
    except ConfigError as error:
        print(f"seamline: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except DBAPIError as error:
        # Whoever started this process starts it again; the error's text may hold the store's address.
        log.error("store_unreachable", **fault(error))
        return 3


if __name__ == "__main__":
    sys.exit(main())
