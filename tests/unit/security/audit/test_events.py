"""Events as they travel."""

from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.audit.events import Event, EventType, Origin, from_json, to_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EVENTS = st.builds(
    Event,
    id=TEXT,
    at=st.floats(0, 4e9),
    type=st.sampled_from(EventType),
    tenant=TEXT,
    actor=TEXT,
    credential=TEXT,
    outcome=st.sampled_from(["success", "denied", "error"]),
    origin=st.builds(Origin, address=TEXT, user_agent=TEXT, request_id=TEXT, route=TEXT),
    details=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, max_size=4),
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    """Nothing is lost or changed on the way through the outbox."""
    assert from_json(to_json(event)) == event


def test_the_names_of_the_seeds_are_kept() -> None:
    """Whoever searched for these in the first seed's log finds them here."""
    assert {
        "authentication_success",
        "token_expired",
        "token_too_old",
        "token_expired_signature",
        "token_invalid",
        "api_key_auth_success",
        "api_key_auth_failed",
        "authorization_success",
        "abac_authorization_success",
        "authorization_denied",
        "rate_limit_blocked",
        "burst_limit_triggered",
        "rate_limit_exceeded",
        "agent_execution",
    } <= set(EventType)
