"""The worker of the demo: an ordinary one, whose calls to providers end on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from seamline import Adapter, Answer, Call, Secrets, Submission
from seamline.errors import EgressRefused
from seamline.ssrf import Egress, host_matches
from seamline.transport import Send, Transport
from seamline_workers.running.worker import run_worker


class Detour(Transport):
    """Sends every call to the simulated providers at ``base`` instead of to its host, and nothing anywhere else."""

    def __init__(self, base: str) -> None:
        super().__init__(Egress(allow=["127.0.0.1"]))
        self._base = base

    def sender(self, adapter: Adapter, secrets: Secrets) -> Send:
        """The send function of an adapter. Hosts that the adapter does not name are refused as ever."""

        def send(call: Call | Submission) -> Answer:
            if isinstance(call, Submission):
                raise EgressRefused(f"{call.name}: the demo submits no mail")
            asked = urlsplit(call.url)
            if not host_matches(asked.hostname or "", adapter.hosts):
                raise EgressRefused(f"{call.name}: the host is none of the adapter's hosts")
            there = replace(call, url=f"{self._base}/{asked.netloc}{asked.path}")
            return self.send(there, hosts=("127.0.0.1",), auth=adapter.auth, secrets=secrets)

        return send


def main(arguments: Sequence[str]) -> int:
    """Work until ended: ``CONFIGURATION PROVIDERS``."""
    config, providers = arguments
    return run_worker(Path(config), transport=Detour(providers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
