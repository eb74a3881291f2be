"""How far a prediction can be trusted: calibration, conformal sets and intervals, draws, unlike sequences.

`calibrate` measures a run on held-out windows and writes a `Calibration`; `seqdl.sampled_predictions` asks
many networks drawn from one, by dropout or variational layers.
"""
