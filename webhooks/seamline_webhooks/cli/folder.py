"""``seamline init``: a company's folder that runs at once."""

from __future__ import annotations

import os
import secrets
import shlex
from base64 import b64encode
from pathlib import Path
from typing import Annotated

import typer

from seamline.errors import ConfigError
from seamline_webhooks.cli.company import JsonOption, configuration, create_store
from seamline_webhooks.cli.output import document, line

_CONFIG = """\
# The company. Relative paths start at this folder. `seamline check` says what is wrong.
[company]
name = "My Company"
timezone = "UTC"
seats = "company.seats:roster"
public_url = "http://127.0.0.1:8000"    # what providers call; signatures over URLs use it

[store]
url = "sqlite:///seamline.db"           # or postgresql://user@host/db

# Served at /webhooks/demo. Send it a signed sample with: seamline send demo one
[sources.demo]
adapter = "standard_webhooks"
secrets = ["file:secrets/demo"]
allow = ["lead.*", "proposal.*", "deal.*"]
live_from = "2020-01-01T00:00:00Z"      # older facts are history and wake nobody; the samples are not

[api]
tokens = ["file:secrets/token"]         # name:role:value; roles: viewer, operator, approver, admin
"""

_SEATS = '''\
"""The seats of the company: who handles what."""

from seamline import Roster, Seat, SyncContext
from seamline.events import LeadReceived, ProposalViewed

sales = Seat(
    "sales",
    role="Looks after leads and proposals",
    owns=["lead.*", "proposal.*", "deal.*"],
    does_not_own=["contract.*"],
)


@sales.on(LeadReceived)
def lead(event: LeadReceived, ctx: SyncContext) -> None:
    ctx.task("Answer a new lead", text=f"{event.party.name or event.party.email or 'Somebody'} came by {event.channel}")


@sales.on(ProposalViewed)
def viewed(event: ProposalViewed, ctx: SyncContext) -> None:
    ctx.flag("proposal-viewed", key=event.proposal_id, text="They opened the proposal", evidence=[event])


roster = Roster([sales])
'''

_IGNORED = "/secrets/\n*.db\n*.db-wal\n*.db-shm\n__pycache__/\n"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made where it is not there yet.", file_okay=False)],
    json: JsonOption = False,
) -> None:
    """Write a company's folder that runs at once. What is there already stays as it is."""
    token = f"admin:admin:{secrets.token_urlsafe(32)}\n"
    signing = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}\n"
    # The configuration comes last: whoever finds it finds all that it names.
    files = {
        ".gitignore": (_IGNORED, 0o644),
        "secrets/demo": (signing, 0o600),
        "secrets/token": (token, 0o600),
        "company/__init__.py": ("", 0o644),
        "company/seats.py": (_SEATS, 0o644),
        "seamline.toml": (_CONFIG, 0o644),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "company").mkdir(exist_ok=True)
        (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
        written = [name for name, (text, mode) in files.items() if _write(folder / name, text, mode)]
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written ({error.strerror}); take another folder") from None
    kept = [name for name in files if name not in written]
    made = create_store(configuration(folder / "seamline.toml"))
    if json:
        document({"folder": str(folder), "written": written, "kept": kept, "store": made})
        return
    for name in written:
        line(f"wrote {folder / name}")
    for name in kept:
        line(f"kept  {folder / name}, as it was")
    if made:
        line(f"made  {made}")
    line(f"now: cd {shlex.quote(str(folder))} && seamline serve")


def _write(path: Path, text: str, mode: int) -> bool:
    """Write a file that is not there yet; nobody sees a secret before its mode is set."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True
