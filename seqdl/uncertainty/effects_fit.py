"""Score the variants with known effects, fit what follows from them, and measure it on folds held out."""

from __future__ import annotations

import numpy as np

from seqdl.errors import InputError
from seqdl.evaluation.calibration import calibration_error
from seqdl.evaluation.metrics import bootstrap_weights
from seqdl.uncertainty.effects import (
    band_hits,
    causal_logits,
    causal_losses,
    fit_causal,
    fit_effects,
)
from seqdl.uncertainty.effects_file import Effects, score_effects, target_places
from seqdl.uncertainty.measure import Resamples, row
from seqdl.variants.coverage_scores import DEFAULT_COVERAGE_SCORES
from seqdl.variants.scores import DEFAULT_SCORES
from seqdl.words import count

CAUSAL_SCORE = {"binary": "logit_diff", "coverage": "logSAD"}
_RESAMPLES = 500


def calibrate_effects(
    run, effects: Effects, genome, level: float, seed: int, **choices
) -> tuple[dict, list[dict], list[str]]:
    """Calibrate a run's scores on variants with known effects.

    Parameters
    ----------
    run : Run
    effects : Effects
        Labels, 0 and 1, or measured effects.
    genome : Genome
    level : float
    seed : int
    **choices
        Passed to `score_variants`.

    Returns
    -------
    parts : dict
        ``effects`` (an EffectBand by score), or ``causal``.
    rows : list of dict
        What was measured on variants that a fit did not see.
    notes : list of str

    Raises
    ------
    InputError
        If targets are unknown, or too few variants could be scored.
    """
    names = list(run.target_names)
    by_allele = effects.labels and effects.targets is None
    places = np.zeros(len(effects.effect), np.int64) if by_allele else target_places(effects, names)
    scores = DEFAULT_SCORES if run.task == "binary" else DEFAULT_COVERAGE_SCORES
    if effects.labels:
        scores = (CAUSAL_SCORE[run.task],)
    rows, values = score_effects(run, effects, genome, scores, **choices)
    notes = []
    if len(rows) < len(effects.effect):
        left = len(effects.effect) - len(rows)
        notes.append(
            f"{left:,} of {count(len(effects.effect), 'known effect')} belong to variants that could not be "
            "scored, and were left out."
        )
    effects, places = effects.take(rows), places[rows]
    number = int(effects.sites.max()) + 1
    weights = bootstrap_weights(number, _RESAMPLES, seed) if number > 1 else np.zeros((number, 0))
    draws = Resamples(effects.sites, weights)
    if effects.labels:
        size = np.abs(values[scores[0]])
        size = size.max(axis=1) if by_allele else size[np.arange(len(size)), places]
        try:
            return *_causal(effects, size.astype(np.float64), scores[0], seed, draws), notes
        except InputError as error:
            return {}, [], [*notes, f"No probability of being causal was written: {error}"]
    parts, found = {}, []
    for score in scores:
        picked = values[score][np.arange(len(places)), places]
        parts[score] = fit_effects(effects, picked, places, len(names), level, seed)
        hits = band_hits(effects, picked, places, len(names), level, seed)
        interval = draws.share(hits, np.ones(len(hits)))
        found.append(row(f"effect in the interval of {score}", level, hits.mean(), interval, len(hits)))
        width = 2 * parts[score].half[places].mean()
        spread = 2 * float(np.quantile(np.abs(effects.effect - effects.effect.mean()), level))
        found.append(row(f"width of the interval of {score}", None, width, None, len(hits)))
        found.append(row("width without the score", None, spread, None, len(hits)))
    return {"effects": parts}, found, notes


def _causal(
    effects: Effects, size: np.ndarray, score: str, seed: int, draws: Resamples
) -> tuple[dict, list[dict]]:
    made = fit_causal(effects, size, score)
    logits = causal_logits(effects, size, score, seed)
    losses = causal_losses(logits, effects.effect)
    labels = effects.effect.astype(np.uint8)[:, None]
    ones = np.ones(len(logits))
    error = calibration_error(labels, 1 / (1 + np.exp(-logits[:, None])), 10)[0]
    rows = [row("p_causal: calibration error", 0.0, error, None, len(logits))]
    for words, loss in zip(("", " of the share of causal ones alone"), losses, strict=True):
        rows.append(
            row(f"p_causal: log loss{words}", None, loss.mean(), draws.share(loss, ones), len(logits))
        )
    if losses[0].mean() > losses[1].mean():
        raise InputError(
            f"from |{score}| it is worse than the share of causal variants alone, on variants that it did "
            "not see. Are the labels of what the run predicts?"
        )
    return {"causal": made}, rows
