"""The command line where only the SDK is installed."""

from __future__ import annotations

import sys

import pytest

from seamline_webhooks.cli import main


def test_without_the_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("seamline_webhooks.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit, match=r"pip install 'seamline\[server\]'"):
        main()
