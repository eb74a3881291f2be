"""The registry answers without Keras; wrong names are met with the nearest right one."""

import subprocess
import sys

import pytest

from seqdl.errors import InputError
from seqdl.models import build_model, get_entry, list_models, register


def test_lists_without_loading_keras_or_tensorflow():
    code = (
        "import sys; from seqdl.models import list_models, get_entry\n"
        "names = [e.name for e in list_models()]\n"
        "assert names == sorted(names) and {'basset', 'danq', 'deepbind', 'deepsea', 'bpnet', 'basenji'} <= "
        "set(names)\n"
        "e = get_entry('DeepSEA'); assert e.parameters == 52843119 and e.deviations and e.paper and "
        "e.input and e.output\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'h5py', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["deepse", "DeepSee", "deepsea2"])
def test_unknown_model_names_the_nearest(name):
    with pytest.raises(InputError, match="Did you mean 'deepsea'"):
        build_model(name, 1000, 5)


def test_unknown_preset_and_option_name_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'small'"):
        build_model("deepsea", 1000, 5, preset="smal")
    with pytest.raises(InputError, match="Did you mean 'dense_units'"):
        build_model("deepsea", 1000, 5, dense_unit=7)


@pytest.mark.parametrize(("window", "targets"), [(0, 5), (1000, 0), (1000.5, 5), (-3, 5), (True, 5)])
def test_sizes_must_be_positive_whole_numbers(window, targets):
    with pytest.raises(InputError, match="positive whole number"):
        build_model("deepsea", window, targets)


def test_a_second_model_of_the_same_name_is_refused():
    from dataclasses import replace

    entry = list_models()[0]
    with pytest.raises(InputError, match="registered already"):
        register(replace(entry, title="Another"))


def test_bins_are_for_coverage_networks():
    with pytest.raises(InputError, match="takes no `bin`"):
        build_model("deepsea", 1000, 5, bin=200)
    for wrong in (0, 32.5, True):
        with pytest.raises(InputError, match="`resolution` must be a positive whole number"):
            build_model("bpnet", 1000, 5, resolution=wrong)


def test_trained_parameters_are_all_unless_said():
    published, small = get_entry("deepsea").presets
    assert published.trainable is None and published.trainable_parameters == published.parameters
    assert small.trainable_parameters < small.parameters
