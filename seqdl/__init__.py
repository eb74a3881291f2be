"""seqdl: deep learning on DNA with Keras 3, with numbers that can be trusted.

The light nouns are here at once; everything else is loaded when it is first used, so that
``import seqdl`` starts no deep-learning framework.
"""

from importlib import import_module

from seqdl.errors import InputError, MissingDependencyError, SeqdlError
from seqdl.intervals import Interval, Variant
from seqdl.version import __version__

_LATE = {
    "Dataset": "seqdl.data.dataset",
    "Genome": "seqdl.genome",
    "Run": "seqdl.training.run",
    "attribute": "seqdl.interpret.attribute",
    "ablate": "seqdl.interpret.experiments.ablate",
    "build_dataset": "seqdl.data.build",
    "build_model": "seqdl.models.registry",
    "calibrate": "seqdl.uncertainty.calibrate",
    "check_attributions": "seqdl.interpret.faithfulness.check",
    "compare_frequencies": "seqdl.variants.frequency",
    "copy_lessons": "seqdl.lessons",
    "cross_validate": "seqdl.training.cross_validation",
    "dependencies": "seqdl.interpret.experiments.dependency",
    "discover_in_run": "seqdl.interpret.motifs.in_run",
    "diagnose": "seqdl.training.diagnosis",
    "evaluate": "seqdl.evaluation.evaluate",
    "fetch": "seqdl.data.manifests",
    "filters_as_motifs": "seqdl.interpret.motifs.find_motifs",
    "find_database": "seqdl.io.motif_databases",
    "fit": "seqdl.training.fit",
    "fit_ensemble": "seqdl.training.ensemble",
    "hits_of_patterns": "seqdl.interpret.motifs.in_run",
    "inspect_dataset": "seqdl.data.inspect",
    "join_runs": "seqdl.training.ensemble",
    "learning_rate_range": "seqdl.training.learning_rate",
    "list_datasets": "seqdl.data.manifests",
    "list_lessons": "seqdl.lessons",
    "list_models": "seqdl.models.registry",
    "make_background": "seqdl.variants.make_background",
    "marginalize": "seqdl.interpret.experiments.marginalize",
    "match_motifs": "seqdl.interpret.motifs.matching",
    "mutagenesis": "seqdl.interpret.mutagenesis.regions",
    "predict": "seqdl.prediction.predict",
    "read_motifs": "seqdl.io.motifs",
    "read_scores": "seqdl.variants.files.reading",
    "report": "seqdl.reporting.build",
    "sampled_moments": "seqdl.uncertainty.draws",
    "sampled_predictions": "seqdl.uncertainty.draws",
    "score_variants": "seqdl.variants.score",
    "search": "seqdl.training.search",
    "simulate": "seqdl.data.simulate",
    "spacing": "seqdl.interpret.experiments.spacing",
    "stream_scores": "seqdl.variants.files.streaming",
}

__all__ = [
    "InputError", "Interval", "MissingDependencyError", "SeqdlError", "Variant", "__version__",
    *sorted(_LATE),
]  # fmt: skip


def __getattr__(name: str):
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'seqdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
