"""The world of the demo: the running company, its providers, and the clock that both go by."""

from __future__ import annotations

from dataclasses import dataclass, field

from seamline.testing import Posted, Simulator, load_suite
from seamline_agency.demo.api import Api
from seamline_agency.demo.books import Books
from seamline_agency.demo.clock import Clock
from seamline_agency.demo.company import Company
from seamline_agency.demo.provider_api import ProviderApi
from seamline_agency.demo.server import Server

#: The sources of the company that send.
SOURCES = ("leads", "proposals", "crm", "calendar", "mail", "chat", "billing", "relay")


@dataclass
class World:
    """Everything that the stories share; ``genuine`` and ``forged`` are the requests that were sent."""

    company: Company
    api: Api
    clock: Clock
    books: Books
    providers: ProviderApi
    server: Server
    simulators: dict[str, Simulator] = field(default_factory=dict)
    genuine: list[Posted] = field(default_factory=list)
    forged: list[Posted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulators = {source: self._simulator(source) for source in SOURCES}

    def close(self) -> None:
        for simulator in self.simulators.values():
            simulator.close()

    def _simulator(self, source: str) -> Simulator:
        company, adapter = self.company, self.company.adapter(source)
        return Simulator(
            adapter,
            load_suite(adapter.name).root,
            f"{self.server.url}/webhooks/{source}",
            company.source_secrets(source),
            public_url=f"{company.public_url}/webhooks/{source}",
        )
