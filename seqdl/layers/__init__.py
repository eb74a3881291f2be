"""Layers that Keras lacks; each is registered under "seqdl", so that saved models open in safe mode."""

from seqdl.layers.coverage import ExpLinear, SigmoidGELU
from seqdl.layers.explained import LogCoverage, LogTotal, ProfileScore
from seqdl.layers.mean_odds import MeanOdds
from seqdl.layers.one_hot import OneHot
from seqdl.layers.paired_bases import PairedBases
from seqdl.layers.profile import LogitPooling, ProfileCoverage
from seqdl.layers.sequence_mask import MaskedPooling, PaddingMask, SequencePooling, ZeroPadding
from seqdl.layers.strands import BothStrands, StrandPooling
from seqdl.layers.variational import VariationalConv1D, VariationalDense

__all__ = [
    "BothStrands",
    "ExpLinear",
    "LogCoverage",
    "LogTotal",
    "LogitPooling",
    "MaskedPooling",
    "MeanOdds",
    "OneHot",
    "PaddingMask",
    "PairedBases",
    "ProfileCoverage",
    "ProfileScore",
    "SequencePooling",
    "SigmoidGELU",
    "StrandPooling",
    "VariationalConv1D",
    "VariationalDense",
    "ZeroPadding",
]
