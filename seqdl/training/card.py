"""What a run card must say: held against rules before a number is made from it.

A card is JSON that people edit, merge and cut off. What the network's input and output depend on
(`BOUND`) stands twice, in `card.json` and inside `model.keras`, and both must say the same.
"""

from __future__ import annotations

from pathlib import Path

from seqdl.data.dataset_file import TASKS
from seqdl.encoding import ALPHABET, CHANNELS, RNA, STRUCTURE
from seqdl.errors import InputError

# Version 2 says what is predicted: task, resolution, structured, strand_pairs. A card of version 1 is of
# binary labels on DNA.
FORMAT, VERSION = "seqdl-run", 2
_SINCE_2 = {"task": "binary", "resolution": 0, "structured": False, "strand_pairs": None}
# What a prediction means; everything else in a card is a record of how the run came about.
BOUND = (
    "alphabet", "n_policy", "window", "bin", "anchor", "input_shape", "output", "targets", "genome", "task",
    "resolution", "structured", "strand_pairs",
)  # fmt: skip


def check_card(card: object, where: str | Path) -> dict:
    """Return a run card, if it says all that its numbers depend on.

    Parameters
    ----------
    card : object
        As read from JSON.
    where : str or path
        The run, for the message.

    Returns
    -------
    card : dict

    Raises
    ------
    InputError
        That names the first entry which is missing or makes no sense; or if the card is of a newer version.
    """
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise InputError(f"The card of {where} is not a seqdl run card (format {found!r}).")
    version = card.get("version")
    if _whole(version, 1) and version > VERSION:
        raise InputError(
            f"{where} has card version {version}; this seqdl reads up to {VERSION}. "
            "Upgrade: pip install -U seqdl"
        )
    card = {**_SINCE_2, **card}
    window, anchor, task = card.get("window"), card.get("anchor"), card["task"]
    channels = CHANNELS + (len(STRUCTURE) if card["structured"] is True else 0)
    rules = (
        ("version", _whole(version, 1), "a whole number"),
        ("window", _whole(window, 1), "a whole number of bases"),
        (
            "input_shape",
            card.get("input_shape") == [window, channels],
            f"[window, {channels}], and the window is {window!r}",
        ),
        ("task", task in TASKS, f"one of {', '.join(TASKS)}"),
        ("structured", isinstance(card["structured"], bool), "true or false"),
        ("resolution", _whole(card["resolution"], task == "coverage"), "a whole number of bases"),
        ("bin", _whole(card.get("bin"), 1), "a whole number of bases"),
        ("anchor", _whole(anchor, 0) and _whole(window, anchor + 1), "an index inside the window"),
        ("alphabet", card.get("alphabet") in (ALPHABET, RNA), f"{ALPHABET!r} or {RNA!r}"),
        ("n_policy", card.get("n_policy") == "zeros", "'zeros'"),
        ("strand_average", isinstance(card.get("strand_average"), bool), "true or false"),
        ("targets", _are_targets(card.get("targets")), "a list of objects, each with a name of its own"),
        (
            "genome",
            _is_genome(card.get("genome")),
            "an object of name, checksum and contigs with length and md5",
        ),
        ("model", isinstance(card.get("model"), dict) and "name" in card["model"], "an object with a name"),
        (
            "split",
            isinstance(card.get("split"), dict) and "random" in card["split"],
            "an object that says `random`",
        ),
    )
    for name, good, form in rules:
        if not good:
            found = repr(card[name])[:60] if name in card else "nothing"
            raise InputError(
                f"The card of {where} is damaged or was edited: {name!r} must be {form}. Received: {found}. "
                f"Copy the run again from where it was trained."
            )
    return card


def check_same(card: dict, inner: dict, where: str | Path) -> None:
    """Refuse a folder's card that says something else than the card inside its model file.

    Parameters
    ----------
    card, inner : dict
        Of the folder, and of the model file.
    where : str or path
        The run, for the message.

    Raises
    ------
    InputError
        That names what differs.
    """
    inner = {**_SINCE_2, **inner}
    differ = [name for name in BOUND if card.get(name) != inner.get(name)]
    if differ:
        raise InputError(
            f"card.json in {where} and the card inside its model file differ in {', '.join(differ)}, so "
            f"they do not belong together: parts of two runs, or an edited card. Copy the run again from "
            "where it was trained."
        )


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_targets(targets: object) -> bool:
    if not isinstance(targets, list) or not all(isinstance(t, dict) for t in targets):
        return False
    names = [t.get("name") for t in targets]
    return bool(names) and all(isinstance(n, str) and n for n in names) and len(set(names)) == len(names)


def _is_genome(genome: object) -> bool:
    if not isinstance(genome, dict) or not {"name", "checksum"} <= genome.keys():
        return False
    contigs = genome.get("contigs")
    return isinstance(contigs, dict) and all(
        isinstance(c, dict) and _whole(c.get("length"), 0) and isinstance(c.get("md5"), str)
        for c in contigs.values()
    )
