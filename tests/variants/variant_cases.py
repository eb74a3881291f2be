"""A network of known weights, and small helpers for the laws of variant scoring."""

import numpy as np

from seqdl.encoding import decode

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chrA,length=3000>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">\n'
    '##FILTER=<ID=LOW,Description="Low">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


class LinearNetwork:
    """Log odds that are a weighted sum of the window's letters; N weighs nothing."""

    def __init__(self, window=40, targets=3, seed=1):
        rng = np.random.default_rng(seed)
        self.window = window
        self.target_names = [f"T{i}" for i in range(targets)]
        self.weights = rng.normal(0, 0.3, (window, 5, targets)).astype(np.float32)
        self.weights[:, 4] = 0
        self.seen = 0

    def logits(self, codes):
        assert codes.dtype == np.uint8 and codes.shape[1] == self.window
        self.seen += len(codes)
        return np.stack([self.weights[np.arange(self.window), row].sum(axis=0) for row in codes])


def letters(genome, chrom, pos, size=1):
    """Return the genome's letters at a 1-based position."""
    return decode(genome.fetch(chrom, pos - 1, pos - 1 + size))


def other(letter):
    """Return a base that is not this one."""
    return "CAAA"["ACGT".index(letter)]


def chunk_of(rows, genome):
    """Make a chunk of variants (contig, 1-based position, kind[, size]) whose REF is the genome's."""
    from seqdl.io.vcf import VcfChunk

    chroms, positions, refs, alts = [], [], [], []
    for chrom, pos, kind, *size in rows:
        size = size[0] if size else 2
        first = letters(genome, chrom, pos)
        ref, alt = {
            "SNV": (first, other(first)),
            "insertion": (first, first + "GATTACAGATTACA"[:size]),
            "deletion": (letters(genome, chrom, pos, 1 + size), first),
        }[kind]
        chroms.append(chrom)
        positions.append(pos)
        refs.append(ref)
        alts.append(alt)
    n = len(rows)
    return VcfChunk(np.arange(n), chroms, np.array(positions), ["."] * n, refs, alts, None)
