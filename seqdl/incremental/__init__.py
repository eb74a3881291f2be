"""Exact evaluation of changed sequences: only what a changed base can reach is computed anew."""
