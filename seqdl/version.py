"""The version of seqdl: the one place that states it."""

__version__ = "0.1.0"
