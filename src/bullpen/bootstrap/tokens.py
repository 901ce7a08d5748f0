"""Tokens, as the settings describe them: those of our own, and of an identity provider if there is one."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bullpen.clock import Clock
from bullpen.errors import Misconfigured
from bullpen.security.authentication import ClaimMap, Groups, KeySet, Marks, Provider, Tokens, claim_path, read_groups
from bullpen.security.authentication.identity import DEFAULT_TENANT, FIRST_USER, is_tenant
from bullpen.settings import AuthSettings
from bullpen.stores.watch import FileWatch
from bullpen.telemetry import Metrics

__all__ = ["claim_map", "open_tokens"]


@asynccontextmanager
async def open_tokens(
    settings: AuthSettings,
    *,
    secret: str,
    older: Sequence[str] = (),
    revoked: Callable[[Marks], bool] | None = None,
    roles: Collection[str],
    metrics: Metrics,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Tokens, KeySet | None]]:
    """What verifies tokens, and the provider's keys, which are a dependency.

    Args:
        settings: What the operator set.
        secret: Signs tokens of our own.
        older: Secrets that still verify.
        revoked: Says whether a token of our own was withdrawn.
        roles: The roles there are.
        metrics: Where reloads of the groups are counted.
        clock: What time it is.

    Raises:
        Misconfigured: Names everything that is wrong with a claim, the groups or the address of the keys.
    """
    async with AsyncExitStack() as stack:
        keys = provider = None
        if settings.jwks_url:
            keys = _keys(settings, clock)
            groups = await _groups(stack, settings.groups_file, roles=roles, metrics=metrics)
            provider = _provider(settings, keys, groups)
            await stack.enter_async_context(keys)
        issuers, audiences = _of_programs(settings) if provider is None else ((), ())
        tokens = Tokens(
            secret,
            older=older,
            issuers=issuers,
            audiences=audiences,
            provider=provider,
            revoked=revoked,
            leeway=settings.jwt_leeway,
            max_age=settings.jwt_max_age,
            clock=clock,
        )
        yield tokens, keys


def claim_map(settings: AuthSettings) -> ClaimMap:
    """What the provider's claims mean.

    Raises:
        Misconfigured: Names a claim that cannot be one, or a tenant.
    """
    claims, fixed = settings.claims, settings.tenant
    if fixed is not None and not is_tenant(fixed):
        raise Misconfigured(f"AUTH__TENANT: `{fixed}` cannot be a tenant: letters, digits, dots, dashes, underscores.")
    return ClaimMap(
        user_id=(claim_path(claims.user_id),) if claims.user_id else (("user_id",), ("sub",)),
        tenant=_where(claims.tenant),
        fixed_tenant=fixed,
        roles=_where(claims.roles),
        groups=_where(claims.groups),
        permissions=_where(claims.permissions),
        scopes=True,
        permission_prefix=claims.permission_prefix,
        attributes={name: claim_path(where) for name, where in claims.attributes.items()},
        amr=claim_path(claims.amr),
        acr=claim_path(claims.acr),
        mfa_acr_values=frozenset(settings.mfa_acr_values),
        reserved=frozenset({(DEFAULT_TENANT, FIRST_USER)}),
    )


def _of_programs(settings: AuthSettings) -> tuple[Collection[str] | None, Collection[str]]:
    """Issuers and audiences of programs that know our secret; with a provider, the settings speak of that one."""
    return [settings.issuer] if settings.issuer else None, settings.audience


def _where(claim: str | None) -> tuple[str, ...] | None:
    return claim_path(claim) if claim else None


def _keys(settings: AuthSettings, clock: Clock | None) -> KeySet:
    return KeySet(
        str(settings.jwks_url),
        algorithms=settings.algorithms,
        cooldown=settings.jwks_cooldown,
        refresh_every=settings.jwks_refresh,
        stale_after=settings.jwks_stale_after,
        clock=clock,
    )


def _provider(settings: AuthSettings, keys: KeySet, groups: Groups | None) -> Provider:
    return Provider(
        keys,
        issuer=settings.issuer or "",
        audiences=settings.audience,
        algorithms=settings.algorithms,
        claims=claim_map(settings),
        groups=groups,
    )


async def _groups(
    stack: AsyncExitStack, file: Path | None, *, roles: Collection[str], metrics: Metrics
) -> Groups | None:
    """The groups, read again whenever their file changes."""
    if file is None:
        return None

    def read(changed: Path) -> dict[str, frozenset[str]]:
        return dict(read_groups(changed, roles=roles))

    groups = Groups(read(file))
    watch = FileWatch(file, read=read, changed=groups.replace, metrics=metrics)
    watch.start()
    stack.push_async_callback(watch.aclose)
    return groups
