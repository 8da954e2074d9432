"""The project as files: what tests of its documents and packages read."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: How an author runs tests: with the plugin of the kit, and none of those that happen to be installed here.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "seamline.testing.plugin"]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

_APART = {".git", ".venv", "dist", "build", "__pycache__", "secrets"}
_FENCE = re.compile(r"^```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@cache
def text_files() -> tuple[Path, ...]:
    """Every file of the project that is text; what Git ignores is not of the project."""
    return tuple(path for path in _files() if b"\0" not in path.read_bytes()[:8192])


def _files() -> Iterator[Path]:
    if (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout.decode().split("\0")
        paths = [ROOT / name for name in listed if name]
    else:  # an sdist
        paths = [path for path in ROOT.rglob("*") if not _APART & set(path.relative_to(ROOT).parts)]
    yield from (path for path in paths if path.is_file())


@dataclass(frozen=True)
class Block:
    """A fenced block of a document; ``title`` is the file that it is, where the fence says so."""

    page: Path
    language: str
    title: str | None
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.title or self.language}"


def pages() -> list[Path]:
    """The documents that people read."""
    return sorted(path for path in text_files() if path.suffix == ".md")


def blocks(page: Path, language: str | None = None, section: str | None = None) -> list[Block]:
    """The fenced blocks of a page, or of the section below one of its headings."""
    text = page.read_text("utf-8")
    if section is not None:
        text = _section(text, section)
    found = []
    for match in _FENCE.finditer(text):
        title = _TITLE.search(match["info"])
        found.append(Block(page, match["language"], title[1] if title else None, match["text"]))
    return [block for block in found if language in (None, block.language)]


def _section(text: str, heading: str) -> str:
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 1)
    return text[start : end if end > 0 else len(text)]
