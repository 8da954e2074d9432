"""The log: one JSON object a line on standard error; names and numbers, never bodies, secrets or personal values."""

from __future__ import annotations

import logging
import sys
import threading
import time
from traceback import extract_tb
from typing import Any

import structlog

#: Least time between two lines of a kind that says the same again and again, in seconds.
QUIET_S = 5.0

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    cache_logger_on_first_use=False,
)

log = structlog.get_logger("seamline")


class Seldom:
    """A warning that would come many times a second: now and then, with how many it stands for."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._count, self._quiet_until = 0, 0.0

    def warning(self, **said: Any) -> None:
        """Say it, or count it towards the next line."""
        now = time.monotonic()
        with self._lock:
            self._count += 1
            if now < self._quiet_until:
                return
            count, self._count, self._quiet_until = self._count, 0, now + QUIET_S
        log.warning(self._event, **said, count=count)


class _Libraries(logging.Handler):
    """What libraries log that nobody listens to, as our own lines; of an error its class and where it was raised."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "Traceback (" in message:
            message = "an error whose text is left out: it may hold values"
        said: dict[str, Any] = {"logger": record.name, "message": message}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            frames = extract_tb(error.__traceback__)
            said |= {
                "error": type(error).__name__,
                "where": f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "",
            }
        log.log(record.levelno, "library", **said)


_libraries = _Libraries(logging.WARNING)
# In the place of Python's own last resort, which writes plain lines: whoever sets up logging is not disturbed.
logging.lastResort = _libraries
# These log for us; some library's handler for all that is logged anywhere would print values and whole stacks.
for _name in ("dramatiq", "uvicorn"):
    logging.getLogger(_name).addHandler(_libraries)
    logging.getLogger(_name).propagate = False
