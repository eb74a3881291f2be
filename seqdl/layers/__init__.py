"""Layers that Keras lacks; every one is registered under "seqdl", so that a saved model opens in safe mode."""

from seqdl.layers.one_hot import OneHot

__all__ = ["OneHot"]
