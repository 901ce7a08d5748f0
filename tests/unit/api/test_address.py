"""Whose word about the client is believed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.api.address import FORWARDED, X_FORWARDED_FOR, client_of, network_of, networks

PROXIES = networks(["10.0.0.0/8", "2001:db8::/32"])
PEER = "10.0.0.9"
STRANGER = "203.0.113.7"

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


def scope(*headers: tuple[str, str], peer: str | None = PEER, scheme: str = "http") -> dict[str, Any]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"client": (peer, 1) if peer else None, "scheme": scheme, "headers": raw}


def address(*told: str, peer: str = PEER) -> str:
    return client_of(scope(*(("x-forwarded-for", each) for each in told), peer=peer), PROXIES)[0]


@given(st.lists(ADDRESSES, max_size=5), st.text(max_size=50, alphabet=st.characters(max_codepoint=255)))
def test_a_strangers_word_never_counts(told: Sequence[str], junk: str) -> None:
    """Whatever is in its headers, a peer that is no proxy of ours is the client, and did not come over TLS."""
    headers = (("x-forwarded-for", ", ".join(told)), ("forwarded", f"for={junk};proto=https"), ("x-real-ip", junk))
    shown = scope(*headers, ("x-forwarded-proto", "https"), peer=STRANGER)
    for trusted in ((), PROXIES):
        for header in (X_FORWARDED_FOR, FORWARDED):
            assert client_of(shown, trusted, header=header) == (STRANGER, False)


@given(st.lists(ADDRESSES, max_size=5), st.text(max_size=50, alphabet=st.characters(max_codepoint=255)))
def test_what_the_client_wrote_itself_never_counts(forged: Sequence[str], junk: str) -> None:
    """A proxy appends whom it saw: left of that may stand anything, also what looks like our own networks."""
    assert address(", ".join((*forged, junk, STRANGER))) == STRANGER
    assert address(*forged, junk, f"{STRANGER}, 10.1.1.1") == STRANGER


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (STRANGER, STRANGER),
        (f"{STRANGER}:4711", STRANGER),
        ("2001:db9::1", "2001:db9::1"),
        ("[2001:db9::1]:443", "2001:db9::1"),
        ("[2001:db9::1]", "2001:db9::1"),
        ("2001:0DB9:0::1", "2001:db9::1"),
        (f"::ffff:{STRANGER}", STRANGER),
        (f"{STRANGER}, 10.1.1.1, 2001:db8::5", STRANGER),
        ("10.1.1.1, 10.1.1.2", "10.1.1.1"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(told: str, found: str) -> None:
    """With a port or brackets, of either version, in one spelling; when all hops are ours, the farthest."""
    assert address(told) == found


@pytest.mark.parametrize(
    "told",
    ["", ",", "unknown", "_hidden", "256.1.1.1", f"{STRANGER}, ", f"{STRANGER}, junk", f"junk{STRANGER}", "1" * 5000],
)
def test_a_malformed_header_is_not_believed(told: str) -> None:
    """Where the nearest hop cannot be read, the peer is the client."""
    assert address(told) == PEER


def test_a_header_of_any_length_costs_little() -> None:
    """Only its right end is looked at, some hops deep: a chain of thousands of proxies is nobody's."""
    assert address(", ".join([STRANGER] + ["10.0.0.1"] * 10_000)) == "10.0.0.1"
    assert address(", ".join(["junk"] * 10_000 + [STRANGER])) == STRANGER


def test_lines_are_one_list() -> None:
    """A header that is sent twice is the same as one with a comma (RFC 9110 §5.3)."""
    assert address(STRANGER, "10.1.1.1") == STRANGER


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (f"for={STRANGER};proto=https;by=10.0.0.9", (STRANGER, True)),
        (f'for=1.2.3.4, for="{STRANGER}:4711";proto=https', (STRANGER, True)),
        ('For="[2001:db9::1]:443"; Proto=HTTPS', ("2001:db9::1", True)),
        (f"for={STRANGER}", (STRANGER, False)),
        (f"proto=https, for={STRANGER};proto=http", (STRANGER, False)),
        ("for=unknown;proto=https", (PEER, True)),
        ("by=10.0.0.1", (PEER, False)),
    ],
)
def test_forwarded_is_read_where_it_was_chosen(told: str, found: tuple[str, bool]) -> None:
    """RFC 7239, and then nothing of the other header: a proxy that writes one may pass the other on unread."""
    other = (("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"))
    assert client_of(scope(("forwarded", told), *other), PROXIES, header=FORWARDED) == found
    assert client_of(scope(("forwarded", told)), PROXIES) == (PEER, False)


@pytest.mark.parametrize(
    ("scheme", "protos", "secure"),
    [
        ("https", (), True),
        ("http", (), False),
        ("http", ("https",), True),
        ("http", ("HTTPS",), True),
        ("http", ("https, http",), False),
        ("http", ("https", "http"), False),
        ("https", ("http",), True),
    ],
)
def test_tls_is_what_the_nearest_proxy_says(scheme: str, protos: Sequence[str], secure: bool) -> None:
    """Its value is the last one."""
    shown = scope(*(("x-forwarded-proto", each) for each in protos), scheme=scheme)
    assert client_of(shown, PROXIES) == (PEER, secure)


def test_a_proxy_is_known_on_a_socket_of_both_versions() -> None:
    """There a peer of the older version is shown as `::ffff:10.0.0.9`."""
    assert address(STRANGER, peer="::ffff:10.0.0.9") == STRANGER


def test_a_transport_without_addresses_has_none() -> None:
    """As a test's transport; nobody is trusted then."""
    assert client_of(scope(("x-forwarded-for", STRANGER), peer=None), PROXIES) == ("", False)


@given(st.one_of(st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=6, network="2001:db8::/32")))
def test_a_network_holds_its_addresses_and_no_others(inside: IPv4Address | IPv6Address) -> None:
    """Numbers of the two versions are never mixed up."""
    assert address(STRANGER, peer=str(inside)) == STRANGER
    other = IPv6Address(int(inside)) if inside.version == 4 else IPv4Address(int(inside) >> 96)
    assert address(STRANGER, peer=str(other)) == str(other)


def test_what_is_no_network_is_refused() -> None:
    """A single address is one; host bits are a mistake."""
    assert client_of(scope(("x-forwarded-for", STRANGER)), networks([PEER]))[0] == STRANGER
    for wrong in ("10.0.0.1/8", "proxy.internal", ""):
        with pytest.raises(ValueError, match=r".+"):
            networks([wrong])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "unknown", False),
        ("not:an:address", "not:an:address", True),
        ("x" * 64, "x" * 10_000, True),
    ],
)
def test_whom_an_address_stands_for(one: str, other: str, same: bool) -> None:
    """Itself in IPv4, its /64 in IPv6, of which one client has as many addresses as it likes."""
    assert (network_of(one) == network_of(other)) == same
