"""Inbox files: a folder a seat, a file a message, for seats that live elsewhere and for people who look. No locks.

``<folder>/<seat>/{tmp,new,cur,done,dead}``. A writer makes a file in ``tmp`` and moves it to ``new`` when it is
durable. A reader claims it by moving it to ``cur``: of several, one wins. It moves it to ``done`` when it has done the
work; until then it has a lease, by the file's time. What outlives its lease goes back to ``new``, counted in its name,
and at last to ``dead``; so does at once what is no envelope. Whoever reads may see a message twice, and none is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from seamline.envelope import MOST_BYTES, Envelope, read_envelope, ulid
from seamline.errors import ConfigError, PayloadError

#: Folders of an inbox. Readers never look into the first.
TMP, NEW, CUR, DONE, DEAD = FOLDERS = ("tmp", "new", "cur", "done", "dead")
#: A file in ``tmp`` that is so old was left by a writer that died.
ABANDONED = timedelta(hours=1)

#: Most bytes of what is told of a dead file.
MOST_REASON = 500
#: What opening says of a link, of a socket, and of what may not be read.
_NOT_PLAIN = (errno.ELOOP, errno.ENXIO, errno.EACCES)

_SEAT = re.compile(r"[a-z][a-z0-9_-]{0,31}")
#: ``<ULID>.<pid>.<host>.json``, and ``<ULID>.<pid>.<host>,<n>.json`` when it is delivered for the n-th time.
_NAME = re.compile(r"(?P<ulid>[0-9A-HJKMNP-TV-Z]{26})\.(?P<pid>\d+)\.(?P<host>[\w-]+)(,(?P<n>\d{1,4}))?\.json")


@dataclass(frozen=True)
class Claimed:
    """A message that this reader has, until its lease is over."""

    inbox: Inbox
    name: str
    envelope: Envelope
    delivery: int = 1

    def ack(self) -> bool:
        """Say that the work is done; False: the lease was over, and somebody else may have the message."""
        return self.inbox.move(self.name, CUR, DONE)

    def renew(self) -> bool:
        """Begin the lease anew; False: it was over."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.inbox.path(CUR, self.name), (self.inbox.now(), self.inbox.now()), follow_symlinks=False)
            return True
        return False

    def give_back(self) -> bool:
        """Let the next reader have it, as if it had never been claimed."""
        return self.inbox.move(self.name, CUR, NEW)

    def fail(self, reason: str) -> bool:
        """Say that it cannot be done: it lies with the dead, with the reason beside it."""
        return self.inbox.bury(self.name, CUR, reason)


@dataclass(frozen=True)
class Inbox:
    """The inbox of a seat below a folder. ``to`` is whom its messages are for, where that is not the seat.

    ``lease`` is how long a reader may take, ``most`` how often a message is delivered before it is dead. ``now`` is the
    wall clock in seconds, as the file system writes it.
    """

    folder: Path
    seat: str
    lease: timedelta = timedelta(minutes=10)
    most: int = 5
    to: str | None = None
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not _SEAT.fullmatch(self.seat):
            raise ConfigError(f"an inbox is named as a seat: [a-z][a-z0-9_-]{{0,31}}, not {self.seat[:40]!r}")

    def path(self, folder: str, name: str = "") -> Path:
        return self.folder / self.seat / folder / name

    def make(self) -> Inbox:
        """Make the folders that are not there yet, for nobody but their owner. Raises ConfigError for links."""
        self._stay_inside()
        for name in FOLDERS:
            self.path(name).mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self.folder / self.seat, 0o700)
        return self

    def linked(self) -> Path | None:
        """The folder of the inbox that is a symbolic link; None: none is, and what is written here stays here."""
        own = (self.folder / self.seat, *(self.path(name) for name in FOLDERS))
        return next((path for path in own if path.is_symlink()), None)

    def _stay_inside(self) -> None:
        """Raise ConfigError where a folder is a link: whoever lives here could have files written or deleted by us."""
        if (link := self.linked()) is not None:
            raise ConfigError(f"{link} is a symbolic link; the folders of an inbox are folders of its own")

    # --- writing ----------------------------------------------------------------------------------------------------

    def put(self, envelope: Envelope) -> Path | None:
        """Deliver an envelope: it is durable when this returns. None: one of this id is there already, or was.

        Raises PayloadError for what its reader would not take.
        """
        self._stay_inside()
        content = envelope.to_json()
        read_envelope(content, to=self.to or self.seat)
        mark = ulid(envelope.created_at, f"{envelope.sender}\n{envelope.id}")
        if self._has(mark):
            return None
        host = re.sub(r"[^\w-]", "-", socket.gethostname(), flags=re.ASCII) or "host"
        name = f"{mark}.{os.getpid()}.{host}.json"
        written = self.path(TMP, name)
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(written, self.path(NEW, name))
        self._sync(NEW)
        return self.path(NEW, name)

    def _has(self, mark: str) -> bool:
        # In the order in which a message moves: whoever looks behind it still meets it.
        return any(name.startswith(mark) for folder in (NEW, CUR, DONE, DEAD) for name in self._names(folder))

    # --- reading ----------------------------------------------------------------------------------------------------

    def claim(self) -> Claimed | None:
        """Take the oldest message; None: there is none. What is no envelope of this inbox goes to the dead.

        Raises ConfigError where a folder is a link, or not there.
        """
        self.recover()
        for name in self._names(NEW):
            with contextlib.suppress(FileNotFoundError):
                # Its lease begins before it is claimed: nobody may find it claimed with an old time.
                os.utime(self.path(NEW, name), (self.now(), self.now()), follow_symlinks=False)
                if not self.move(name, NEW, CUR):
                    continue
                try:
                    envelope = read_envelope(read_plain(self.path(CUR, name)), to=self.to or self.seat)
                except PayloadError as error:
                    self.bury(name, CUR, str(error))
                    continue
                return Claimed(self, name, envelope, _deliveries(name))
        return None

    def recover(self) -> int:
        """Give back what outlived its lease. Returns how many that were."""
        self._stay_inside()
        found = 0
        for name in self._names(CUR):
            with contextlib.suppress(FileNotFoundError):
                if self._age(CUR, name) > self.lease.total_seconds():
                    found += self._again(name)
        return found

    def _again(self, name: str) -> bool:
        n = _deliveries(name) + 1
        if n > self.most:
            return self.bury(name, CUR, f"delivered {self.most} times, and never done")
        parts = _NAME.fullmatch(name)
        assert parts is not None
        return self.move(name, CUR, NEW, f"{parts['ulid']}.{parts['pid']}.{parts['host']},{n}.json")

    def move(self, name: str, source: str, target: str, renamed: str | None = None) -> bool:
        """Move a message; False: it is not there any more."""
        self._stay_inside()
        try:
            os.rename(self.path(source, name), self.path(target, renamed or name))
        except FileNotFoundError:
            return False
        self._sync(target)
        return True

    def bury(self, name: str, source: str, reason: str) -> bool:
        """Move a message to the dead, and write beside it why."""
        if not self.move(name, source, DEAD):
            return False
        beside = self.path(DEAD, f"{name}.reason")
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(beside)  # whoever lives here could have made it a link to a file of ours
        with contextlib.suppress(FileExistsError), open(beside, "x", encoding="utf-8") as file:
            file.write(reason + "\n")
        return True

    # --- looking ----------------------------------------------------------------------------------------------------

    def waiting(self) -> int:
        """How many messages nobody has claimed."""
        return sum(1 for _ in self._names(NEW))

    def dead(self) -> Iterator[tuple[str, str]]:
        """What lies with the dead and nobody was told of: the file's name, and why."""
        for name in self._names(DEAD):
            if not self.path(DEAD, f"{name}.told").exists():
                yield name, self._reason(name) or "nobody wrote why"

    def _reason(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError, PayloadError):
            found = read_plain(self.path(DEAD, f"{name}.reason"))[:MOST_REASON].decode("utf-8", "replace")
            return found.replace("\x00", "").strip()
        return ""

    def told(self, name: str) -> None:
        """Note that somebody was told of a dead message."""
        self._stay_inside()
        self.path(DEAD, f"{name}.told").touch()

    def prune(self, age: timedelta) -> int:
        """Delete what was done so long ago, and what writers left behind that died. Returns how many files."""
        self._stay_inside()
        found = 0
        for folder, limit in ((DONE, age), (TMP, ABANDONED)):
            for name in self._names(folder):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                    if self._age(folder, name) > limit.total_seconds():
                        os.unlink(self.path(folder, name))
                        found += 1
        return found

    def _age(self, folder: str, name: str) -> float:
        return self.now() - os.lstat(self.path(folder, name)).st_mtime

    def _names(self, folder: str) -> list[str]:
        try:
            found = os.listdir(self.path(folder))
        except FileNotFoundError:
            raise ConfigError(f"there is no inbox {self.path(folder)}; Inbox.make() makes it") from None
        return sorted(name for name in found if _NAME.fullmatch(name))

    def _sync(self, folder: str) -> None:
        descriptor = os.open(self.path(folder), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_plain(path: Path) -> bytes:
    """The content of a plain file, at most a byte more than an envelope has. Raises FileNotFoundError and PayloadError.

    A link, a folder or a pipe is not followed, opened or waited for: whoever lives in the folder could have put it
    there to have a file of ours read, or a reader held up.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in _NOT_PLAIN:
            raise
        raise PayloadError("this is no plain file that can be read") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PayloadError("this is no plain file that can be read")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)


def _deliveries(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found["n"] or 1) if found else 1


__all__ = ["CUR", "DEAD", "DONE", "FOLDERS", "NEW", "TMP", "Claimed", "Inbox"]
