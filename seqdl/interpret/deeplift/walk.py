"""Carry a pair through a network, layer by layer, by each layer's rule."""

from __future__ import annotations

import keras
from keras import tree

from seqdl.errors import InputError
from seqdl.interpret.deeplift import own_rules, sequence_rules  # noqa: F401  (their rules enter the table)
from seqdl.interpret.deeplift.pairs import Pair
from seqdl.interpret.deeplift.rules import RULES, apply_rule, register_rule
from seqdl.prediction.precision import leaf_layers


def walk(model, pair: Pair) -> Pair | list[Pair]:
    """Carry a pair from a network's input to its output.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, with one input.
    pair : Pair of (batch, length, channels)

    Returns
    -------
    Pair, or list of Pair where the network has several outputs

    Raises
    ------
    InputError
        If the model is neither, or a layer has no rule.
    """
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            pair = apply_rule(layer, pair)
        return pair
    check_graph(model)
    values = {id(model.inputs[0]): pair}
    depths = model._nodes_by_depth  # the order in which Keras itself runs the graph
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            if node.is_input:
                continue
            args, keywords = node.arguments.fill_in(values)
            # Layers run as they predict; and a nested model's node says that it was given no mask.
            keywords = {key: item for key, item in keywords.items() if key != "training" and item is not None}
            outputs = apply_rule(node.operation, *args, **keywords)
            for tensor, value in zip(node.outputs, tree.flatten(outputs), strict=True):
                values[id(tensor)] = value
    outputs = [values[id(tensor)] for tensor in model.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


def check_graph(model) -> None:
    """Refuse a model whose graph cannot be walked: InputError for a subclass, or several inputs.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    InputError
        If it is one of these.
    """
    if not hasattr(model, "_nodes_by_depth"):
        raise InputError(
            f"DeepLIFT needs a functional or sequential model. Received: a {type(model).__name__}, whose "
            "layers are called in its own code."
        )
    if len(model.inputs) != 1:
        raise InputError(
            f"DeepLIFT explains one input, the sequence; the model has {len(model.inputs)}. "
            "Fix the others first."
        )


_nothing = keras.Input((1,))
_FUNCTIONAL = type(keras.Model(_nothing, _nothing))  # a class that Keras has no public name for
register_rule(_FUNCTIONAL, keras.Sequential)(walk)


def layers_without_rule(model) -> list[str]:
    """List the layers of a model that DeepLIFT has no rule for, as "name (class)".

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of str
        Empty where every layer has one.
    """
    leaves = (layer for layer in leaf_layers(model) if type(layer) not in RULES)
    return [f"{layer.name} ({type(layer).__name__})" for layer in leaves]
