"""Scores on disk: one writer a format, and readers of all of them."""
