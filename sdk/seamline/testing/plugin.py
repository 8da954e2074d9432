"""The pytest plugin of the contract kit: ``--update-golden``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seamline")
    group.addoption("--update-golden", action="store_true", help="write the *.expected.json files of adapters anew")


def pytest_configure(config: pytest.Config) -> None:
    # Imported late: a plugin that imports its package at start-up hides it from coverage.
    from seamline.testing import update

    update.want(bool(config.getoption("--update-golden")))
