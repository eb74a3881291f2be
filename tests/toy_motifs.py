"""Contributions with planted motifs, patterns of them, and folders like those of `seqdl motifs discover`."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from seqdl.encoding import encode, one_hot, reverse_complement
from seqdl.interpret.attribute import Attribution
from seqdl.interpret.experiments.tables import write_table
from seqdl.interpret.motifs.folder import match_entry, write_summary
from seqdl.interpret.motifs.patterns import FILE, read_patterns, write_patterns
from seqdl.intervals import Interval
from seqdl.io.motifs import Motif

UP, DOWN = "ATTACCCGGA", "GATCACTTGC"
WINDOW = 100


def planted(n=60, seed=0, words=(UP, DOWN), signs=(1, -1), noise=0.02, mutated=0.0):
    """Return an attribution and its truth, (row, place, index of the word, strand).

    Window r lies at chrI:1000r. Each word's bases contribute 1 (times its sign and a strength of its own),
    every other base noise; a share `mutated` of the words' letters is replaced and then contributes noise.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, WINDOW)).astype(np.uint8)
    hypothetical = rng.normal(0, noise, (n, WINDOW, 4)).astype(np.float32)
    truth = []
    for row in range(n):
        which = row % len(words)
        word = encode(words[which])
        strand = "-" if rng.random() < 0.5 else "+"
        word = reverse_complement(word) if strand == "-" else word
        place = int(rng.integers(25, WINDOW - 25 - word.size))
        strength = signs[which] * rng.uniform(0.7, 1.3)
        hypothetical[row, place : place + word.size] += strength * (1.3 * one_hot(word) - 0.3)
        kept = rng.random(word.size) >= mutated
        codes[row, place : place + word.size] = np.where(kept, word, rng.integers(0, 4, word.size))
        truth.append((row, place, which, strand))
    values = (hypothetical * one_hot(codes)).astype(np.float32)
    regions = tuple(Interval("chrI", 1000 * row, 1000 * row + WINDOW, ".", f"r{row}") for row in range(n))
    logits = values.sum(axis=(1, 2))
    return Attribution(values, regions, "toy", "deepshap", codes, logits, None, hypothetical), truth


def write_toy_patterns(folder: Path, attribution, truth, words=(UP, DOWN), signs=(1, -1), flank=5) -> Path:
    """Write the file that TF-MoDISco would: one pattern a word, from `truth`; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "raw.h5"
    with h5py.File(raw, "w") as file:
        for which, (word, sign) in enumerate(zip(words, signs, strict=True)):
            group = file.create_group(f"{'pos' if sign > 0 else 'neg'}_patterns/pattern_0")
            own = [item for item in truth if item[2] == which]
            rows = np.array([item[0] for item in own])
            start = np.array([item[1] - flank for item in own])
            turned = np.array([item[3] == "-" for item in own])
            at = start[:, None] + np.arange(len(word) + 2 * flank)
            for name, array in (
                ("sequence", one_hot(attribution.codes)), ("contrib_scores", attribution.values),
                ("hypothetical_contribs", attribution.hypothetical),
            ):  # fmt: skip
                cut = array[rows[:, None], at]
                cut[turned] = cut[turned][:, ::-1, ::-1]
                group[name] = cut.mean(axis=0)
                group[f"seqlets/{name}"] = cut
            group["seqlets/n_seqlets"] = np.array([len(own)])
            group["seqlets/example_idx"], group["seqlets/start"] = rows, start
            group["seqlets/end"], group["seqlets/is_revcomp"] = start + at.shape[1], turned
    write_patterns(
        raw, folder / FILE, order=np.arange(len(attribution.codes)), regions=attribution.regions,
        attributes={"target": attribution.target, "method": attribution.method, "input": "none",
                    "found": np.array([30, 30]), "settings": "{}"},
    )  # fmt: skip
    raw.unlink()
    return folder


def toy_match(query: str, name: str = "REB1"):
    """Return a believed match, as `best_matches` gives it."""
    row = {"query": query, "rank": 1, "match_id": "MA0363.1", "match_name": name, "p": 1e-9, "e": 1e-7,
           "q": 1e-7, "similarity": 0.97, "overlap": 10, "offset": 0, "strand": "+", "query_consensus": UP,
           "match_consensus": UP}  # fmt: skip
    return next(pd.DataFrame([row]).itertuples(index=False))


def motif_folder(folder: Path, target: str) -> Path:
    """Write a folder like that of `seqdl motifs discover`: patterns, summary, picture and effects."""
    from seqdl.plot.motifs import plot_patterns
    from seqdl.plot.style import save_figure

    attribution, truth = planted()
    patterns = read_patterns(write_toy_patterns(folder, attribution, truth)).patterns
    cut = [pattern.trimmed(pad=4) for pattern in patterns]
    names = {"pos_0": toy_match("pos_0")}
    known = [Motif("MA0363.1", "REB1", np.eye(4)[encode(UP)] * 0.9 + 0.025)]
    save_figure(plot_patterns(cut, names, known, title=target), folder / "patterns.png")
    entries = [
        {"name": item.name, "sign": item.sign, "sites": item.seqlets, "consensus": item.motif.consensus,
         "match": match_entry(names.get(item.name))} for item in cut
    ]  # fmt: skip
    write_summary(folder, "patterns", entries, target=target, method="deepshap", settings={}, found=[30, 30],
                  windows=60, database="jaspar")  # fmt: skip
    effects = pd.DataFrame({
        "motif": ["pos_0", "neg_0"], "target": target, "backgrounds": 100, "before": [0.0, 0.0],
        "after": [1.5, -0.5], "effect": [1.5, -0.5], "low": [1.25, -0.75], "high": [1.75, -0.25],
    })  # fmt: skip
    write_table(folder / "effects.tsv", effects, {"experiment": "marginalize"})
    return folder
