"""Errors that are meant for the user: each says what, where, why and what to do."""


class SeqdlError(Exception):
    """Base of every error that seqdl raises on purpose; the command line exits with 2."""


class InputError(SeqdlError, ValueError):
    """A file, an argument or a combination of them is not usable as given."""


class MissingDependencyError(SeqdlError, ImportError):
    """A program or an optional package that this step needs is not installed."""


def require_one_of(name: str, value: str, known) -> None:
    """Check that an argument is one of the known words.

    Parameters
    ----------
    name : str
        The argument.
    value : str
    known : sequence of str

    Raises
    ------
    InputError
        If not.
    """
    if value not in known:
        raise InputError(f"`{name}` is one of {', '.join(known)}. Received: {value!r}.")


def require_at_least(least: int, **numbers) -> None:
    """Check that arguments are not too small.

    Parameters
    ----------
    least : int
    **numbers
        Argument and what it was given; None is passed over.

    Raises
    ------
    InputError
        If one is less, or NaN.
    """
    for name, value in numbers.items():
        if value is not None and not value >= least:
            raise InputError(f"`{name}` must be at least {least}. Received: {value}.")
