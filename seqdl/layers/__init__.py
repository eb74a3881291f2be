"""Layers that Keras lacks; each is registered under "seqdl", so that saved models open in safe mode."""

from seqdl.layers.one_hot import OneHot

__all__ = ["OneHot"]
