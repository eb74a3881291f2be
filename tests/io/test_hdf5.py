"""A disk that is full while HDF5 is written: an error of ours, and no crash of the process."""

import errno

import h5py
import numpy as np
import pytest

from seqdl.io import hdf5
from seqdl.io.hdf5 import HDF5Writer


def fill(file, blocks=20):
    data = file.create_dataset("x", (0, 10), "f4", maxshape=(None, 10), chunks=(512, 10), compression="gzip")
    rng = np.random.default_rng(0)
    for block in range(blocks):
        data.resize((block + 1) * 1000, axis=0)
        data[block * 1000 :] = rng.random((1000, 10), np.float32)
    return data[:]


def test_writes_what_h5py_writes(tmp_path):
    with HDF5Writer(tmp_path / "a.h5") as file:
        written = fill(file)
        file.check()
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["x"][:], written)


def test_full_disk_is_an_error_that_can_be_handled(tmp_path, monkeypatch):
    class Full(hdf5._Sink):
        """A disk of 200,000 bytes."""

        def write(self, data):
            if self.tell() + memoryview(data).nbytes > 200_000:
                self.error = self.error or OSError(errno.ENOSPC, "No space left on device")
                return memoryview(data).nbytes
            return super().write(data)

    monkeypatch.setattr(hdf5, "_Sink", Full)
    file = HDF5Writer(tmp_path / "a.h5")
    fill(file)
    with pytest.raises(OSError, match="No space left"):
        file.check()
    with pytest.raises(OSError, match="No space left"):
        file.close()
    file.close()


def test_a_real_full_device(tmp_path):
    try:
        file = HDF5Writer("/dev/full")
    except OSError:
        pytest.skip("no /dev/full here")
    fill(file, 1)
    with pytest.raises(OSError):
        file.close()
