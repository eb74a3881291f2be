"""Dot-bracket files: what is written is read, brackets must match, and what a cut leaves is balanced."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqdl.encoding import add_structure, bases_of, decode, encode, symbols_of
from seqdl.errors import InputError
from seqdl.io.structure import (
    holds_structure,
    open_unmatched,
    parse_structure,
    read_dot_bracket,
    write_dot_bracket,
    write_symbols,
)

RNAFOLD = """\
>one first of all
GGGAAAUCC
(((...))) ( -1.20)

>two
acguN
.....
>three
GGGGAAAACCCC
((((....)))) (-5.40)
"""


def balanced(text):
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1, ".": 0}[letter]
        if depth < 0:
            return False
    return depth == 0


@pytest.fixture
def folded(tmp_path):
    path = tmp_path / "hairpins.db"
    path.write_text(RNAFOLD)
    return path


def test_reads_what_rnafold_writes(folded):
    records = read_dot_bracket(folded)
    assert records.names == ("one", "two", "three") and records.headers[0] == "one first of all"
    assert records.lengths.tolist() == [9, 5, 12] and records.knots == 0
    assert decode(records.codes[:9]) == "GGGAAATCC" and decode(records.codes[9:14]) == "ACGTN"
    assert write_symbols(records.symbols) == "(((...)))" + "....." + "((((....))))"
    np.testing.assert_array_equal(records.energies, np.array([-1.2, np.nan, -5.4], np.float32))
    assert holds_structure(folded)


def test_u_and_t_and_several_lines_are_the_same(folded, tmp_path):
    other = tmp_path / "other.db.gz"
    with gzip.open(other, "wt") as handle:
        handle.write(
            ">one\nggGA\nAATCC\n(((.\n..))) (-1.2)\n>two\nACGTN\n.....\n>three\nGGGGAAAACCCC\n((((....))))\n"
        )
    one, two = read_dot_bracket(folded), read_dot_bracket(other)
    np.testing.assert_array_equal(one.codes, two.codes)
    np.testing.assert_array_equal(one.symbols, two.symbols)


def test_a_plain_fasta_holds_no_structure(tmp_path):
    path = tmp_path / "plain.fa"
    path.write_text(">a\nACGU\n>b\nACGU\n")
    assert not holds_structure(path)
    with pytest.raises(InputError, match=r"plain.fa:1: 'a' has 4 bases and needs a structure.*none.*RNAfold"):
        read_dot_bracket(path)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(".()")), min_size=1, max_size=40))
def test_write_then_read(tmp_path_factory, pairs):
    codes = np.array([code for code, _ in pairs], np.uint8)
    symbols = open_unmatched(np.array([".()".index(letter) for _, letter in pairs], np.uint8))
    path = tmp_path_factory.mktemp("db") / "x.db"
    offsets = np.array([0, len(codes) // 2, len(codes)])[0 if len(codes) > 1 else 1 :]
    if len(offsets) == 3:
        symbols = np.concatenate([open_unmatched(part) for part in np.split(symbols, offsets[1:-1])])
    names = [f"s{i} header" for i in range(len(offsets) - 1)]
    energies = np.array([-3.5, np.nan])[: len(names)]
    write_dot_bracket(path, names, codes, offsets, symbols, energies)
    records = read_dot_bracket(path)
    assert list(records.headers) == names and records.offsets.tolist() == offsets.tolist()
    np.testing.assert_array_equal(records.codes, codes)
    np.testing.assert_array_equal(records.symbols, symbols)
    np.testing.assert_array_equal(records.energies, energies.astype(np.float32))


@given(st.text(".()", min_size=1, max_size=30))
def test_brackets_must_match(text):
    if balanced(text):
        assert write_symbols(parse_structure(text)) == text
    else:
        with pytest.raises(InputError, match="has no partner"):
            parse_structure(text)


@given(st.text(".()", min_size=1, max_size=30))
def test_unmatched_brackets_are_opened_and_no_others(text):
    symbols = np.array([".()".index(letter) for letter in text], np.uint8)
    opened = write_symbols(open_unmatched(symbols))
    assert balanced(opened) and all(a == b or b == "." for a, b in zip(text, opened))
    if balanced(text):
        assert opened == text
    # As few as possible: what removing adjacent pairs again and again leaves over.
    rest = text.replace(".", "")
    while "()" in rest:
        rest = rest.replace("()", "")
    assert sum(a != b for a, b in zip(text, opened)) == len(rest)


def test_pseudoknots():
    assert write_symbols(parse_structure("((.[[.)).]]")) == "((....))..."
    with pytest.raises(InputError, match="pseudoknot"):
        parse_structure("((.[[.)).]]", pseudoknots="error")
    with pytest.raises(InputError, match=r"'\[' at index 1 .*no partner"):
        parse_structure(".[.")
    with pytest.raises(InputError, match="'unpaired' or 'error'"):
        parse_structure("...", pseudoknots="keep")


@pytest.mark.parametrize(
    "text, message",
    [
        ("ACGU\n....\n", r":1: .*begins with a '>'"),
        (">a\nACGU\n(..)\nACGU\n", r":4: bases after a structure"),
        (">a\nACGU\n(...\n", r":1: 'a': the '\(' at index 0"),
        (">a\nACGU\n(.)\n", r":1: 'a' has 4 bases.*one of 3"),
        (">a\nACGU\n(..) nine\n", r":3: .*energy, such as .*'nine'"),
        (">a\nMKVLW\n.....\n", r":1: 'a' holds 'L'"),
        (">a\nACGU\n....\n>a\nACGU\n....\n", r":4: the name 'a' is used twice"),
        (">a\nACGU\n....\n>\nACGU\n....\n", r":4: a header is '>' and a name"),
        (">a\n>b\nACGU\n....\n", r":1: 'a' has no sequence"),
        ("; nothing\n", "holds no sequence"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    path = tmp_path / "bad.db"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_dot_bracket(path)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=20))
def test_bases_and_symbols_come_apart_again(pairs):
    bases, symbols = np.array(pairs, np.uint8).reshape(-1, 2).T
    codes = add_structure(bases, symbols)
    np.testing.assert_array_equal(bases_of(codes), bases)
    np.testing.assert_array_equal(symbols_of(codes), symbols)
    assert (symbols_of(bases) == -1).all() and (bases_of(bases) == bases).all()
    assert len(set(zip(codes, bases, symbols))) == len(set(zip(bases, symbols))) == len(set(codes.tolist()))


def test_structures_of_another_shape_or_range_are_refused():
    with pytest.raises(InputError, match="one symbol a base"):
        add_structure(encode("ACG"), np.zeros(2, np.uint8))
    with pytest.raises(InputError, match="symbols up to 3"):
        add_structure(encode("ACG"), np.full(3, 3, np.uint8))
