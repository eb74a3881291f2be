"""Errors that are meant for the user: each says what, where, why and what to do."""


class SeqdlError(Exception):
    """Base of every error that seqdl raises on purpose; the command line exits with 2."""


class InputError(SeqdlError, ValueError):
    """A file, an argument or a combination of them is not usable as given."""


class MissingDependencyError(SeqdlError, ImportError):
    """A program or an optional package that this step needs is not installed."""
