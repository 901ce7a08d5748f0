"""The gate: who are you, not so fast, may you. Out comes a `Caller`, without which no story can be told.

Each answer, yes or no, is an event of the audit trail, and is recorded before the response leaves.
"""

import math
import re
from collections.abc import Sequence
from fnmatch import translate
from functools import cache
from typing import Final

from starlette.requests import Request

from bullpen.api.address import network_of
from bullpen.api.doubt import Doubt, credentials, is_guess
from bullpen.caller import Caller
from bullpen.errors import RateLimited, Unauthenticated
from bullpen.execution import Authority
from bullpen.limits import Subject, Turnstile, Visit
from bullpen.security.audit import Audit, EventType, Origin
from bullpen.security.authentication import Authenticator, Guesses, method_of, require_factor
from bullpen.security.authorization import HOUSE, Resource
from bullpen.telemetry import Metrics

__all__ = ["Gate"]

_LONGEST_AGENT: Final = 256
# Four characters a token, as English has them: an estimate to reserve, corrected by what was used.
_BYTES_A_TOKEN: Final = 4
_MISSING: Final = "credential_missing"
_GUESSES: Final = "guesses"


class Gate:
    """Admits requests."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        guesses: Guesses,
        turnstile: Turnstile,
        authority: Authority,
        audit: Audit,
        metrics: Metrics,
        mfa_routes: Sequence[str] = (),
        acr_values: Sequence[str] = (),
        lease: float = 300.0,
        tokens_per_run: int = 1000,
    ) -> None:
        """Composes the rooms that decide.

        Args:
            authenticator: Who are you.
            guesses: Slows strangers who try credentials.
            turnstile: Not so fast.
            authority: May you.
            audit: Where each decision is recorded.
            metrics: Where credentials are counted.
            mfa_routes: Routes, as patterns with `*`, that ask for more than one factor.
            acr_values: What a token is told to say of that.
            lease: The longest a request may hold its place, seconds.
            tokens_per_run: Reserved for a run before it, beside its body's.
        """
        self._authenticator = authenticator
        self._guesses = guesses
        self._turnstile = turnstile
        self._authority = authority
        self._audit = audit
        self._shown = cache(metrics.authentications_total.labels)
        self._slowed = metrics.rate_limited_total.labels(_GUESSES)
        self._asks_for_factors = re.compile("|".join(map(translate, mfa_routes))) if mfa_routes else None
        self._acr_values = tuple(acr_values)
        self._lease = lease
        self._tokens_per_run = tokens_per_run

    async def admit(
        self, request: Request, permission: str | None = None, resource: Resource = HOUSE, *, runs: int = 0
    ) -> Caller:
        """The caller behind the request, who has the permission if one is asked for.

        Args:
            request: What came in.
            permission: What the route needs; None when the story asks for itself.
            resource: What it is needed for.
            runs: How many runs it may start; tokens are reserved for them.

        Raises:
            Unauthenticated: No valid credential was shown, as `X-API-Key` or as bearer, or one of the headers twice;
                or the route asks for a second factor.
            RateLimited: Too many requests, or too many guesses.
            Forbidden: The caller lacks the permission.
            DependencyDown: Credentials cannot be checked now.
        """
        origin = self._begin(request)
        async with self.doubting(request):
            api_key, bearer = credentials(request)
        credential = api_key or bearer
        self._refuse_guessing(origin, credential)
        async with self.doubting(request, credential):
            caller = await self._authenticator.authenticate(api_key=api_key, bearer=bearer)
        self._recognised(caller, origin, credential)
        await self._enter(request, _subject(caller, origin), caller=caller, runs=runs)
        self._ask_for_factors(caller, origin)
        if permission is not None:
            self._authority.require(caller, permission, resource)
        return caller

    async def meet(self, request: Request) -> None:
        """Lets somebody in who shows a credential in the body, and is limited by address until it is looked at.

        Raises:
            RateLimited: Too many requests, or too many guesses.
        """
        origin = self._begin(request)
        self._refuse_guessing(origin, "")
        await self._enter(request, _stranger(origin))

    def doubting(self, request: Request, credential: str = "") -> Doubt:
        """Around the look at a credential: what is wrong with it is recorded, counts as a guess, and is limited."""
        return Doubt(self._doubted, request, credential)

    async def _doubted(self, error: Unauthenticated, request: Request, credential: str) -> None:
        origin = request.scope["state"]["trail"].origin
        self._audit.record(EventType(error.event), outcome="denied", details=error.facts)
        self._shown("none" if error.event == _MISSING else "credential", "denied").inc()
        if is_guess(error) and (seconds := self._guesses.failed(network_of(origin.address), credential)):
            self._audit.record(EventType.GUESSING_SLOWED, outcome="denied", details={"seconds": seconds})
        if "visit" not in request.scope["state"]:  # whom the gate has met is charged already
            await self._enter(request, _stranger(origin))

    async def charge(self, request: Request, caller: Caller, *, requests: int, runs: int) -> None:
        """Counts more for a request that turned out to be more than the one it was let in for.

        Raises:
            RateLimited: It is too much. The one stays charged, for its body has been read.
        """
        subject = _subject(caller, request.scope["state"]["trail"].origin)
        await self._enter(request, subject, caller=caller, requests=requests, held=1, runs=runs)

    def allows(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> bool:
        """Whether the caller may; nothing is recorded."""
        return self._authority.allows(caller, permission, resource)

    def require(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> None:
        """Raises `Forbidden` unless the caller may; recorded either way."""
        self._authority.require(caller, permission, resource)

    def _begin(self, request: Request) -> Origin:
        state = request.scope["state"]
        origin = Origin(
            address=state["address"],
            user_agent=request.headers.get("user-agent", "")[:_LONGEST_AGENT],
            request_id=state["request_id"],
            route=request.scope["route"].path,
        )
        state["trail"] = self._audit.begin(origin)
        return origin

    def _refuse_guessing(self, origin: Origin, credential: str) -> None:
        """Nothing is recorded here: that the wait began is on record, and a flood must not fill the trail."""
        seconds = self._guesses.blocked(network_of(origin.address), credential)
        if seconds:
            self._slowed.inc()
            raise RateLimited(
                f"Too many credentials that are not valid came from here. Try again in {math.ceil(seconds)} s.",
                retry_after=seconds,
                level=_GUESSES,
            )

    def _ask_for_factors(self, caller: Caller, origin: Origin) -> None:
        if self._asks_for_factors is None or not self._asks_for_factors.match(origin.route):
            return
        try:
            require_factor(caller, acr_values=self._acr_values)
        except Unauthenticated as error:
            self._audit.record(EventType(error.event), caller, outcome="denied", details=error.facts)
            raise

    def _recognised(self, caller: Caller, origin: Origin, credential: str) -> None:
        method = method_of(caller)
        by_key = method == "api_key"
        self._audit.record(EventType.API_KEY_AUTH_SUCCESS if by_key else EventType.AUTHENTICATION_SUCCESS, caller)
        self._shown(method, "success").inc()
        self._guesses.succeeded(network_of(origin.address), credential)

    async def _enter(
        self,
        request: Request,
        subject: Subject,
        *,
        caller: Caller | None = None,
        requests: int = 1,
        held: int = 0,
        runs: int = 0,
    ) -> None:
        try:
            verdict = await self._turnstile.enter(
                subject,
                requests=requests,
                held=held,
                tokens=self._estimate(request, runs) if runs else None,
                lease=self._lease,
            )
        except RateLimited as error:
            self._audit.record(EventType(error.event), caller, outcome="denied", details={"level": error.level})
            raise
        state = request.scope["state"]
        if "visit" in state:
            state["visit"].add(verdict)
        else:
            state["visit"] = Visit(self._turnstile, verdict)

    def _estimate(self, request: Request, runs: int) -> int:
        """Tokens to reserve for so many runs."""
        length = request.headers.get("content-length", "0")
        return runs * self._tokens_per_run + (int(length) // _BYTES_A_TOKEN if length.isdecimal() else 0)


def _stranger(origin: Origin) -> Subject:
    return Subject(address=network_of(origin.address) or None, route=origin.route)


def _subject(caller: Caller, origin: Origin) -> Subject:
    kind, _, key_id = caller.credential.partition(":")
    department = caller.attributes.get("department")
    return Subject(
        user_id=caller.user_id,
        tenant=caller.tenant,
        api_key=key_id if kind == "api_key" else None,
        department=None if department is None else str(department),
        address=network_of(origin.address) or None,
        route=origin.route,
        roles=caller.roles,
    )
