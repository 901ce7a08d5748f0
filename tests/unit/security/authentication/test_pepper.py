"""Peppers: derived, told apart, and replaced while digests by the one before still fit."""

import hashlib
import hmac
from dataclasses import dataclass

import pytest

from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Pepper, Peppers, pepper_from

OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32


@dataclass
class Kept:
    digest: bytes
    pepper: str


def kept(key: ApiKey, pepper: Pepper, *, named: bool = True) -> Kept:
    return Kept(pepper.digest(key), pepper.id if named else "")


def test_the_digest_is_hmac_sha256_of_the_whole_key() -> None:
    """Anybody with the pepper can compute it again."""
    key = ApiKey("a" * 12, "0" * 64)
    assert Pepper("", b"p").digest(key) == hmac.new(b"p", key.text.encode(), hashlib.sha256).digest()


def test_the_digest_depends_on_id_secret_and_pepper() -> None:
    """A row's digest is of no use under another id, nor with another pepper."""
    key, other, pepper = ApiKey.generate(), ApiKey.generate(), pepper_from(OLD)
    made = {
        pepper.digest(key),
        pepper.digest(ApiKey(other.id, key.secret)),
        pepper.digest(ApiKey(key.id, other.secret)),
        pepper_from(NEW).digest(key),
    }
    assert len(made) == 4


def test_the_pepper_gives_nothing_away() -> None:
    """It is derived one way, always the same; its id is not a part of it, and its `repr` shows the id alone."""
    pepper = pepper_from(OLD)
    assert pepper == pepper_from(OLD)
    assert pepper.value != OLD.encode()
    assert pepper.id not in pepper.value.hex()
    assert repr(pepper) == f"Pepper({pepper.id})"


@pytest.mark.parametrize("named", [True, False])
def test_a_digest_by_the_secret_before_still_fits(named: bool) -> None:
    """Also one that does not say by which pepper it was made."""
    key = ApiKey.generate()
    peppers = Peppers(NEW, OLD)
    assert [peppers.fits(key, kept(key, pepper_from(each), named=named)) for each in (OLD, NEW, OTHER)] == [
        True,
        True,
        False,
    ]


def test_nothing_fits_another_key() -> None:
    """Nor does anything fit when nothing was kept."""
    key, peppers = ApiKey.generate(), Peppers(NEW, OLD)
    assert not peppers.fits(ApiKey.generate(), kept(key, peppers.current))
    assert not peppers.fits(key, None)


def test_a_digest_cannot_claim_another_pepper() -> None:
    """The id chooses the pepper and proves nothing."""
    key = ApiKey.generate()
    assert not Peppers(NEW, OLD).fits(key, Kept(pepper_from(OLD).digest(key), pepper_from(NEW).id))


def test_the_age_of_a_digest_is_told() -> None:
    """Which secret it hangs on; one without an id is of the time before ids."""
    key, peppers = ApiKey.generate(), Peppers(NEW, OLD)
    told = [peppers.age(kept(key, pepper_from(each))) for each in (NEW, OLD, OTHER)]
    assert [*told, peppers.age(kept(key, pepper_from(NEW), named=False))] == ["current", "older", "unknown", "older"]


def test_secrets_can_be_replaced_while_it_is_used() -> None:
    """From then on the new ones hold, and one that was dropped fits nothing."""
    key, peppers = ApiKey.generate(), Peppers(OLD)
    old = kept(key, peppers.current)
    peppers.replace(NEW, OLD)
    assert (peppers.current.id, peppers.fits(key, old)) == (pepper_from(NEW).id, True)
    peppers.replace(NEW)
    assert not peppers.fits(key, old)
