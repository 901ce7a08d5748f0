"""How well the server is guarded: every guard's own word, gathered for `GET /security/status`."""

from functools import partial
from typing import Any

from bullpen.bootstrap.ground import Ground
from bullpen.bootstrap.identity import Identity
from bullpen.bootstrap.stores import plain, secret_of
from bullpen.clock import SystemClock
from bullpen.limits import Turnstile
from bullpen.operations import Posture
from bullpen.operations.posture import Age, Control
from bullpen.operations.weaknesses import cautions, weaknesses
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.settings import Settings
from bullpen.stores.secrets import Secrets
from bullpen.telemetry import Metrics

__all__ = ["posture_of"]


def posture_of(
    settings: Settings,
    *,
    ground: Ground,
    identity: Identity,
    policy: CedarPolicy,
    turnstile: Turnstile,
    metrics: Metrics,
) -> Posture:
    """Asks each guard when it is asked itself; nothing of what it tells is a secret."""
    trail, secrets = ground.trail, ground.secrets

    def audit() -> dict[str, Any]:
        return {"durability": trail.mode, "degraded": trail.outbox.degraded, "keep_days": settings.audit.keep_days}

    def limits() -> dict[str, Any]:
        return {"shared": bool(settings.redis_url), "degraded": turnstile.degraded}

    def rules() -> dict[str, Any]:
        known = policy.policies
        return {"rules": len(known.rules), "roles": list(known.roles), "warnings": list(known.warnings)}

    controls: dict[str, Control] = {
        "audit": audit,
        "limits": limits,
        "policy": rules,
        "tokens": partial(_tokens, settings, identity),
        "door": partial(_door, settings),
        "files": partial(_files, metrics),
    }
    return Posture(
        outbox=trail.outbox,
        audit=trail.log,
        buckets=turnstile.active,
        keys=lambda: identity.ring.census()._asdict(),
        ages=_ages(identity, secrets),
        controls=controls,
        weak=partial(_weak, settings, secrets),
        metrics=metrics,
    )


def _tokens(settings: Settings, identity: Identity) -> dict[str, Any]:
    provider = identity.provider
    return {
        "issuer": settings.auth.issuer,
        "provider_keys_stale": None if provider is None else provider.stale,
        "mfa_routes": list(settings.auth.mfa_routes),
    }


def _door(settings: Settings) -> dict[str, Any]:
    return {
        "trusted_proxies": list(settings.http.trusted_proxies),
        "cors_origins": list(settings.http.cors_origins),
        "hsts": "behind TLS",
        "metrics": settings.enable_metrics,
    }


def _files(metrics: Metrics) -> dict[str, Any]:
    """Which files of the operator's were changed and not taken; the alarm's own account, so that the two agree."""
    samples = [sample for family in metrics.config_broken.collect() for sample in family.samples]
    return {"broken": sorted(sample.labels["file"] for sample in samples if sample.value)}


def _ages(identity: Identity, secrets: Secrets) -> dict[str, Age]:
    def oldest_key() -> float | None:
        made = identity.ring.census().oldest_at
        return None if made is None else max(0.0, SystemClock().now() - made)

    return {"api_key": oldest_key, **{name.lower(): partial(secrets.age, name) for name in secrets.files}}


def _weak(settings: Settings, secrets: Secrets) -> list[str]:
    files = dict(secrets.files)
    if settings.bootstrap_admin_key_file:
        files["BOOTSTRAP_ADMIN_KEY_FILE"] = settings.bootstrap_admin_key_file
    signing = secrets.current("API_SECRET_KEY") or secret_of(settings)
    return [
        *weaknesses(api_secret_key=signing, api_secret_key_previous=plain(settings.api_secret_key_previous)),
        *cautions(
            files=files,
            trusted_proxies=settings.http.trusted_proxies,
            cors_origins=settings.http.cors_origins,
            log_level=settings.log_level,
        ),
    ]
