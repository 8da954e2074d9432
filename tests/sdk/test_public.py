"""What one import gives."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter

import grimp
import pytest

import seamline
import seamline.events


@pytest.mark.parametrize("module", [seamline, seamline.events])
def test_every_public_name_is_there_and_none_twice(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


def test_importing_loads_no_server_no_client_and_no_cryptography() -> None:
    heavy = ["cryptography", "joserfc", "litestar", "sqlalchemy", "dramatiq", "httpx", "uvicorn"]
    code = f"import sys, seamline, seamline.events; print([m for m in {heavy!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == "[]"


def test_no_modules_import_each_other_in_a_circle_not_even_inside_a_function() -> None:
    graph = grimp.build_graph("seamline", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(tuple(TopologicalSorter(imports).static_order())) > 60
