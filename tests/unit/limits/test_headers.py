"""What the caller is told of its limits."""

from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.headers import rate_limit_headers
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Bucket, Cap, Charge
from tests.stubs.clock import StillClock
from tests.stubs.limits import bucket

USER = bucket(rate=100, per=60, burst=10)
TOKENS = Bucket("user-tokens", "ada", Limit(6000, 60 * MICROSECONDS, 600), "tokens")
CAP = Cap("user-concurrent", "ada", 3)


async def test_every_level_is_told_as_structured_fields() -> None:
    """Policy and state name the same levels in the same order; tokens and places have their unit."""
    limiter = LocalLimiter(clock=StillClock())
    verdict = await limiter.admit([Charge(USER), Charge(TOKENS, 200)], caps=[CAP])
    assert rate_limit_headers(verdict) == {
        "RateLimit-Policy": '"user";q=100;w=60;bullpen-burst=10, '
        '"user-tokens";q=6000;qu="tokens";w=60;bullpen-burst=600, '
        '"user-concurrent";q=3;qu="concurrent-requests"',
        "RateLimit": '"user";r=9;t=1, "user-tokens";r=400;t=2, "user-concurrent";r=2',
    }


async def test_a_refusal_says_when_to_come_back() -> None:
    """`Retry-After` and `t` mean the same moment, in whole seconds, rounded up and never 0."""
    limiter = LocalLimiter(clock=StillClock())
    slow = bucket(rate=1, per=10, burst=1)
    await limiter.admit([Charge(slow), Charge(USER)])
    told = rate_limit_headers(await limiter.admit([Charge(slow), Charge(USER)]))
    assert told["Retry-After"] == "10"
    assert told["RateLimit"] == '"user";r=0;t=10, "user";r=9;t=1'
    quick = bucket(rate=1000, burst=1)
    await limiter.admit([Charge(quick)])
    assert rate_limit_headers(await limiter.admit([Charge(quick)]))["Retry-After"] == "1"


async def test_what_the_whole_house_can_take_is_nobodys_business() -> None:
    """The level `global` refuses, says when to come back, and tells no figure."""
    limiter = LocalLimiter(clock=StillClock())
    everybody = bucket("", name="global", rate=1, per=30, burst=1)
    cap = Cap("global-concurrent", "", 1)
    assert rate_limit_headers(await limiter.admit([Charge(everybody)], caps=[cap])) == {}
    assert rate_limit_headers(await limiter.admit([Charge(everybody)], caps=[cap])) == {"Retry-After": "30"}


async def test_no_limits_need_no_words() -> None:
    """Where nothing is limited, no header is sent."""
    assert rate_limit_headers(await LocalLimiter().admit([])) == {}
