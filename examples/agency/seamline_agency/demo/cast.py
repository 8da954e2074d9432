"""Who plays: invented customers, one a story, as each provider knows them; and the agency's people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Customer:
    """A customer: one person, of one company, as every provider knows them."""

    number: int
    name: str
    company: str
    domain: str

    @property
    def first(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def email(self) -> str:
        return f"{self.first.lower()}@{self.domain}"

    @property
    def phone(self) -> str:
        return f"+120255501{47 + self.number}"

    @property
    def lead(self) -> str:
        return str(444444444444 + self.number)

    @property
    def deal(self) -> int:
        return 9034578123 + self.number

    @property
    def contact(self) -> str:
        return str(65059681032 + self.number)

    @property
    def proposal(self) -> int:
        return 123456 + self.number


DANA = Customer(0, "Dana Whitfield", "Harbor Lane Dental", "harborlane.example.com")
ELIO = Customer(1, "Elio Marchand", "Marchand Physio", "marchandphysio.example.com")
PRIYA = Customer(2, "Priya Sandoval", "Sandoval Roofing", "sandovalroofing.example.com")
TOMAS = Customer(3, "Tomas Linden", "Linden Veterinary", "lindenvet.example.com")
WREN = Customer(4, "Wren Okoro", "Okoro Orthodontics", "okoroortho.example.com")
INES = Customer(5, "Ines Calloway", "Calloway Solar", "callowaysolar.example.com")
HUGO = Customer(6, "Hugo Ferrant", "Ferrant Kitchens", "ferrantkitchens.example.com")
MABEL = Customer(7, "Mabel Strand", "Strand Optics", "strandoptics.example.com")
OTIS = Customer(8, "Otis Vander", "Vander Moving", "vandermoving.example.com")
LEONA = Customer(9, "Leona Birch", "Birch Landscapes", "birchlandscapes.example.com")

NADIA = Customer(11, "Nadia Corso", "Corso Bakery", "corsobakery.example.com")

CUSTOMERS = (DANA, ELIO, PRIYA, TOMAS, WREN, INES, HUGO, MABEL, OTIS, LEONA, NADIA)

#: The agency's people: who approves, by the name of their token.
COO, ACCOUNT_MANAGER, ONBOARDING = "anna", "mario", "sasha"
PEOPLE = (COO, ACCOUNT_MANAGER, ONBOARDING)
MAIL = {name: f"{name}@northwind.example.com" for name in PEOPLE}
#: An agent that tries what only people may.
AGENT = "pepper"
#: What they are called by Slack, in whose workspace, and where the call center's team reads.
WORKSPACE, CALL_CENTER = "T0NORTHWIND", "C0CALLCENTER"
SLACK = {COO: "U0ANNA"}

PAGE = "153125381133"
PORTAL = 145106154
