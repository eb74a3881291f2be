"""The folder that `seqdl motifs filters` and `discover` write, and its summary, ``motifs.json``.

The summary says what was looked at and what was found: ``format`` ("seqdl-motifs"), ``version``, ``kind``
("filters" or "patterns"), ``target``, ``method``, ``database``, ``settings``, ``found`` (seqlets of either
sign) and ``motifs``, one entry each: ``name``, ``sign``, ``sites``, ``consensus``, ``match`` (id, name, q,
similarity, strand; null without one). A report finds these in a run's folder.
"""

from __future__ import annotations

import json
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import require_file, write_text
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-motifs", 1
SUMMARY = "motifs.json"


def write_summary(folder: str | Path, kind: str, motifs: list[dict], **about) -> None:
    """Write the folder's summary, whole or not at all.

    Parameters
    ----------
    folder : str or Path
    kind : {"filters", "patterns"}
    motifs : list of dict
    **about
        More keys; values that JSON knows.
    """
    content = {"format": FORMAT, "version": VERSION, "seqdl": __version__, "kind": kind, **about}
    write_text(Path(folder) / SUMMARY, json.dumps({**content, "motifs": motifs}, indent=1) + "\n")


def read_summary(path: str | Path) -> dict:
    """Read a summary.

    Parameters
    ----------
    path : str or Path
        The folder or the file.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it is missing, no such file, or of a newer version.
    """
    path = Path(path)
    path = require_file(path / SUMMARY if path.is_dir() else path, "summary of motifs")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = content.get("format") == FORMAT and int(content.get("version", 0)) <= VERSION
    except (ValueError, AttributeError, UnicodeDecodeError):
        known = False
    if not known:
        raise InputError(f"{path} is no summary that `seqdl motifs` of this version wrote. Run it again.")
    return content


def find_summaries(folder: str | Path) -> list[tuple[Path, dict]]:
    """Find the summaries below a folder, the newest first; what cannot be read is passed over.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    list of (folder, summary)
    """
    found = []
    for path in Path(folder).glob(f"**/{SUMMARY}"):
        try:
            found.append((path.parent, read_summary(path)))
        except InputError:
            continue
    return sorted(found, key=lambda item: -(item[0] / SUMMARY).stat().st_mtime)


def match_entry(match) -> dict | None:
    """Return the summary's entry of a match, a row of `best_matches`; None stays None.

    Parameters
    ----------
    match : named tuple or None

    Returns
    -------
    dict or None
    """
    if match is None:
        return None
    return {
        "id": match.match_id, "name": match.match_name, "q": float(match.q), "p": float(match.p),
        "similarity": round(float(match.similarity), 4), "strand": match.strand, "offset": int(match.offset),
    }  # fmt: skip


def write_matches(path: str | Path, table) -> None:
    """Write a table of matches as TSV, whole or not at all.

    Parameters
    ----------
    path : str or Path
    table : pandas.DataFrame
        From `seqdl.interpret.motifs.matching.match_motifs`.
    """
    write_text(path, table.to_csv(sep="\t", index=False, float_format="%.6g"))
