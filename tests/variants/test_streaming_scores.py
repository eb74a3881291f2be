"""Files of scores read in pieces: the same alleles and numbers as the whole table, in every format."""

import numpy as np
import pandas as pd
import pytest

from seqdl.errors import InputError
from seqdl.variants.files.reading import read_scores
from seqdl.variants.files.streaming import read_meta, read_rows, stream_scores
from seqdl.variants.score import score_variants

FORMATS = {
    "tsv": {}, "tsv.gz": {}, "h5": {}, "parquet": {}, "long.parquet": {"layout": "long"}, "zarr": {},
}  # fmt: skip


@pytest.fixture(params=FORMATS)
def written(request, tmp_path, network, genome, write_vcf, mixed):
    """Every kind of record; the normalised alleles make a note, which is text."""
    if "parquet" in request.param:
        pytest.importorskip("pyarrow")
    if request.param == "zarr":
        pytest.importorskip("zarr")
    path = tmp_path / f"s.{request.param}"
    options = {"scores": "all", "batch_size": 3, "normalize": True, **FORMATS[request.param]}
    score_variants(network, write_vcf(mixed[0]), genome, path, **options)
    return path


def test_pieces_together_are_the_table(written):
    table = read_scores(written)
    assert read_meta(written) == table.meta
    n = len(table.variants)
    for rows in (1, 4, 1000):
        pieces = list(stream_scores(written, "logit_diff", rows))
        assert [len(piece) for piece in pieces] == [min(rows, n - i) for i in range(0, n, rows)]
        found = pd.concat(pieces, ignore_index=True)
        mean = np.abs(table.scores["logit_diff"]).mean(axis=1)
        np.testing.assert_allclose(found.pop("mean_abs"), mean, rtol=1e-6)
        assert list(found) == list(table.variants)
        assert found.astype(str).equals(table.variants.astype(str))
        assert found["max_ref"].dtype == np.float32
    assert "mean_abs" not in next(stream_scores(written))


def test_single_rows_come_in_the_order_asked_for(written):
    table = read_scores(written)
    last = len(table.variants) - 1
    for numbers in ([last, 0, 3], [2], []):
        found = read_rows(written, numbers)
        want = table.variants.iloc[numbers].reset_index(drop=True)
        assert found.variants.astype(str).values.tolist() == want.astype(str).values.tolist()
        for name, values in found.scores.items():
            np.testing.assert_array_equal(values, table.scores[name][numbers])
    assert set(read_rows(written, [0]).scores) == set(table.scores)


def test_a_score_that_is_not_there_is_named(written):
    with pytest.raises(InputError, match="has no score 'jsd'; it has ref, alt"):
        next(stream_scores(written, "jsd"))


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "h5", "parquet"])
def test_files_of_another_kind_are_refused(tmp_path, suffix):
    path = tmp_path / f"s.{suffix}"
    path.write_text("#CHROM\tPOS\n1\t2\n")
    with pytest.raises(InputError, match="not a table of scores|not a gzip|damaged"):
        next(stream_scores(path))
    with pytest.raises(InputError, match="does not exist"):
        read_meta(tmp_path / f"none.{suffix}")
    with pytest.raises(InputError, match=r"ends in \.tsv"):
        read_meta(tmp_path / "s.vcf")


def test_a_zarr_table_is_replaced_and_nothing_else(tmp_path, network, genome, write_vcf, mixed):
    pytest.importorskip("zarr")
    vcf, path = write_vcf(mixed[0]), tmp_path / "s.zarr"
    for scores in (["diff"], ["logfc"]):
        score_variants(network, vcf, genome, path, scores=scores)
    assert list(read_scores(path).scores) == ["logfc"]
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "mine").write_text("kept")
    with pytest.raises(InputError, match="no table of scores"):
        score_variants(network, vcf, genome, tmp_path / "other.zarr")
    with pytest.raises(InputError, match="`overwrite` is off"):
        score_variants(network, vcf, genome, path, overwrite=False)
    assert (tmp_path / "other.zarr" / "mine").read_text() == "kept"


def test_a_cut_off_table_is_refused(tmp_path, network, genome, write_vcf, mixed):
    path = tmp_path / "s.tsv"
    score_variants(network, write_vcf(mixed[0]), genome, path)
    text = path.read_text().rstrip("\n")
    path.write_text(text[: text.rindex("\t")])
    with pytest.raises(InputError, match="damaged or cut off"):
        list(stream_scores(path, "diff"))
    # The rest of a number is a number as well, and a heading without rows a table.
    for end in (len(text) - 1, text.index("#CHROM") + 20):
        path.write_text(text[:end])
        with pytest.raises(InputError, match="its last line has no end"):
            list(stream_scores(path))
