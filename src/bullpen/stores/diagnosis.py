"""Why a database fails, in words of ours: drivers' own texts name addresses and users."""

from typing import Final

__all__ = ["diagnosis"]

_UNKNOWN: Final = "Try again in a moment."
_DAMAGED: Final = "Its file is damaged, or is no SQLite database. Restore it, or move it away and start again."
_SIGNS: Final = (
    ("password authentication failed", "It refused the user or the password."),
    ("no password supplied", "It wants a password, and none is set."),
    ("no pg_hba.conf entry", "It does not let this user in from this address."),
    ("failed to resolve host", "Its host name is not known here."),
    ("Connection refused", "Nothing listens at its address."),
    ("timeout expired", "It did not answer in time."),
    ("too many clients", "It has no connection left."),
    ("invalid connection option", "Its URL has an option that is not known."),
    ("file is not a database", _DAMAGED),
    ("disk image is malformed", _DAMAGED),
    ("unable to open database file", "Its file cannot be opened."),
    ("readonly database", "Its file cannot be written."),
    ("database is locked", "Another process was writing all the time."),
    ("database or disk is full", "There is no space left."),
)


def diagnosis(error: BaseException) -> str:
    """One or two sentences about a driver's error, without anything of its text.

    The drivers have no codes for a connection that failed, so their words are searched for signs. A server that
    speaks another language than English is answered in general terms.
    """
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    text = str(error)
    if "does not exist" in text and text.startswith("(psycopg.OperationalError)"):
        return "It has no such user, or no such database."
    return next((said for sign, said in _SIGNS if sign in text), _UNKNOWN)
