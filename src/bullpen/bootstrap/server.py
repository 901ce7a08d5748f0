"""Everything a server needs, opened in the order in which it leans on one another."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from bullpen import __version__
from bullpen.bootstrap.cast import Cast, cast
from bullpen.bootstrap.crew import Crew, members, prepared, work
from bullpen.bootstrap.ground import Ground, open_ground
from bullpen.bootstrap.health import open_health
from bullpen.bootstrap.identity import Identity, open_identity
from bullpen.bootstrap.limits import open_turnstile
from bullpen.bootstrap.operations import look_after
from bullpen.bootstrap.places import open_places
from bullpen.bootstrap.policy import follow_policies
from bullpen.bootstrap.posture import posture_of
from bullpen.bootstrap.safeguards import safeguards_of
from bullpen.bootstrap.secrets import follow_models, follow_signing, secrets_of
from bullpen.bootstrap.stores import plain, secret_of
from bullpen.errors import Misconfigured
from bullpen.execution import Authority
from bullpen.limits import Turnstile
from bullpen.llm import Makers
from bullpen.operations import Health, Posture, Scaler, Traffic, Tuner
from bullpen.operations.weaknesses import weaknesses
from bullpen.outbox import Outbox
from bullpen.security.audit import AuditLog, EventType
from bullpen.security.authentication import Authenticator, Guesses, Locksmith, Sessions
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import policies_in
from bullpen.settings import Settings
from bullpen.stores import open_engine, open_redis
from bullpen.telemetry import Metrics

__all__ = ["Services", "bootstrap"]

_SIGNING: Final = "API_SECRET_KEY"

_log = structlog.get_logger("bullpen.start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Crew):
    """Everything a server needs.

    Attributes:
        first_key: The API key this machine made for itself; None when the server is not on a laptop.
    """

    authenticator: Authenticator
    guesses: Guesses
    locksmith: Locksmith
    sessions: Sessions
    policy: CedarPolicy
    turnstile: Turnstile
    outbox: Outbox
    audit_log: AuditLog
    posture: Posture
    health: Health
    scaler: Scaler
    tuner: Tuner
    first_key: str | None = field(repr=False)


@asynccontextmanager
async def bootstrap(
    settings: Settings, *, exposed: bool = False, providers: Makers | None = None
) -> AsyncIterator[Services]:
    """Opens everything a server needs.

    Args:
        settings: What the operator set.
        exposed: The server listens on an address others can reach. It then refuses to start without a secret of the
            operator's, and without a model that was named (P19).
        providers: Models of tests, by provider.

    Raises:
        Misconfigured: Names everything that is wrong.
        DependencyDown: The database is away, or was not migrated in time.
    """
    wrong = [*_unreadable(settings), *(_open(settings) if exposed else ())]
    async with AsyncExitStack() as stack:
        stack.enter_context(prepared(settings))
        if wrong:
            cast(settings, providers=providers, wrong=wrong)  # tells of what else is wrong, too
        metrics = Metrics(version=__version__)
        secrets = secrets_of(settings, metrics=metrics, exposed=exposed)
        safeguards = safeguards_of(stack, settings, secrets=secrets, metrics=metrics)
        found = cast(settings, providers=providers, metrics=metrics, safeguards=safeguards)
        policy = _policy(settings)
        ground = await stack.enter_async_context(open_ground(settings, secrets, metrics))
        audit = ground.trail.audit
        authority = Authority(policy, audit=audit, metrics=metrics)
        follow_policies(stack, settings, policy, audit=audit, metrics=metrics)
        turnstile = await open_turnstile(
            stack, settings, ground=ground, metrics=metrics, roles=lambda: policy.policies.roles
        )
        identity = await stack.enter_async_context(
            _identity(settings, found, ground, roles=policy.policies.roles, exposed=exposed)
        )
        traffic = Traffic()
        places = open_places(stack, settings, ground=ground, catalogue=found.catalogue, metrics=metrics)
        works = await stack.enter_async_context(
            work(settings, found, authority=authority, audit=audit, observe=traffic.observe, places=places)
        )
        health = open_health(stack, settings, works, ground, identity)
        scaler, tuner = look_after(stack, settings, works, traffic=traffic, replicas=ground.replicas)
        yield Services(
            **members(works),
            authenticator=Authenticator(identity.ring, identity.tokens),
            guesses=Guesses(most=settings.auth.guesses),
            locksmith=identity.locksmith,
            sessions=identity.sessions,
            policy=policy,
            turnstile=turnstile,
            outbox=ground.trail.outbox,
            audit_log=ground.trail.log,
            posture=posture_of(
                settings, ground=ground, identity=identity, policy=policy, turnstile=turnstile, metrics=metrics
            ),
            health=health,
            scaler=scaler,
            tuner=tuner,
            first_key=identity.first_key,
        )


def _policy(settings: Settings) -> CedarPolicy:
    policies = policies_in(settings.config_dir)
    for warning in policies.warnings:
        _log.warning("policy_warning", warning=warning)
    return CedarPolicy(policies)


@asynccontextmanager
async def _identity(
    settings: Settings, found: Cast, ground: Ground, *, roles: Collection[str], exposed: bool
) -> AsyncIterator[Identity]:
    """Who is asking, by the secrets of the moment."""
    secrets = ground.secrets
    async with open_identity(
        settings,
        engine=ground.engine,
        redis=ground.redis,
        secret=secret_of(settings),
        older=secrets.accepted(_SIGNING)[1:],
        roles=roles,
        metrics=found.metrics,
        exposed=exposed,
    ) as identity:
        follow_models(secrets, found.models, settings)
        follow_signing(secrets, tokens=identity.tokens, peppers=identity.peppers, notary=ground.trail.notary)
        announce = partial(ground.trail.audit.announce, EventType.SETTINGS_CHANGED, what="secrets")
        secrets.subscribe(secrets.files, announce)
        secrets.start()
        try:
            yield identity
        finally:
            await secrets.aclose()


def _unreadable(settings: Settings) -> Iterator[str]:
    """Addresses of stores that can be seen to be wrong before anything is opened."""
    for variable, url, opener in (
        ("DATABASE_URL", settings.database_url, open_engine),
        ("REDIS_URL", settings.redis_url, open_redis),
    ):
        try:
            if url:
                opener(url)
        except Misconfigured as error:
            yield from (f"{variable}: {problem}" for problem in error.problems)


def _open(settings: Settings) -> Iterator[str]:
    """What an address others can reach asks for."""
    yield from weaknesses(
        api_secret_key=plain(settings.api_secret_key), api_secret_key_previous=plain(settings.api_secret_key_previous)
    )
    if not (settings.model_name or settings.models or settings.openai_api_key or settings.anthropic_api_key):
        yield (
            "MODEL_NAME: no model is set, and on an address others can reach none is assumed. Set a provider's key, "
            "or MODEL_NAME=offline to serve the offline model."
        )
