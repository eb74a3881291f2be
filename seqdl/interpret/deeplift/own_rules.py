"""DeepLIFT's rules for seqdl's own layers."""

from __future__ import annotations

from keras import ops

from seqdl import layers
from seqdl.interpret.deeplift import pairs as rule
from seqdl.interpret.deeplift.pairs import Pair
from seqdl.interpret.deeplift.rules import register_rule


@register_rule(layers.ExpLinear, layers.SigmoidGELU)
def _elementwise(layer, pair: Pair) -> Pair:
    return rule.elementwise(layer.call, pair)


@register_rule(layers.LogCoverage)
def _log_coverage(layer, pair: Pair) -> Pair:
    return rule.elementwise(layer.call, pair, lambda x, y: ops.exp(-y))  # 1 / (x + trifle)


@register_rule(layers.BothStrands)
def _linear(layer, pair: Pair) -> Pair:
    return rule.linear(layer.call, pair)


@register_rule(layers.StrandPooling)
def _strand_pooling(layer, pair: Pair) -> Pair:
    length, channels = pair.shape[1] // layer.strands, pair.shape[2]
    strands = rule.linear(lambda x: ops.reshape(x, (-1, layer.strands, length, channels)), pair)
    highest = rule.maximum(strands, 2)
    if not layer.average:
        return highest
    mean = rule.linear(lambda x: ops.mean(x, axis=2), strands)
    return rule.linear(lambda a, b: ops.concatenate([a, b], axis=-1), highest, mean)


@register_rule(layers.LogitPooling)
def _logit_pooling(layer, pair: Pair) -> Pair:
    shape = (-1, pair.shape[1] // layer.width, layer.width, pair.shape[2])
    return rule.log_sum_exp(rule.linear(lambda x: ops.reshape(x, shape), pair), 2)


@register_rule(layers.ProfileCoverage)
def _profile_coverage(layer, inputs: list[Pair]) -> Pair:
    profile, counts = inputs
    total = rule.elementwise(lambda x: ops.expm1(ops.maximum(x, 0.0)), counts)
    spread = rule.linear(lambda x: ops.expand_dims(x, 1), total)
    return rule.multiply(rule.softmax(profile, 1), spread)


@register_rule(layers.MeanOdds)
def _mean_odds(layer, inputs: list[Pair]) -> Pair:
    stacked = rule.linear(lambda *tensors: ops.stack(tensors, axis=1), *inputs)
    yes, no = (
        rule.log_sum_exp(rule.elementwise(lambda x, sign=sign: ops.log_sigmoid(sign * x), stacked), 1)
        for sign in (1.0, -1.0)
    )
    return rule.linear(lambda a, b: a - b, yes, no)


@register_rule(layers.LogTotal)
def _log_total(layer, pair: Pair) -> Pair:
    return rule.elementwise(ops.log1p, rule.linear(layer.total, pair), lambda x, y: ops.exp(-y))


@register_rule(layers.ProfileScore)
def _profile_score(layer, pair: Pair) -> Pair:
    # One weight for both sides, the example's: with its own, the reference would answer another question.
    weights = layer.weights_of(pair.example)
    fixed = Pair(weights, ops.repeat(weights, pair.per, axis=0), pair.per)
    return rule.linear(layer.score, pair, fixed)


@register_rule(layers.PaddingMask)
def _padding_mask(layer, pair: Pair) -> Pair:
    # Where a sequence ends is no amount that could be attributed: the references end where it does.
    mask = layer.call(pair.example)
    return Pair(mask, ops.repeat(mask, pair.per, axis=0), pair.per)


@register_rule(layers.ZeroPadding)
def _zero_padding(layer, pair: Pair, mask: Pair) -> Pair:
    return rule.linear(layer.call, pair, mask)


@register_rule(layers.MaskedPooling)
def _masked_pooling(layer, pair: Pair) -> Pair:
    if len(pair.shape) == 2:  # a mask
        return rule.linear(layer.call, pair)
    length, channels = pair.shape[1:]
    pools = -(-length // layer.size)
    cut = rule.linear(
        lambda x: ops.reshape(
            ops.pad(x, [[0, 0], [0, pools * layer.size - length], [0, 0]]), (-1, pools, layer.size, channels)
        ),
        pair,
    )
    return rule.maximum(cut, 2)


@register_rule(layers.SequencePooling)
def _sequence_pooling(layer, pair: Pair, mask: Pair) -> Pair:
    real = rule.linear(lambda m: ops.cast(ops.expand_dims(m, -1), "float32"), mask)
    pair = rule.same_dtype(pair, "float32")
    if layer.how == "max":
        hidden = rule.linear(lambda x, m: ops.where(m > 0, x, -1e9), pair, real)
        return rule.linear(
            lambda x, m: ops.where(ops.any(m, axis=1, keepdims=True), x, 0.0), rule.maximum(hidden, 1), mask
        )
    if layer.how in ("mean", "sum"):
        return rule.linear(layer.call, pair, mask)
    kernel, bias, query = (ops.convert_to_tensor(item) for item in (layer.kernel, layer.bias, layer.query))
    energy = rule.elementwise(ops.tanh, rule.linear(lambda x: ops.matmul(x, kernel) + bias, pair))
    energy = rule.linear(lambda x, m: ops.where(m > 0, ops.matmul(x, query), -1e9), energy, real)
    weights = rule.linear(lambda w, m: w * m, rule.softmax(energy, 1), real)
    pooled = rule.product(lambda w, x: ops.einsum("blh,blc->bhc", w, x), weights, pair)
    return rule.linear(lambda x: ops.reshape(x, (-1, layer.heads * pair.shape[-1])), pooled)
