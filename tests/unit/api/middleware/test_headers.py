"""Headers of every answer."""

from bullpen.api.middleware.headers import guarded

OWASP = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}


def test_the_list_for_rest_services_is_complete() -> None:
    """What OWASP's cheat sheet asks of an API that serves no pages."""
    assert dict(guarded([])) == OWASP


def test_only_a_client_that_came_over_tls_is_told_to_stay_there() -> None:
    """For a year, and for this host alone; over plain HTTP the header must not be sent (RFC 6797 §7.2)."""
    told = {**OWASP, b"strict-transport-security": b"max-age=31536000"}
    assert dict(guarded([], secure=True)) == told


def test_what_the_route_says_stands() -> None:
    """Once."""
    given = [(b"cache-control", b"max-age=60"), (b"x-request-id", b"r")]
    shown = guarded(given)
    assert shown[:2] == given
    assert [value for name, value in shown if name == b"cache-control"] == [b"max-age=60"]
