"""Names are reconciled by stated rules, and every change is reported."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.io.chromosomes import read_alias, reconcile, to_roman

YEAST = tuple(f"chr{to_roman(i)}" for i in range(1, 17))
HUMAN = tuple(f"chr{i}" for i in [*range(1, 23), "X", "Y", "M"])
WORM = ("I", "II", "III", "IV", "V", "X", "MtDNA")


def test_same_names_are_silent():
    result = reconcile(HUMAN, HUMAN)
    assert result.mapping == {n: n for n in HUMAN} and result.report == "" and not result.unmatched


@settings(deadline=None)
@given(st.lists(st.sampled_from([*range(1, 23), "X", "Y"]), min_size=1))
def test_prefix_goes_both_ways(numbers):
    bare, full = [str(n) for n in numbers], [f"chr{n}" for n in numbers]
    assert reconcile(bare, HUMAN).mapping == dict(zip(bare, full))
    assert reconcile(full, [n.removeprefix("chr") for n in HUMAN]).mapping == dict(zip(full, bare))


def test_yeast_arabic_to_roman_is_reported():
    names = [f"chr{i}" for i in range(1, 17)]
    result = reconcile(names, YEAST, what="peaks")
    assert result.mapping == dict(zip(names, YEAST))
    assert result.report == "peaks: chr1 → chrI (roman numerals) for 16 names"
    assert set(result.rules.values()) == {"roman numerals"}


def test_x_of_a_human_is_never_ten():
    assert reconcile(["X", "10"], HUMAN).mapping == {"X": "chrX", "10": "chr10"}
    assert reconcile(["chrX"], YEAST).mapping == {"chrX": "chrX"}


def test_worm_counts_only_as_far_as_it_counts():
    result = reconcile(["1", "5", "10", "X", "M"], WORM)
    assert result.mapping == {"1": "I", "5": "V", "X": "X", "M": "MtDNA"}
    assert result.unmatched == ("10",)


def test_one_contig_named_i_is_no_counting():
    with pytest.raises(InputError, match="none of its contig names"):
        reconcile(["chr1"], ["chrI"])


def test_an_arabic_genome_takes_no_roman_names():
    assert reconcile(["chrIV", "chr1"], HUMAN).unmatched == ("chrIV",)


@pytest.mark.parametrize("name", ["chrM", "MT", "M", "chrMT", "Mito"])
def test_mitochondrion(name):
    assert reconcile([name], ["1", "MT"]).mapping == {name: "MT"}


def test_ambiguous_is_an_error():
    with pytest.raises(InputError, match="could be 'chr1' or '1'.*--alias"):
        reconcile(["Chr1"], ["chr1", "1"])
    with pytest.raises(InputError, match="could be"):
        reconcile(["Mito"], ["chrM", "MT"])


def test_alias_goes_first_and_must_lead_somewhere(tmp_path):
    path = tmp_path / "alias.tsv"
    path.write_text("# from\tto\r\nNC_001133.9\tchrI\r\nchrII\tchrIII\n")
    result = reconcile(["NC_001133.9", "chrII"], YEAST, alias=path, what="peaks")
    assert result.mapping == {"NC_001133.9": "chrI", "chrII": "chrIII"}
    assert "alias table" in result.report and "for 2 names" in result.report
    with pytest.raises(InputError, match="leads to no contig"):
        reconcile(["a"], YEAST, alias={"a": "chrXX"})


@pytest.mark.parametrize(
    "text, message", [("a\tb\tc\n", ":1: an alias line"), ("a\tb\na\tc\n", ":2: 'a' is given two")]
)
def test_bad_alias_tables_name_the_line(tmp_path, text, message):
    path = tmp_path / "alias.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_alias(path)


def test_none_known_shows_both_sides():
    with pytest.raises(InputError, match="scaffold_1.*chrI, chrII"):
        reconcile(["scaffold_1"], YEAST)
    assert reconcile(["scaffold_1"], YEAST, allow_none=True).unmatched == ("scaffold_1",)


def test_two_spellings_of_one_contig_are_said():
    assert "22 and chr22 are all read as chr22" in reconcile(["22", "chr22"], HUMAN).report


def test_roman_numerals():
    assert [to_roman(n) for n in (4, 9, 14, 40, 1999)] == ["IV", "IX", "XIV", "XL", "MCMXCIX"]
