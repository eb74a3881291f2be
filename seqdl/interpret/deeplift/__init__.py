"""DeepLIFT and DeepSHAP on Keras 3: pairs, layers' rules, the walk through a network, the core."""

from seqdl.interpret.deeplift.core import DeepLift, Explainer, deeplift_codes
from seqdl.interpret.deeplift.rules import register_rule
from seqdl.interpret.deeplift.walk import layers_without_rule

__all__ = ["DeepLift", "Explainer", "deeplift_codes", "layers_without_rule", "register_rule"]
