"""Prediction files by themselves: what was written is read back, and damage is named."""

import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.prediction.writers import FORMAT, open_writer, read_predictions


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz"])
def test_a_text_file_cut_off_is_refused(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    n = 60_000
    columns = {"name": np.arange(n).astype(str), "start": np.arange(n), "flag": np.full(n, ".")}
    values = np.random.default_rng(0).random((n, 2), np.float32)
    with open_writer(path, ["a", "b"], {"format": FORMAT}) as writer:
        writer.write(columns, values)
    table = read_predictions(path)
    assert table.windows["name"].tolist() == columns["name"].tolist()  # names of digits stay names
    np.testing.assert_allclose(table.values, values, rtol=1e-5)
    if suffix == ".tsv.gz":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_text(path.read_text().replace("\t0.", "\tx.", 1))
    with pytest.raises(InputError, match="damaged or cut off"):
        read_predictions(path)
