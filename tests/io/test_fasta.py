"""Sets of sequences: whole and streamed reads agree, and bad lines are named."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.io.fasta import iter_fasta, read_fasta


def write(tmp_path, text):
    path = tmp_path / "x.fa"
    path.write_bytes(text.encode())
    return path


def test_wrapped_lower_case_rna_iupac_and_carriage_returns(tmp_path):
    records = read_fasta(write(tmp_path, ">a first one\r\nACgu\r\nRN\r\n\r\n>b\r\nT\r\n"))
    assert records.names == ("a", "b") and records.headers == ("a first one", "b")
    assert decode(records.sequence(0)) == "ACGTNN" and decode(records.sequence(1)) == "T"
    assert records.offsets.tolist() == [0, 6, 7] and records.lengths.tolist() == [6, 1]


@settings(deadline=None)
@given(
    st.lists(st.text("ACGTN", min_size=1, max_size=40), min_size=1, max_size=20),
    st.integers(1, 25),
    st.integers(1, 15),
)
def test_stream_equals_whole_and_text(tmp_path_factory, sequences, chunk, wrap):
    path = tmp_path_factory.mktemp("fasta") / "x.fa.gz"
    with gzip.open(path, "wt") as handle:
        for i, text in enumerate(sequences):
            handle.write(f">s{i}\n" + "".join(text[k : k + wrap] + "\n" for k in range(0, len(text), wrap)))
    whole = read_fasta(path)
    assert [decode(whole.sequence(i)) for i in range(len(sequences))] == sequences
    parts = list(iter_fasta(path, chunk))
    assert all(len(p.names) == chunk for p in parts[:-1])
    np.testing.assert_array_equal(np.concatenate([p.codes for p in parts]), whole.codes)
    assert sum((p.names for p in parts), ()) == whole.names


@pytest.mark.parametrize(
    "text, message",
    [
        ("ACGT\n>a\nA\n", r"x.fa:1: a FASTA file begins with a '>' header"),
        (">a\nA\n>a\nC\n", r"x.fa:3: the name 'a' is used twice"),
        (">a\n>b\nC\n", r"x.fa:1: 'a' has no sequence"),
        (">a\nAC\n>b\nACE\n", r"x.fa:4: 'E' is no nucleotide letter"),
        (">\nAC\n", r"x.fa:1: a header"),
        (">a\nAé\n", r"x.fa:2: 'é' is no nucleotide"),
        ("\n\n", r"holds no sequence"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_fasta(write(tmp_path, text))


def test_a_name_used_again_in_a_later_chunk_is_found(tmp_path):
    with pytest.raises(InputError, match="x.fa:5: .*twice"):
        list(iter_fasta(write(tmp_path, ">a\nA\n>b\nC\n>a\nG\n"), 1))
