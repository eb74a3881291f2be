"""Classes of motifs: what was planted lies where the truth says, and every recipe is kept."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl import InputError
from seqdl.cli.main import main
from seqdl.data.motif_classes import simulate_motif_classes, write_motif_classes
from seqdl.data.motif_recipes import LENGTHS, RECIPES, Pair, Some, motif_probabilities, motifs_of
from seqdl.encoding import decode, reverse_complement
from seqdl.evaluation.kmers import kmer_counts
from seqdl.io.fasta import read_fasta

KINDS = tuple(RECIPES)
REPEATS = ("GC repeat", "AT repeat")


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    return simulate_motif_classes(2_000, seed=5, kind=request.param)


def letters_of(data, number):
    """Cut out all instances of one motif, read on the strand on which they lie."""
    found = data.instances
    here = np.flatnonzero(found.motifs == number)
    width = len(motif_probabilities(data.motif_names[number]))
    cut = data.codes[found.rows[here, None], found.starts[here, None] + np.arange(width)]
    turned = found.strands[here] < 0
    cut[turned] = reverse_complement(cut[turned])
    return cut


@pytest.mark.parametrize(
    "name", sorted({name for recipes in RECIPES.values() for name in motifs_of(recipes)})
)
def test_motifs_are_probabilities(name):
    probabilities = motif_probabilities(name)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_instances_are_where_the_truth_says_with_their_motifs_letters(made):
    for number, name in enumerate(made.motif_names):
        letters = letters_of(made, number)
        seen = (letters[..., None] == np.arange(4)).mean(axis=0)
        room = 5 * np.sqrt(0.25 / len(letters)) + 1e-9  # five standard errors of a share
        np.testing.assert_allclose(seen, motif_probabilities(name), atol=room)


def test_instances_lie_inside_sorted_and_never_on_each_other(made):
    found = made.instances
    widths = np.array([len(motif_probabilities(name)) for name in made.motif_names])
    np.testing.assert_array_equal(found.ends - found.starts, widths[found.motifs])
    assert found.starts.min() >= 0 and found.ends.max() <= made.codes.shape[1]
    next_in_row = np.diff(found.rows) == 0
    assert (np.diff(found.rows) >= 0).all()
    assert (found.starts[1:] >= found.ends[:-1])[next_in_row].all()
    assert made.positions().sum() == widths[found.motifs].sum()


def test_classes_hold_what_their_recipes_say_and_nothing_else(made):
    counts = made.counts()
    for label, recipe in enumerate(RECIPES[made.kind]):
        of_class = counts[made.labels == label]
        allowed = dict.fromkeys(made.motif_names, (0, 0))
        for part in recipe.parts:
            if isinstance(part, Some):
                allowed[part.motif] = (part.least, part.most)
            else:
                allowed[part.first] = allowed[part.second] = (1, 1)
        for column, name in enumerate(made.motif_names):
            # with hundreds of sequences a class, every number that may occur does
            assert (of_class[:, column].min(), of_class[:, column].max()) == allowed[name], name


def test_both_strands_occur_alike_and_repeats_have_one(made):
    for number, name in enumerate(made.motif_names):
        strands = made.instances.strands[made.instances.motifs == number]
        if name in REPEATS:
            assert (strands == 1).all()
        else:
            assert abs((strands == 1).mean() - 0.5) < 5 * 0.5 / np.sqrt(len(strands))


def test_classes_and_splits_are_even(made):
    assert np.bincount(made.labels).tolist() == [500] * 4
    for code, expected in enumerate((400, 50, 50)):
        assert np.bincount(made.labels[made.split == code]).tolist() == [expected] * 4
    # neither labels nor splits can be told from the order
    assert len(set(made.labels[:40].tolist())) == 4


def test_no_sequence_comes_twice_on_either_strand(made):
    both = np.concatenate([made.codes, reverse_complement(made.codes)])
    assert len(np.unique(both, axis=0)) == len(both)


def test_a_part_has_its_own_truth(made):
    part = made.part("valid")
    rows = np.flatnonzero(made.split == 1)
    assert len(part) == len(rows)
    np.testing.assert_array_equal(part.codes, made.codes[rows])
    np.testing.assert_array_equal(part.counts(), made.counts()[rows])
    np.testing.assert_array_equal(part.positions(), made.positions()[rows])
    names = made.motif_names[-1:]
    np.testing.assert_array_equal(part.positions(names), made.positions(names)[rows])
    assert made.positions(names).sum() < made.positions().sum()
    with pytest.raises(InputError, match="`split`"):
        made.part("training")
    with pytest.raises(InputError, match="`motifs`"):
        made.positions(["MYC"])


def test_the_background_is_random_letters(made):
    letters = made.codes[~made.positions()]
    shares = np.bincount(letters, minlength=4) / len(letters)
    np.testing.assert_allclose(shares, 0.25, atol=5 * 0.5 / np.sqrt(len(letters)))


def test_the_grammar_is_in_the_arrangement_alone():
    data = simulate_motif_classes(4_000, seed=2, kind="grammar")
    found = data.instances
    rows, starts, motifs, strands = (
        column.reshape(-1, 2) for column in (found.rows, found.starts, found.motifs, found.strands)
    )
    assert (rows[:, 0] == rows[:, 1]).all()
    ends = found.ends.reshape(-1, 2)
    gap = starts[:, 1] - ends[:, 0]
    same = strands[:, 0] == strands[:, 1]
    sox = data.motif_names.index("SOX")
    # on the strand on which the left motif reads forwards, which of the two comes first?
    sox_first = (motifs[:, 0] == sox) == (strands[:, 0] > 0)
    near = gap <= 20
    facing = ~same & (strands[:, 0] > 0)
    rule = np.select([near & same & sox_first, near & same, near & facing, gap >= 60], [0, 1, 2, 3], -1)
    np.testing.assert_array_equal(rule, data.labels)
    # Words tell nothing: no word's mean count differs between two classes by more than chance allows.
    counts = kmer_counts(data.codes, 4).astype(float)
    means = np.stack([counts[data.labels == label].mean(axis=0) for label in range(4)])
    error = counts.std(axis=0) / np.sqrt(1000)
    assert (np.ptp(means, axis=0) < 7 * error).all()
    # ... and of the plain classes they tell much
    plain = simulate_motif_classes(4_000, seed=2)
    counts = kmer_counts(plain.codes, 4).astype(float)
    means = np.stack([counts[plain.labels == label].mean(axis=0) for label in range(4)])
    assert (np.ptp(means, axis=0) > 20 * counts.std(axis=0) / np.sqrt(1000)).any()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), n=st.integers(40, 90), kind=st.sampled_from(KINDS), extra=st.integers(0, 40)
)
def test_one_seed_one_data_set(seed, n, kind, extra):
    length = LENGTHS[kind] + extra
    one = simulate_motif_classes(n, length, seed, kind)
    two = simulate_motif_classes(n, length, seed, kind)
    np.testing.assert_array_equal(one.codes, two.codes)
    for a, b in zip(one.instances, two.instances, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.codes.shape == (n, length) and one.codes.max() <= 3
    assert one.instances.ends.max() <= length
    other = simulate_motif_classes(n, length, seed + 1, kind)
    assert (one.codes != other.codes).any()


def test_the_shortest_sequences_are_filled_to_the_brim():
    most = max(
        sum(part.most * len(motif_probabilities(part.motif)) for part in recipe.parts)
        for recipe in RECIPES["plain"]
    )
    data = simulate_motif_classes(40_000, most, seed=1)
    assert data.positions().all(axis=1).any()
    with pytest.raises(InputError, match=f"at least {most}.*Received: {most - 1}"):
        simulate_motif_classes(400, most - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "easy"}, "`kind`"),
        ({"n": 3}, "`n`"),
        ({"seed": -1}, "`seed`"),
        ({"fractions": (0.6, 0.4)}, "`fractions`"),
        ({"fractions": (-0.1, 0.2)}, "`fractions`"),
        ({"n": 12, "fractions": (0.1, 0.1)}, "too few"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate_motif_classes(**{"n": 100, **arguments})


def test_no_validation_is_a_choice():
    data = simulate_motif_classes(80, fractions=(0, 0.25))
    assert np.bincount(data.split, minlength=3).tolist() == [60, 0, 20]


def test_files_say_the_same_as_the_arrays(tmp_path):
    data = simulate_motif_classes(60, seed=4, kind="grammar")
    *fasta, truth = write_motif_classes(data, tmp_path / "made")
    assert [path.name for path in fasta] == [f"class_{label}.fa" for label in range(4)]
    for label, path in enumerate(fasta):
        records = read_fasta(path)
        rows = [int(name.removeprefix("seq_")) for name in records.names]
        assert rows == np.flatnonzero(data.labels == label).tolist()
        np.testing.assert_array_equal(records.codes.reshape(len(rows), -1), data.codes[rows])
        splits = [header.split("split=")[1].split()[0] for header in records.headers]
        assert splits == [("train", "valid", "test")[data.split[row]] for row in rows]
    with open(truth, encoding="utf-8") as handle:
        table = list(csv.DictReader(handle, delimiter="\t"))
    assert len(table) == 120
    for line in table[:20]:
        row, start, end = int(line["sequence"].removeprefix("seq_")), int(line["start"]), int(line["end"])
        codes = data.codes[row, start:end]
        codes = codes if line["strand"] == "+" else reverse_complement(codes)
        expected = motif_probabilities(line["motif"]).argmax(axis=1)
        assert (codes == expected).mean() > 0.6, (line, decode(codes))


def test_the_command_writes_them(tmp_path, capsys):
    command = ["data", "simulate", "--kind", "plain", "--n-sequences", "80", "--seed", "3"]
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    assert "80 sequences" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "b")]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    rows = np.flatnonzero(simulate_motif_classes(80, seed=3).labels == 2)
    assert list(read_fasta(tmp_path / "a" / "class_2.fa").names) == [f"seq_{row}" for row in rows]


def test_the_command_refuses_flags_of_the_other_kind(tmp_path, capsys):
    assert main(["data", "simulate", "--kind", "fancy", "--n-contigs", "4", "--out", str(tmp_path)]) == 2
    assert "--n-contigs" in capsys.readouterr().err
    assert main(["data", "simulate", "--n-sequences", "80", "--out", str(tmp_path)]) == 2
    assert "--n-sequences" in capsys.readouterr().err


def test_pairs_are_only_in_the_grammar():
    pairs = {
        kind
        for kind, recipes in RECIPES.items()
        for r in recipes
        if any(isinstance(p, Pair) for p in r.parts)
    }
    assert pairs == {"grammar"}
