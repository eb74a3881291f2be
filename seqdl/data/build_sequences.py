"""Datasets of sequences without a genome: positives and negatives from FASTA files, stored as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data import sequence_sets as sets
from seqdl.data.build_report import BuildReport, finish, provenance
from seqdl.data.dataset_file import ORIGINS, SPLITS, Sequences
from seqdl.data.sequence_sets import SequenceSet
from seqdl.data.splits import Split, groups_from_headers, split_at_random, split_by_groups
from seqdl.data.targets import Target
from seqdl.errors import InputError, require_one_of
from seqdl.files import sequence_stem
from seqdl.words import few

KINDS = ("none", "shuffle", "genome")
_ORIGIN = {"none": "tiled", "shuffle": "shuffled", "genome": "background"}


def build_from_fasta(
    fasta: str | Path, out: str | Path, arguments: Mapping, *,
    negatives_fasta: str | Path | None, window: int | None,
    random_split: Sequence[float] | str | None, group_by: str | None, negatives: str, negative_ratio: float,
    category: str, seed: int, began: float, genome=None, max_length: int | None = None, min_length: int = 1,
    too_long: str = "error", rna: bool | None = None, structure: str = "none", cluster: float | None = None,
) -> BuildReport:  # fmt: skip
    """Build a dataset with one target: is a sequence of the positive file?

    Parameters
    ----------
    fasta : path
        Positives: of one length, or, with `max_length` or as RNA, of several.
    out : path
        The dataset.
    arguments : mapping
        Of `build_dataset`, for the record.
    negatives_fasta : path or None
        Negatives; or `negatives` "shuffle" or "genome" makes them.
    window : int or None
        Length that all sequences must have; that of the first when None.
    random_split, group_by, negatives, negative_ratio, category, seed, genome, max_length, min_length, \
too_long, rna, structure, cluster
        As in `seqdl.data.build.build_dataset`. With groups, `random_split` gives the shares.
    began : float
        When the build began, by `time.monotonic`.

    Returns
    -------
    report : BuildReport

    Raises
    ------
    InputError
        If a file is not usable, lengths do not fit, there are no negatives, or there is no way to split.
    MissingDependencyError
        If folding is asked for and ViennaRNA is not installed.
    """
    _check(
        negatives_fasta, window, random_split, group_by, negatives, genome, max_length, min_length, too_long,
        structure, cluster,
    )  # fmt: skip
    notes: list[str] = []
    positive = sets.read_set(fasta, "FASTA of positives", structure, notes)
    negative = None
    if negatives_fasta is not None:
        negative = sets.read_set(negatives_fasta, "FASTA of negatives", structure, notes)
    if rna is None:
        rna = sets.uses_uracil(fasta)
        if rna:
            notes.append(
                "alphabet: RNA (the positives are written with U): one strand, no reverse complement"
            )
    elif structure != "none" and not rna:
        raise InputError("A secondary structure is an RNA's: leave out --no-rna, or --structure.")
    rna = rna or structure != "none"
    files = [(Path(fasta), len(positive.names))]
    parts = [positive] if negative is None else [positive, negative]
    if negative is not None:
        files.append((Path(negatives_fasta), len(negative.names)))
    if max_length is None and not rna and min_length == 1 and too_long == "error":
        window = int(positive.lengths[0]) if window is None else window
        for part, (path, _) in zip(parts, files, strict=True):
            sets.require_length(part, window, path)
    else:
        limit = max_length if max_length is not None else window
        parts = [
            sets.limit_lengths(part, path, min_length, limit, too_long, notes)
            for part, (path, _) in zip(parts, files, strict=True)
        ]
        window = limit or max(int(part.lengths.max()) for part in parts)
    positive = parts[0]
    n = len(positive.names)
    source = np.arange(n)  # the positive that each sequence was made of or from; shuffles stay with theirs
    if negative is None:
        made, rows = _make_negatives(positive, negatives, negative_ratio, genome, structure, seed, notes)
        parts.append(made)
        source = np.concatenate([source, rows if negatives == "shuffle" else n + np.arange(len(rows))])
    else:
        source = np.arange(n + len(parts[1].names))
        both = sets.in_both(*parts)
        if both:
            notes.append(
                f"labels: {both:,} sequences are both positive and negative: no model can get them right"
            )
    if structure == "fold":
        parts = [sets.fold_set(part) for part in parts]
    found = sets.join_sets(parts)
    labels = np.repeat(np.array([1, 0], np.uint8), [len(part.names) for part in parts])[:, None]
    split, groups = _split(found, source, labels[:, 0], random_split, group_by, cluster, seed)
    notes += split.notes
    for code, name in enumerate(SPLITS):
        here = labels[split.assignment == code]
        if len(np.unique(here)) == 1:
            notes.append(f"split: {name} holds only {'positives' if here[0, 0] else 'negatives'}")
    origin = np.zeros(len(labels), np.uint8)
    origin[len(parts[0].names) :] = ORIGINS.index(_ORIGIN[negatives])
    target = Target(Path(fasta), sequence_stem(fasta), category=category, unit="sequence")
    return finish(
        out, began, split.kind, [target], provenance(arguments, notes, [target] * len(files), files),
        window=window, bin=window, labels=labels, split=split.assignment, origin=origin, groups=groups,
        alphabet="rna" if rna else "dna", structured=found.symbols is not None,
        sequences=Sequences(found.structured(), found.offsets, found.names, found.energies),
        sequence_ids=np.arange(len(labels)),
    )  # fmt: skip


def _check(
    negatives_fasta, window, random_split, group_by, negatives, genome, max_length, min_length, too_long,
    structure, cluster,
) -> None:  # fmt: skip
    """Refuse arguments that do not go together, before a file is read."""
    if random_split is None and group_by is None and cluster is None:
        raise InputError(
            "Sequences are split by groups (--group-by, a pattern on their headers), by similarity "
            "(--cluster) or at random (--random-split): say which."
        )
    if (negatives_fasta is None) == (negatives == "none"):
        raise InputError(
            "Sequences need negatives: a FASTA of them (--negatives neg.fa), shuffled positives "
            "(--negatives shuffle), or windows of a genome that fold (--negatives genome --genome g.fa): "
            "one of the two or three."
        )
    if negatives not in KINDS:
        raise InputError(
            f"Negatives {negatives!r} are drawn from a genome with peaks; sequences can be shuffled "
            "(shuffle), or matched by windows of a genome that fold (genome)."
        )
    if (genome is None) == (negatives == "genome"):
        raise InputError("A genome goes with sequences only, and always, for `negatives` 'genome'.")
    require_one_of("structure", structure, sets.STRUCTURES)
    require_one_of("too_long", too_long, sets.TOO_LONG)
    for name, value in (("max_length", max_length), ("min_length", min_length)):
        if value is not None and value < 1:
            raise InputError(f"`{name}` must be a positive number of bases. Received: {value}.")
    if max_length is not None and min_length > max_length:
        raise InputError(f"`min_length` ({min_length}) is larger than `max_length` ({max_length}).")
    if max_length is not None and window not in (None, max_length):
        raise InputError(
            f"The window of sequences is their largest length: give --max-length ({max_length}) alone, "
            f"not also another --window ({window})."
        )
    if structure == "given" and negatives_fasta is None:
        raise InputError(
            "Negatives that are made here have no structure to be given: fold all (--structure fold), or "
            "give the negatives with theirs (--negatives neg.db)."
        )
    if structure == "fold":
        from seqdl.data.fold import require_viennarna

        require_viennarna("--structure fold")
    if cluster is not None and not 0 < cluster <= 1:
        raise InputError(
            f"`cluster` is the identity from which sequences stay together, above 0 and at most 1. "
            f"Received: {cluster}."
        )


def _make_negatives(
    positive: SequenceSet, kind: str, ratio: float, genome, structure: str, seed: int, notes: list[str]
) -> tuple[SequenceSet, np.ndarray]:
    """Shuffle positives, or match them with windows of a genome; return them and whom each one matches."""
    n = len(positive.names)
    rows = neg.repeats(n, neg.how_many(n, ratio), np.random.default_rng(seed))
    if kind == "shuffle":
        notes.append(f"negatives: {len(rows):,} shuffled positives, dinucleotide counts kept")
        return sets.shuffle_set(positive, rows, seed), rows
    from seqdl.data.hairpin_negatives import MAX_ENERGY, folding_windows
    from seqdl.genome import Genome

    genome = genome if isinstance(genome, Genome) else Genome(genome)
    drawn = folding_windows(
        genome, positive.codes, positive.offsets, rows, seed=seed,
        max_energy=MAX_ENERGY if structure == "fold" else None,
    )  # fmt: skip
    notes += drawn.notes
    return SequenceSet(drawn.names, drawn.names, drawn.codes, drawn.offsets), drawn.matched


def _split(
    found: SequenceSet, source: np.ndarray, labels: np.ndarray, random_split, group_by: str | None,
    cluster: float | None, seed: int,
) -> tuple[Split, np.ndarray | None]:  # fmt: skip
    """Split the sequences; a shuffled one goes where its source goes: both have the same composition."""
    own = np.unique(source)  # sequences that are nobody's shuffle; `source` numbers them
    headers = [found.headers[i] for i in own]
    shares = (0.1, 0.1) if random_split is None else random_split
    shuffled = len(own) < len(source)
    if group_by is None and cluster is None:
        split = split_at_random(len(own), shares, seed)
        return split._replace(assignment=split.assignment[source]), source if shuffled else None
    groups, notes = np.full(len(own), -1), []
    if group_by is not None:
        groups, notes = _header_groups(headers, labels[own], group_by)
    if cluster is not None:
        from seqdl.data.clusters import cluster_sequences

        bounds = found.offsets[: len(own) + 1]
        groups = cluster_sequences(found.codes[: bounds[-1]], bounds, cluster, tied=groups)
        sizes = np.bincount(groups)
        notes.append(
            f"cluster: {len(own):,} sequences in {len(sizes):,} groups, none {cluster:g} or more identical "
            f"to one of another group; the largest holds {sizes.max():,}"
        )
    alone = groups < 0
    groups[alone] = groups.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    split = _by_strata(groups, labels[own], shares, seed)
    split = split._replace(assignment=split.assignment[source], notes=notes + split.notes)
    return split, groups[source].astype(np.int32)


def _header_groups(headers: list[str], labels: np.ndarray, pattern: str) -> tuple[np.ndarray, list[str]]:
    """Read groups from headers; negatives of which none matches (another source) have none, -1."""
    positive = np.flatnonzero(labels == 1)
    negative = np.flatnonzero(labels == 0)
    groups = np.full(len(headers), -1)
    texts = groups_from_headers([headers[i] for i in positive], pattern)
    which, notes = positive, []
    if len(negative):
        try:
            theirs = groups_from_headers([headers[i] for i in negative], pattern)
        except InputError as error:
            import re

            named = [headers[i] for i in negative if re.search(pattern, headers[i])]
            if named:
                raise InputError(
                    f"{error} (Some negatives have a group and some none: {few(named, 2)} has one.)"
                ) from None
            notes.append("split: no negative's header has a group: each is its own")
        else:
            texts, which = np.concatenate([texts, theirs]), np.concatenate([positive, negative])
    groups[which] = np.unique(texts, return_inverse=True)[1]
    return groups, notes


def _by_strata(groups: np.ndarray, labels: np.ndarray, shares, seed: int) -> Split:
    """Split groups with a positive, and groups of negatives, each by the shares: all parts hold both."""
    with_positive = np.isin(groups, groups[labels == 1])
    assignment = np.empty(len(groups), np.uint8)
    for here in (with_positive, ~with_positive):
        if here.any():
            split = split_by_groups(groups[here], shares, seed)
            assignment[here] = split.assignment
    count = len(np.unique(groups))
    return Split(assignment, "groups", [f"split: {count:,} groups, each in one split"])
