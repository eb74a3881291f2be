"""Prediction: the forward pass (`Predictor`), where windows come from, what is written, and the verb."""
