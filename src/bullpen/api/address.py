"""Where a request came from, as far as that can be known.

Anybody can write a header. So nobody's word about the client counts but that of the proxies the operator has named,
and of those only the one header the operator says they write. Headers that name a user (`X-Forwarded-User`,
`X-Remote-User`, `X-User-Id`) are read nowhere.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias

from starlette.types import Scope

__all__ = ["FORWARDED", "X_FORWARDED_FOR", "Network", "Networks", "client_of", "network_of", "networks"]


class Network(NamedTuple):
    """A network in numbers: asked at every request, and the library's own classes take four times as long."""

    version: int
    base: int
    mask: int


class _Address(NamedTuple):
    version: int
    number: int
    text: str


Networks: TypeAlias = tuple[Network, ...]

X_FORWARDED_FOR: Final = b"x-forwarded-for"
FORWARDED: Final = b"forwarded"

_PROTO: Final = b"x-forwarded-proto"
_LONGEST_HEADER: Final = 4096  # characters looked at, counted from the right, where our own proxies write
_LONGEST_ADDRESS: Final = 64
_MOST_HOPS: Final = 16
_IPV6: Final = 6
_PREFIX_BITS: Final = 64  # one customer has at least so much of IPv6, and may use any address in it


def networks(told: Iterable[str]) -> Networks:
    """The networks of these addresses, each alone or as CIDR; raises `ValueError` on what is neither."""
    known = map(ip_network, told)
    return tuple(Network(each.version, int(each.network_address), int(each.netmask)) for each in known)


def client_of(scope: Scope, trusted: Networks, *, header: bytes = X_FORWARDED_FOR) -> tuple[str, bool]:
    """The client's address, and whether it came over TLS.

    The address is the peer's, unless the peer is in `trusted`: then it is the right-most one of `header` that is not
    trusted itself, or the left-most when all are. A header that is malformed where it would count is not believed at
    all. Empty when the transport knows no peer.

    Args:
        scope: Of the request.
        trusted: Where our own proxies are.
        header: The one they write: `X-Forwarded-For`, with `X-Forwarded-Proto` for TLS, or `Forwarded` (RFC 7239).
    """
    peer = scope["client"]
    address = peer[0] if peer else ""
    secure = scope["scheme"] == "https"
    if not trusted or not _is_in(trusted, _parsed(address)):
        return address, secure
    lines = [value for name, value in scope["headers"] if name == header]
    told = b",".join(lines).decode("latin-1")[-_LONGEST_HEADER:]
    hops = _forwarded(told, "for") if header == FORWARDED else _reversed(told)
    return _client(hops, trusted) or address, secure or _told_tls(scope, told, header) == "https"


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom an address stands for where something is counted: itself in IPv4, its /64 in IPv6.

    What is no address stands for itself, as far as one can be long.
    """
    found = _parsed(address.partition("%")[0])
    if found is None:
        return address[:_LONGEST_ADDRESS]
    return f"{found.number >> _PREFIX_BITS:x}::/64" if found.version == _IPV6 else found.text


def _client(hops: Iterator[str], trusted: Networks) -> str | None:
    """The first hop from the right that is a stranger's; None when a malformed one comes before it."""
    found = None
    for _, hop in zip(range(_MOST_HOPS), hops, strict=False):
        address = _parsed(_bare(hop))
        if address is None:
            return None
        found = address.text
        if not _is_in(trusted, address):
            return found
    return found


def _told_tls(scope: Scope, told: str, header: bytes) -> str:
    """The scheme the nearest proxy was called by."""
    if header == FORWARDED:
        return next(_forwarded(told, "proto"), "").lower()
    protos = [value for name, value in scope["headers"] if name == _PROTO]
    return protos[-1].rpartition(b",")[2].strip().lower().decode("latin-1") if protos else ""


def _reversed(told: str) -> Iterator[str]:
    return (each.strip() for each in reversed(told.split(","))) if told else iter(())


def _forwarded(told: str, name: str) -> Iterator[str]:
    """The parameter of that name of each element, RFC 7239 §4, from the right; one without it is an empty string."""
    for element in _reversed(told):
        pairs = (pair.partition("=") for pair in element.split(";"))
        yield next((value.strip().strip('"') for key, _, value in pairs if key.strip().lower() == name), "")


def _bare(hop: str) -> str:
    """The address without its port, as in `[2001:db8::1]:443` or `192.0.2.1:443`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


@lru_cache(maxsize=4096)  # reading an address takes ten times as long as finding it here
def _known(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # How a socket that speaks both versions shows a client of the older one.
    plain = getattr(address, "ipv4_mapped", None) or address
    return _Address(plain.version, int(plain), str(plain))


def _parsed(text: str) -> _Address | None:
    return _known(text) if len(text) <= _LONGEST_ADDRESS else None


def _is_in(trusted: Networks, address: _Address | None) -> bool:
    if address is None:
        return False
    version, number, _ = address
    return any(number & mask == base and version == kind for kind, base, mask in trusted)
