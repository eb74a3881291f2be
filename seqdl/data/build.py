"""`build_dataset`: genome and peaks or tracks, or sequences, in; one HDF5 file of windows and targets out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path

from seqdl.data.build_report import BuildReport
from seqdl.data.negatives import NEGATIVES
from seqdl.errors import InputError, require_one_of
from seqdl.files import require_writable

# Which arguments speak of what: given for anything else, they would be passed over in silence.
_OF_GENOME = (
    "bin", "targets", "exclude", "folds", "test_chroms", "valid_chroms", "test_regions", "valid_regions",
    "max_n", "train_stride", "alias",
)  # fmt: skip
_OF_LABELS = ("windows", "negatives", "label_rule", "min_peaks", "min_positives", "clip")
_OF_TRACKS = (
    "resolution", "signal", "shift", "statistic", "stranded", "min_mapq", "missing", "absent", "blacklist",
    "max_unknown", "sqrt", "soft_cap", "cap", "scale",
)  # fmt: skip
_OF_SEQUENCES = (
    "negatives_fasta", "group_by", "max_length", "rna", "cluster", "structure", "min_length", "too_long",
)  # fmt: skip
_HDF5 = b"\x89HDF\r\n\x1a\n"


def build_dataset(
    genome=None,
    peaks: Sequence[str | Path] | str | Path | None = None,
    window: int | None = None,
    bin: int | None = None,
    out: str | Path = "dataset.h5",
    *,
    coverage: Sequence[str | Path] | str | Path | None = None,
    targets: str | Path | None = None,
    fasta: str | Path | None = None,
    negatives_fasta: str | Path | None = None,
    max_length: int | None = None,
    min_length: int = 1,
    too_long: str = "error",
    rna: bool | None = None,
    structure: str = "none",
    cluster: float | None = None,
    test_chroms: Sequence[str] | str | None = None,
    valid_chroms: Sequence[str] | str | None = None,
    test_regions: Sequence[str] | str | Path | None = None,
    valid_regions: Sequence[str] | str | Path | None = None,
    folds: str | Path | dict | None = None,
    random_split: Sequence[float] | str | None = None,
    group_by: str | None = None,
    windows: str = "all",
    negatives: str = "none",
    negative_ratio: float = 1.0,
    exclude: str | Path | None = None,
    label_rule: str = "half",
    min_peaks: int = 1,
    min_positives: int = 1,
    max_n: float = 0.5,
    train_stride: int | None = None,
    clip: bool = False,
    alias: Mapping[str, str] | str | Path | None = None,
    category: str = "",
    resolution: int | None = None,
    signal: str = "ends",
    shift: Sequence[int] | str | None = None,
    statistic: str = "sum",
    stranded: bool = False,
    min_mapq: int = 0,
    missing: str = "error",
    absent: str = "zero",
    blacklist: str | Path | None = None,
    max_unknown: float = 0.5,
    sqrt: bool = False,
    soft_cap: float | None = None,
    cap: float | str | None = None,
    scale: float | str = "none",
    workers: int = 1,
    seed: int = 0,
) -> BuildReport:
    """Build a dataset of windows, labels or coverage, targets and a split, and write it as one HDF5 file.

    Parameters
    ----------
    genome : path or seqdl.Genome
        The genome that windows are cut from; with `fasta` only for `negatives` "genome".
    peaks : path or sequence of paths
        BED, narrowPeak or broadPeak files, or folders of them: one file a target.
    window : int
        Bases that a model sees, 1,000 unless given, 4,096 for coverage (with `fasta`: the sequences' length).
    bin : int
        Bases in a window's middle that the targets are about, 200 unless given, half of the window for
        coverage. The genome is cut into bins from each contig's first base on; a contig's last, shorter
        piece is left out.
    out : path
        The dataset; it appears whole or not at all.
    coverage : path or sequence of paths
        Tracks instead of peaks: bigWig, BAM, CRAM or fragment files, or folders of them; see
        `seqdl.io.signal.read_signal`.
    targets : path, optional
        Target table (TSV: file, name, cell, assay, treatment, category, unit; of coverage also shift, cap,
        scale and strand_pair, the name of the target on the other strand). Alone, of coverage, it is
        given as `coverage` itself.
    fasta, negatives_fasta : path, optional
        Sequences, instead of genome and peaks; T and U are the same. DNA of one length, or of any up to
        `max_length`; RNA of any length.
    max_length : int, optional
        With `fasta`: the window, which shorter sequences do not fill. For RNA that of the longest
        sequence if left out.
    min_length : int
        With `fasta`: leave out shorter sequences.
    too_long : {"error", "drop", "centre"}
        With `fasta`: refuse sequences longer than `max_length`, leave them out, or keep their middle.
    rna : bool, optional
        With `fasta`: whether it is RNA, which has one strand. Left out: if it is written with U.
    structure : {"none", "given", "fold"}
        With `fasta`: secondary structure of RNA as three more channels: none, as given in dot-bracket
        files (sequence line, structure line), or by ViennaRNA, whose energies are kept as well.
    cluster : float, optional
        With `fasta`: sequences of this estimated identity or more are one group, see
        `seqdl.data.clusters`; with `group_by`, groups with similar members are joined.
    test_chroms, valid_chroms : str or sequence of str
        Chromosomes held out, with commas; all others train.
    test_regions, valid_regions : str, sequence of str or path
        Regions held out (``chrom:start-end``, contigs, BED files). Windows that straddle are left out.
    folds : path or dict
        ``{"train": [...], "valid": [...], "test": [...]}``.
    random_split : pair of float or "valid,test"
        Shares of a split at random over windows, which is stamped on every result.
    group_by : str
        With `fasta`: regular expression of a header's group; groups are split as a whole.
    windows : {"all", "labelled"}
        Keep all bins, or those with a label.
    negatives : {"none", "background", "gc", "shuffle", "genome"} or path
        With "labelled" windows or `fasta`, add windows without label: bins that touch no peak, such
        bins matched to the positives' GC content, or positives shuffled with their dinucleotide counts kept.
        With `fasta` also "genome": windows of `genome` of each positive's length and GC content that fold
        to a hairpin; or a FASTA file, which is `negatives_fasta`.
    negative_ratio : float
        Negatives a positive, within each split.
    exclude : path
        BED of regions that no window may touch (needs bedtools).
    label_rule : {"half", "half-bin", "any", "summit"}
        When a peak labels a bin; see `seqdl.data.bins.label_pairs`.
    min_peaks, min_positives : int
        Leave out targets with fewer peaks on the genome, or fewer labelled windows.
    max_n : float
        Largest share of N in a window (what lies past a contig's end is N). A bin holds no N at all.
    train_stride : int, optional
        Bases between training bins, less than `bin` and a divisor of it: training bins then overlap,
        each with its own label, which is shift augmentation with labels that stay right. Bins of the
        other splits stay side by side.
    clip : bool
        Cut peaks at their contig's end instead of raising.
    alias : mapping or path
        Contig names, file → genome.
    category : str
        Of targets of which nothing else says it.
    resolution : int
        Coverage: bases a value, 128 unless given; a divisor of `bin`.
    signal : {"ends", "coverage"}
        Of reads and fragments: count their ends (cut sites), or the bases that they cover.
    shift : (int, int), "left,right" or "tn5"
        Bases added to the place of a left (forward) and a right (reverse) end; "tn5" is 4,-5.
    statistic : {"sum", "mean"}
        A value is the sum or the mean over its bases.
    stranded : bool
        BAM and CRAM: two targets a file, name+ and name-, that change places on the other strand.
    min_mapq : int
        BAM and CRAM: leave out reads below.
    missing : {"error", "zero", "unknown"}
        What a contig is that a track lacks.
    absent : {"zero", "unknown"}
        What bases are to which a bigWig gives no value.
    blacklist : path
        BED of regions whose values are not known: no loss and no metric counts them.
    max_unknown : float
        Leave out windows of which a larger share of values is not known.
    sqrt, soft_cap, cap, scale
        Transformations in this order: see `seqdl.data.transform.Transform`; `cap` is a value or a quantile
        of the training rows ("99.9%"), `scale` "none", "mean" (to a mean of 1 over the training rows) or
        "total" (to a sum of 1,000,000), or a factor.
    workers : int
        Processes that read tracks side by side.
    seed : int
        Of all that is drawn.

    Returns
    -------
    report : BuildReport

    Raises
    ------
    InputError
        If a file or a combination of arguments is not usable, a split is empty, or nothing is labelled.
    MissingDependencyError
        If bedtools is needed and not installed.
    """
    began = time.monotonic()
    given = signature(build_dataset).parameters
    asked = [
        name for name, value in locals().items() if name in given and str(value) != str(given[name].default)
    ]
    arguments = {k: _plain(v) for k, v in locals().items() if k in given and k != "genome" and v is not None}
    if seed < 0:
        raise InputError(f"`seed` must be 0 or a positive whole number. Received: {seed}.")
    _require_place(out)
    if fasta is not None:
        from seqdl.data.build_sequences import build_from_fasta

        labels = [name for name in _OF_LABELS if name != "negatives"]
        _refuse(
            "sequences (`fasta`) take no", asked, ("peaks", "coverage", *_OF_GENOME, *labels, *_OF_TRACKS)
        )
        if negatives not in NEGATIVES and Path(negatives).suffix:
            _refuse("negatives that are a file take no", asked, ["negatives_fasta"])
            negatives_fasta, negatives = negatives, "none"
        return build_from_fasta(
            fasta, out, arguments,
            negatives_fasta=negatives_fasta, window=window, random_split=random_split, group_by=group_by,
            negatives=negatives, negative_ratio=negative_ratio, category=category, seed=seed, began=began,
            genome=genome, max_length=max_length, min_length=min_length, too_long=too_long, rna=rna,
            structure=structure, cluster=cluster,
        )  # fmt: skip
    require_one_of("negatives", negatives, NEGATIVES)
    if genome is None:
        raise InputError("A dataset needs a `genome` and `peaks` or `coverage`, or sequences (`fasta`).")
    _refuse("a genome's windows take no", asked, _OF_SEQUENCES)
    from seqdl.genome import Genome

    genome = genome if isinstance(genome, Genome) else Genome(genome)
    shared = {
        "targets": targets, "exclude": exclude, "max_n": max_n, "train_stride": train_stride, "alias": alias,
        "category": category, "seed": seed, "began": began,
        "ways": {
            "test_chroms": test_chroms, "valid_chroms": valid_chroms, "test_regions": test_regions,
            "valid_regions": valid_regions, "folds": folds, "random_split": random_split,
        },
    }  # fmt: skip
    if coverage is not None:
        from seqdl.data.build_coverage import build_from_coverage

        _refuse("coverage takes no", asked, ["peaks"])
        _refuse("coverage has no labels, and takes no", asked, _OF_LABELS)
        return build_from_coverage(
            genome, out, arguments, coverage=coverage, window=window, bin=bin, resolution=resolution,
            signal=signal, shift=shift, statistic=statistic, stranded=stranded, min_mapq=min_mapq,
            missing=missing, absent=absent, blacklist=blacklist, max_unknown=max_unknown, sqrt=sqrt,
            soft_cap=soft_cap, cap=cap, scale=scale, workers=workers, **shared,
        )  # fmt: skip
    from seqdl.data.build_peaks import build_from_peaks

    _refuse("peaks take no", asked, _OF_TRACKS)
    return build_from_peaks(
        genome, out, arguments, peaks=peaks, window=1000 if window is None else window,
        bin=200 if bin is None else bin, windows=windows, negatives=negatives, negative_ratio=negative_ratio,
        label_rule=label_rule, min_peaks=min_peaks, min_positives=min_positives, clip=clip, **shared,
    )  # fmt: skip


def _require_place(out: str | Path) -> None:
    """Check, before hours of work, that the dataset can be written and replaces nothing but a dataset."""
    out = require_writable(out)
    if out.is_file() and out.stat().st_size:
        with open(out, "rb") as handle:
            if handle.read(len(_HDF5)) != _HDF5:
                raise InputError(
                    f"The dataset would replace {out}, which is no dataset. Give another name (--out), or "
                    "delete that file first."
                )


def _refuse(why: str, asked: list[str], names: Iterable[str]) -> None:
    wrong = [name for name in names if name in asked]
    if wrong:
        raise InputError(f"{why[0].upper()}{why[1:]} {', '.join(wrong)}.")


def _plain(value):
    """Make an argument fit for JSON; of paths only the text."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool, dict)) else repr(value)
