"""Write a simulation as FASTA, narrowPeak, VCF and BED files, and its truth beside them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqdl.data.grammar import FACTORS, Sites, log_odds
from seqdl.encoding import CODE_TO_LETTER
from seqdl.files import atomic_path, write_text
from seqdl.io.bgzip import open_bytes

if TYPE_CHECKING:
    from seqdl.data.simulate import Peaks, Simulation
    from seqdl.data.simulate_variants import Allele

REGION = 200  # bp of a region to explain
REGIONS_PER_FACTOR = 5


def write_simulation(
    folder: Path,
    contigs: dict[str, np.ndarray],
    repeats: dict[str, np.ndarray],
    sites: dict[str, dict[str, Sites]],
    peaks: dict[str, dict[str, Peaks]],
    records: list[list[Allele]],
    truth: dict,
    rng: np.random.Generator,
) -> Simulation:
    """Write everything that a simulation consists of.

    Parameters
    ----------
    folder : Path
        Where to.
    contigs : dict of str to uint8 array, shape (length,)
        Codes by contig.
    repeats : dict of str to int64 array, shape (n, 2)
        Soft-masked stretches by contig.
    sites, peaks : dict of str to dict of str to Sites or Peaks
        By contig and factor.
    records : list of list of Allele
        The records of the VCF.
    truth : dict
        What `truth.json` shall say; counts and file names are added.
    rng : numpy Generator
        Draws the regions to explain.

    Returns
    -------
    simulation : Simulation
    """
    from seqdl.data.simulate import Simulation

    test = truth["test_contigs"]
    alleles = [allele for record in records for allele in record]
    truth["records"] = len(records)
    truth["alleles"] = {
        word: sum(a.truth == word for a in alleles) for word in ("causal", "neutral", "unclear", "bad")
    }
    truth["peaks"] = {f.name: sum(len(p[f.name].starts) for p in peaks.values()) for f in FACTORS}
    simulation = Simulation(
        folder, folder / "genome.fa", folder / "peaks", folder / "targets.tsv", folder / "variants.vcf.gz",
        folder / "regions.bed", folder / "exclude.bed", folder / "truth.json", folder / "truth_sites.tsv",
        folder / "truth_variants.tsv",
        tuple(test), tuple(truth["valid_contigs"]), truth,
    )  # fmt: skip
    with atomic_path(simulation.genome) as aside, open(aside, "wb") as handle:
        for name, codes in contigs.items():
            handle.write(f">{name}\n".encode() + _fasta_lines(codes, repeats[name]))
    for factor in FACTORS:
        rows = [row for name in contigs for row in _peak_rows(name, factor.name, peaks[name][factor.name])]
        write_text(simulation.peaks / f"{factor.name}.narrowPeak", "".join(rows))
    header = "file\tname\tcell\tassay\ttreatment\tcategory\tunit\n"
    rows = [
        f"peaks/{f.name}.narrowPeak\t{f.name}\tsimulated\tChIP-seq\tnone\t{f.category}\tpeak\n"
        for f in FACTORS
    ]
    write_text(simulation.targets, header + "".join(rows))
    _write_vcf(simulation.variants, contigs, records)
    write_text(simulation.regions, "".join(_region_rows(test, contigs, sites, rng)))
    masked = [(name, start, end) for name in contigs for start, end in sorted(repeats[name].tolist())]
    write_text(
        simulation.exclude, "".join(f"{name}\t{start}\t{end}\trepeat\n" for name, start, end in masked)
    )
    write_text(simulation.sites_file, _site_table(sites))
    write_text(simulation.variants_file, _variant_table(records))
    write_text(simulation.truth_file, json.dumps(truth, indent=1) + "\n")
    return simulation


def _fasta_lines(codes: np.ndarray, repeats: np.ndarray, width: int = 60) -> bytes:
    """Turn codes into lines of `width` letters, with the repeats in lower case."""
    letters = CODE_TO_LETTER[codes]
    for start, end in repeats:
        letters[start:end] |= 0x20
    full = len(letters) // width * width
    lines = np.full((full // width, width + 1), ord("\n"), np.uint8)
    lines[:, :width] = letters[:full].reshape(-1, width)
    return lines.tobytes() + (letters[full:].tobytes() + b"\n" if full < len(letters) else b"")


def _peak_rows(chrom: str, factor: str, peaks: Peaks) -> list[str]:
    return [
        f"{chrom}\t{start}\t{end}\t{factor}_{chrom}_{i + 1}\t{min(int(20 * signal), 1000)}\t.\t"
        f"{signal:.3f}\t-1\t-1\t{summit - start}\n"
        for i, (start, end, summit, signal) in enumerate(
            zip(*(column.tolist() for column in peaks), strict=True)
        )
    ]


def _write_vcf(path: Path, contigs: dict[str, np.ndarray], records: list[list[Allele]]) -> None:
    lines = ["##fileformat=VCFv4.3", "##source=seqdl simulate"]
    lines += [f"##contig=<ID={name},length={len(codes)}>" for name, codes in contigs.items()]
    lines += ["##contig=<ID=chrUn,length=100000>", '##ALT=<ID=DEL,Description="Deletion">']
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for number, record in enumerate(records):
        first = record[0]
        alts = ",".join(allele.alt for allele in record)
        lines.append(f"{first.chrom}\t{first.pos}\t{_identifier(number)}\t{first.ref}\t{alts}\t.\tPASS\t.")
    with atomic_path(path) as aside, closing(open_bytes(aside)) as handle:
        handle.write(("\n".join(lines) + "\n").encode())


def _identifier(number: int) -> str:
    return f"sim{number + 1:05d}"


def _variant_table(records: list[list[Allele]]) -> str:
    rows = ["CHROM\tPOS\tID\tREF\tALT\tKIND\tTRUTH\tMECHANISM\tEFFECTS\n"]
    for number, record in enumerate(records):
        for a in record:
            effects = ",".join(f"{name}:{sign:+d}" for name, sign in a.effects.items()) or "."
            rows.append(
                f"{a.chrom}\t{a.pos}\t{_identifier(number)}\t{a.ref}\t{a.alt}\t{a.kind}\t{a.truth}\t{a.mechanism}\t{effects}\n"
            )
    return "".join(rows)


def _site_table(sites: dict[str, dict[str, Sites]]) -> str:
    """One row a motif of a bound site, as BED would have it (0-based, half-open)."""
    rows = ["CHROM\tSTART\tEND\tFACTOR\tMOTIF\tCENTER\tBITS\n"]
    for chrom, by_factor in sites.items():
        for factor in FACTORS:
            found = by_factor[factor.name]
            for center, bits, own, partner in zip(*(column.tolist() for column in found), strict=True):
                for motif, start in ((factor.name, own), (factor.partner or factor.name, partner)):
                    if start >= 0:
                        end = start + len(log_odds(motif))
                        rows.append(
                            f"{chrom}\t{start}\t{end}\t{factor.name}\t{motif}\t{center}\t{bits:.2f}\n"
                        )
    return "".join(rows)


def _region_rows(
    test: list[str],
    contigs: dict[str, np.ndarray],
    sites: dict[str, dict[str, Sites]],
    rng: np.random.Generator,
) -> list[str]:
    """Regions on bound sites of the test contigs, a few for each factor."""
    rows = []
    for chrom in test:
        for factor in FACTORS:
            centers = sites[chrom][factor.name].centers
            centers = centers[(centers > 1000) & (centers < len(contigs[chrom]) - 1000)]
            for center in np.sort(rng.choice(centers, min(REGIONS_PER_FACTOR, len(centers)), replace=False)):
                rows.append((chrom, int(center) - REGION // 2, f"{factor.name}_{center}"))
    return [f"{chrom}\t{start}\t{start + REGION}\t{name}\n" for chrom, start, name in sorted(rows)]
