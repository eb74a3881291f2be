"""Pieces of VCF text: what may stand in a value, declarations of fields and of contigs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

_RESERVED = re.compile(r"[\s,;=%&|]")


def escape(text: str) -> str:
    """Percent-encode what VCF gives a meaning to."""
    return _RESERVED.sub(lambda found: quote(found.group()), text)


def info_line(key: str, number: str, kind: str, description: str) -> str:
    """Declare an INFO field."""
    description = " ".join(description.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'##INFO=<ID={key},Number={number},Type={kind},Description="{description}">'


def contig_lines(contigs: Mapping[str, int | None], header: str) -> list[str]:
    """Declare the contigs that a header lacks, with their lengths as far as they are known."""
    declared = set(re.findall(r"^##contig=<(?:.*,)?ID=([^,>]+)", header, re.MULTILINE))
    return [
        f"##contig=<ID={name},length={size}>" if size else f"##contig=<ID={name}>"
        for name, size in contigs.items()
        if name not in declared
    ]


def info_keys(names: tuple[str, ...]) -> list[str]:
    """Turn names into parts of INFO keys: letters, digits, "_" and "."; equal ones get a number.

    Examples
    --------
    >>> info_keys(("H3K4me3 (K562)", "H3K4me3 [K562]"))
    ['H3K4me3_K562_', 'H3K4me3_K562__2']
    """
    keys: list[str] = []
    for name in names:
        key = base = re.sub(r"[^0-9A-Za-z_.]+", "_", name)
        number = 2
        while key in keys:
            key, number = f"{base}_{number}", number + 1
        keys.append(key)
    return keys
