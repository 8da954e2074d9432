"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from support.servers import Postgres, Redis

PACKAGES = (
    *("litestar", "uvicorn", "uvloop", "httptools", "dramatiq", "sqlalchemy", "psycopg", "pydantic"),
    *("fastapi", "celery", "asyncpg", "redis", "msgspec"),
)

#: Checkpoints would fall into one run and not into another; autovacuum is to keep up within a run.
POSTGRES_SETTINGS: dict[str, str | int] = {
    "max_connections": 100,
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "5s",
}


def describe(postgres: Postgres, redis: Redis) -> list[str]:
    """Lines about processor, memory, kernel, interpreter, servers and libraries."""
    settings = ", ".join(f"{name}={value}" for name, value in postgres.settings.items())
    kernel = platform.release().partition("-")[0]
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, Linux {kernel}",
        f"load average when it began: {os.getloadavg()[0]:.1f} (an idle machine has less than 0.5; other work on it "
        "makes everybody's CPU dearer, and most of all the latencies worse)",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"{postgres.version} ({settings}; fsync and synchronous_commit on), {redis.version} (no persistence)",
        ", ".join(_versions(PACKAGES)),
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _versions(packages: Iterable[str]) -> Iterable[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
