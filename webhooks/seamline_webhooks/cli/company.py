"""The company that a command works on: its configuration, its store, its roster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamline.errors import ConfigError

if TYPE_CHECKING:
    from seamline_workers.company.config import Config
    from seamline_workers.store.store import Store

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration; else SEAMLINE_CONFIG, else ./seamline.toml.", dir_okay=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output and nothing else.")]


def configuration(path: Path | None) -> Config:
    """Read the configuration. Raises ConfigError."""
    from seamline_workers.company.config import load_config

    return load_config(path)


@contextmanager
def store_of(config: Config, *, behind: bool = False) -> Iterator[Store]:
    """Open the company's store. Raises ConfigError where there is none, or where it is behind and may not be."""
    from seamline_workers.store.store import open_store
    from seamline_workers.store.version import demand_newest

    demand_file(config)
    store = open_store(config.store.url, base=config.folder, pool=2)
    try:
        if not behind:
            demand_newest(store)
        yield store
    finally:
        store.close()


def demand_file(config: Config) -> None:
    """Raise ConfigError where an SQLite store is not there yet: to open it would make an empty one."""
    from seamline_workers.store.store import sqlite_path

    if not config.store.url.startswith("sqlite:"):
        return
    path = sqlite_path(config.store.url, config.folder)
    if not path.exists():
        raise ConfigError(f"there is no store {path} yet; make it with: seamline db upgrade")


def create_store(config: Config) -> str | None:
    """Make an embedded store that is not there yet, or is empty. Returns its file where it was made.

    A store that is behind is left as it is: to migrate it is a decision. So is to fill a database elsewhere.
    """
    from seamline_workers.store.migrate import upgrade
    from seamline_workers.store.store import open_store, sqlite_path
    from seamline_workers.store.version import current

    if not config.store.url.startswith("sqlite:"):
        return None
    path = sqlite_path(config.store.url, config.folder)
    store = open_store(config.store.url, base=config.folder, pool=1)
    try:
        if current(store) is not None:
            return None
        upgrade(store)
    finally:
        store.close()
    return str(path)


def import_seats(config: Config) -> None:
    """Import the company's seats, so that the event types that it declares are known; without them all is shown too."""
    from seamline_workers.company.process import load_process

    load_process(config)


def whoami() -> str:
    """Who acts on the store by the command line."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"
