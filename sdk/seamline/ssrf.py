"""Where outgoing calls may go: never to this machine, the intranet, or a cloud's metadata service."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from seamline.errors import ConfigError, EgressRefused

#: Gives the addresses of a host, as text. Raises OSError where there are none.
Resolve = Callable[[str, int], Sequence[str]]

#: Most addresses of one host that are looked at.
MAX_ADDRESSES = 16

_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)

# Written out from the IANA special-purpose registries, because ``is_global`` changed between patch releases of Python.
_REFUSED_V4 = {
    "this network": "0.0.0.0/8",
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16",
    "shared by a carrier": "100.64.0.0/10",
    "loopback": "127.0.0.0/8",
    "link-local": "169.254.0.0/16",
    "reserved": "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4",
    "for documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24",
    "multicast": "224.0.0.0/4",
    # The wire server of Azure is a public address that every virtual machine there can reach.
    "a metadata service": "168.63.129.16/32",
}
# Only 2000::/3 is given out to anybody; these are its exceptions.
_REFUSED_V6 = {
    "reserved": "2001::/23",
    "for documentation": "2001:db8::/32 3fff::/20",
    "6to4": "2002::/16",
}
_UNICAST_V6 = IPv6Network("2000::/3")
_NETWORKS_V4 = [(why, IPv4Network(net)) for why, nets in _REFUSED_V4.items() for net in nets.split()]
_NETWORKS_V6 = [(why, IPv6Network(net)) for why, nets in _REFUSED_V6.items() for net in nets.split()]


def refusal(address: IPv4Address | IPv6Address) -> str | None:
    """Why nothing may be sent to this address; None: it is an ordinary public one."""
    if isinstance(address, IPv4Address):
        return next((why for why, net in _NETWORKS_V4 if address in net), None)
    if address.ipv4_mapped is not None:
        return "an IPv4 address in IPv6 clothes"
    if address not in _UNICAST_V6:
        return "not a public unicast address"
    return next((why for why, net in _NETWORKS_V6 if address in net), None)


def host_matches(host: str, patterns: Sequence[str]) -> bool:
    """Say whether a host is one of these: an exact name, or ``*.suffix`` for whatever lies below a name."""
    name = host.lower().rstrip(".")
    return any(
        name.endswith(pattern[1:]) and len(name) > len(pattern) - 1 if pattern.startswith("*.") else name == pattern
        for pattern in (p.lower().rstrip(".") for p in patterns)
    )


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Egress:
    """What outgoing calls may reach.

    ``allow`` opens what is closed by default, for tests and intranets: networks (``10.20.0.0/16``), addresses, and
    hosts (``crm.corp.example``, ``*.corp.example``). What is allowed may also be reached on any port and without TLS.
    """

    allow: Sequence[str] = ()
    ports: Sequence[int] = (80, 443)
    resolve: Resolve = field(default=resolve_host, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", tuple(self.allow))
        self._opened  # noqa: B018 - a wrong entry must be told at the start

    @cached_property
    def _opened(self) -> tuple[list[IPv4Network | IPv6Network], list[str]]:
        networks: list[IPv4Network | IPv6Network] = []
        hosts: list[str] = []
        for entry in self.allow:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if "/" in entry or not entry.strip("*."):
                    raise ConfigError(f"allow: {entry!r} is neither a network, an address, nor a host") from None
                hosts.append(entry)
        return networks, hosts

    def opens(self, host: str) -> bool:
        """Say whether ``allow`` names this host, or the address that it is."""
        networks, hosts = self._opened
        if host_matches(host, hosts):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in networks)

    def check(self, scheme: str, host: str) -> None:
        """Refuse what needs no look-up. Raises EgressRefused."""
        if scheme not in ("http", "https"):
            raise EgressRefused("only http and https URLs are called")
        if _HOST.fullmatch(host) is None:
            raise EgressRefused("the URL names no host that can be looked up")

    def addresses(self, host: str, port: int) -> list[str]:
        """The checked addresses to connect to, and no others. Raises EgressRefused, and OSError where there are none.

        One bad address refuses the host: an honest name does not resolve to the inside and the outside.
        """
        try:
            found = self.resolve(host, port)
        except UnicodeError:
            raise EgressRefused("the host's name cannot be looked up") from None
        if not found:
            raise OSError("the host has no address")
        networks, _ = self._opened
        opened = self.opens(host)
        checked: list[str] = []
        for told in list(found)[:MAX_ADDRESSES]:
            address = _parse(told)
            if not (opened or any(address in network for network in networks)):
                why = refusal(address)
                if why is not None:
                    raise EgressRefused(f"{host} resolves to an address that is {why}")
                if port not in self.ports:
                    raise EgressRefused(f"port {port} of {host} is not allowed")
            checked.append(told)
        return checked


def _parse(told: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(told)
    except ValueError:
        raise EgressRefused("the host resolves to something that is no address") from None
