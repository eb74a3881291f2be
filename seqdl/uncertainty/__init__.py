"""How far a prediction can be trusted: calibration, conformal sets and intervals, dropout, unlike sequences.

`calibrate` measures a run on held-out windows and writes a `Calibration`; modules are loaded when asked for.
"""
