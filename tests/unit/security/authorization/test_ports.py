"""What every policy does with its answer."""

import pytest

from bullpen.caller import Caller
from bullpen.errors import Forbidden
from bullpen.security.authorization.roles import RoleTable

USER = Caller(user_id="u", tenant="t", credential="jwt", roles=frozenset({"user"}))


def test_require_gives_the_caller_back() -> None:
    """Whoever forgets to ask has no caller to work with."""
    assert RoleTable().require(USER, "agent:execute:basic") is USER


def test_require_names_what_is_missing() -> None:
    """The caller can tell an administrator what to grant."""
    with pytest.raises(Forbidden, match="`agent:execute`"):
        RoleTable().require(USER, "agent:execute")
