"""Which pages may call."""

from collections.abc import Mapping

import httpx
import pytest
from starlette.responses import PlainTextResponse

from bullpen.api.middleware.cors import Cors

NONE: Mapping[str, str] = {}
PAGE = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key, Content-Type"}


async def ask(
    method: str, origin: str | None, headers: Mapping[str, str] = NONE, *, credentials: bool = False
) -> httpx.Response:
    app = Cors(PlainTextResponse("refused", status_code=401), origins=[PAGE], credentials=credentials)
    sent = dict(headers) | ({"Origin": origin} if origin else {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://h") as client:
        return await client.request(method, "/", headers=sent)


async def test_a_named_page_may_read_the_answer_also_a_refusal() -> None:
    """And the headers that tell it when to come back; other caches must not mix it up."""
    answer = await ask("POST", PAGE)
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://app.example.com", f"{PAGE}.evil.org", "null"])
async def test_another_page_may_not(origin: str) -> None:
    """Origins are compared whole: scheme, host and port."""
    assert "access-control-allow-origin" not in (await ask("POST", origin)).headers
    preflight = await ask("OPTIONS", origin, PREFLIGHT)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_preflight_is_answered_without_a_credential() -> None:
    """Browsers send none; the answer has the headers every answer of ours has."""
    answer = await ask("OPTIONS", PAGE, PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_cookies_are_sent_only_where_that_was_said() -> None:
    """A proxy in front may have some; we read none."""
    assert (await ask("POST", PAGE, credentials=True)).headers["access-control-allow-credentials"] == "true"


async def test_who_is_no_page_sees_nothing_of_it() -> None:
    """Without an origin the answer is the same as ever, but for `Vary` and what a page could read."""
    assert "access-control-allow-origin" not in (await ask("POST", None)).headers
