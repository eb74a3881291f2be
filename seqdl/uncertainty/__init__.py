"""How far a prediction can be trusted: calibration, conformal sets and intervals, draws, unlike sequences.

`calibrate` measures a run on held-out windows and writes a `Calibration`; `sampled_predictions` asks many
networks drawn from one, by dropout or variational layers. Modules are loaded when asked for.
"""

from importlib import import_module

_LATE = {
    "sampled_moments": "seqdl.uncertainty.draws",
    "sampled_predictions": "seqdl.uncertainty.draws",
}

__all__ = sorted(_LATE)


def __getattr__(name: str):
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'seqdl.uncertainty' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
