"""The gate: who are you, not so fast, may you. Out comes a `Caller`, without which no story can be told.

Each answer, yes or no, is an event of the audit trail, and is recorded before the response leaves.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from starlette.requests import Request

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
_FORGED: Final = frozenset({"form", "signature"})
_KEY_PREFIX: Final = "bp_"
_TOKEN_END: Final = 16


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
        self._mfa_routes = tuple(mfa_routes)
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
            api_key, bearer = _credentials(request)
        name = _name_of(api_key or bearer)
        self._refuse_guessing(origin, name)
        async with self.doubting(request, name):
            caller = await self._authenticator.authenticate(api_key=api_key, bearer=bearer)
            self._ask_for_factors(caller, origin)
        self._recognised(caller, origin, name)
        await self._enter(request, _subject(caller, origin), caller=caller, runs=runs)
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
        await self._enter(request, Subject(address=origin.address, route=origin.route))

    @asynccontextmanager
    async def doubting(self, request: Request, name: str = "") -> AsyncIterator[None]:
        """Around the look at a credential: what is wrong with it is recorded, counts as a guess, and is limited."""
        origin = request.state.trail.origin
        try:
            yield
        except Unauthenticated as error:
            self._audit.record(EventType(error.event), outcome="denied", details=error.facts)
            self._shown("none" if error.event == _MISSING else "credential", "denied").inc()
            if _is_guess(error) and (seconds := self._guesses.failed(origin.address, name)):
                self._audit.record(EventType.GUESSING_SLOWED, outcome="denied", details={"seconds": seconds})
            await self._enter(request, Subject(address=origin.address, route=origin.route))
            raise

    async def charge(self, request: Request, caller: Caller, *, requests: int, runs: int) -> None:
        """Counts more for a request that turned out to be more than one; raises `RateLimited` when it is too much."""
        subject = _subject(caller, request.state.trail.origin)
        # It has its place already.
        await self._enter(request, subject, caller=caller, requests=requests, runs=runs, takes_place=False)

    def allows(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> bool:
        """Whether the caller may; nothing is recorded."""
        return self._authority.allows(caller, permission, resource)

    def require(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> None:
        """Raises `Forbidden` unless the caller may; recorded either way."""
        self._authority.require(caller, permission, resource)

    def _begin(self, request: Request) -> Origin:
        state = request.state
        origin = Origin(
            address=state.address,
            user_agent=request.headers.get("user-agent", "")[:_LONGEST_AGENT],
            request_id=state.request_id,
            route=request.scope["route"].path,
        )
        state.trail = self._audit.begin(origin)
        return origin

    def _refuse_guessing(self, origin: Origin, name: str) -> None:
        """Nothing is recorded here: that the wait began is on record, and a flood must not fill the trail."""
        seconds = self._guesses.blocked(origin.address, name)
        if seconds:
            raise RateLimited(
                f"Too many credentials that are not valid came from here. Try again in {seconds:.0f} s.",
                retry_after=seconds,
            )

    def _ask_for_factors(self, caller: Caller, origin: Origin) -> None:
        if any(fnmatchcase(origin.route, pattern) for pattern in self._mfa_routes):
            require_factor(caller, acr_values=self._acr_values)

    def _recognised(self, caller: Caller, origin: Origin, name: str) -> None:
        method = method_of(caller)
        by_key = method == "api_key"
        self._audit.record(EventType.API_KEY_AUTH_SUCCESS if by_key else EventType.AUTHENTICATION_SUCCESS, caller)
        self._shown(method, "success").inc()
        self._guesses.succeeded(origin.address, name)

    async def _enter(
        self,
        request: Request,
        subject: Subject,
        *,
        caller: Caller | None = None,
        requests: int = 1,
        runs: int = 0,
        takes_place: bool = True,
    ) -> None:
        try:
            verdict = await self._turnstile.enter(
                subject,
                requests=requests,
                tokens=self._estimate(request, runs) if runs else None,
                lease=self._lease if takes_place else None,
            )
        except RateLimited as error:
            self._audit.record(EventType(error.event), caller, outcome="denied", details={"level": error.level})
            raise
        state = request.state
        if hasattr(state, "visit"):
            state.visit.add(verdict)
        else:
            state.visit = Visit(self._turnstile, verdict)

    def _estimate(self, request: Request, runs: int) -> int:
        """Tokens to reserve for so many runs."""
        length = request.headers.get("content-length", "0")
        return runs * self._tokens_per_run + (int(length) // _BYTES_A_TOKEN if length.isdecimal() else 0)


def _is_guess(error: Unauthenticated) -> bool:
    """Whether nobody who was ever let in would show this; an expired token, say, is honest."""
    return error.event == "api_key_auth_failed" or error.facts.get("reason") in _FORGED


def _name_of(credential: str) -> str:
    """What a credential calls itself, good enough to know it again: a key's id, or how a token ends."""
    if credential.startswith(_KEY_PREFIX):
        return credential.removeprefix(_KEY_PREFIX).partition("_")[0]
    return credential[-_TOKEN_END:]


def _subject(caller: Caller, origin: Origin) -> Subject:
    kind, _, key_id = caller.credential.partition(":")
    department = caller.attributes.get("department")
    return Subject(
        user_id=caller.user_id,
        tenant=caller.tenant,
        api_key=key_id if kind == "api_key" else None,
        department=None if department is None else str(department),
        address=origin.address,
        route=origin.route,
        roles=caller.roles,
    )


def _credentials(request: Request) -> tuple[str, str]:
    """What was shown as `X-API-Key` and as bearer."""
    scheme, _, credential = _only(request, "authorization").partition(" ")
    return _only(request, "x-api-key"), credential.strip() if scheme.lower() == "bearer" else ""


def _only(request: Request, name: str) -> str:
    """The header's value. Of two, a proxy and we might believe another one each."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise Unauthenticated(f"The header {name} was sent {len(values)} times. Send it once.")
    return values[0] if values else ""
