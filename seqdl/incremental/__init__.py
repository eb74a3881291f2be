"""Exact evaluation of changed sequences: only what a changed base can reach is computed anew."""

ENGINES = ("auto", "incremental", "full")
"""How effects of changes are evaluated: strips where they pay, wherever there are any, or whole passes."""

WORTH = 1e12
"""Floating-point operations that strips must spare before "auto" takes them: five to ten seconds of a core,
where compiling them takes two to nine."""
