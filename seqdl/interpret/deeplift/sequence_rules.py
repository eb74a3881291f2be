"""DeepLIFT's rules for layers that carry states or weights along a sequence: LSTM, GRU, RNN, attention.

They are taken apart into linear steps, activations (rescale rule) and products of two changing factors (half
of each), which are exact one by one, and so together.
"""

from __future__ import annotations

from keras import layers, ops

from seqdl.errors import InputError
from seqdl.interpret.deeplift import pairs as rule
from seqdl.interpret.deeplift.pairs import Pair
from seqdl.interpret.deeplift.rules import activation, register_rule


@register_rule(layers.SimpleRNN, layers.GRU, layers.LSTM)
def recurrent(layer, pair: Pair, initial_state=None, mask: Pair | None = None) -> Pair | list[Pair]:
    """Step through a recurrent layer, both sides of the pair in one loop.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, GRU or LSTM
    pair : Pair of (batch, length, channels)
    initial_state : None
        Anything else is refused.
    mask : Pair of boolean (batch, length), optional
        Steps where it is False keep the state.

    Returns
    -------
    Pair or list of Pair
        What the layer returns: states along the sequence or the last one, and the final states if it gives
        them.
    """
    if initial_state is not None or layer.stateful:
        raise InputError(f"DeepLIFT needs a recurrent layer that starts from zero; {layer.name!r} does not.")
    step = {layers.SimpleRNN: _simple_step, layers.GRU: _gru_step, layers.LSTM: _lstm_step}[type(layer)]
    cell, units = layer.cell, layer.cell.units
    kernel, bias = ops.convert_to_tensor(cell.kernel), _input_bias(cell)
    inputs = rule.linear(
        lambda x: ops.matmul(x, kernel) if bias is None else ops.matmul(x, kernel) + bias, pair
    )
    if mask is None:
        mask = rule.linear(lambda x: ops.ones_like(x[:, :, 0], dtype="bool"), pair)
    times = []
    for tensor in (inputs.example, inputs.reference, mask.example, mask.reference):
        tensor = ops.moveaxis(ops.cast(tensor, pair.example.dtype), 1, 0)
        times.append(ops.flip(tensor, axis=0) if layer.go_backwards else tensor)

    kinds = 2 if type(layer) is layers.LSTM else 1
    start = []
    for tensor in (pair.example, pair.reference):
        start.append(ops.zeros((tensor.shape[0], units), dtype=tensor.dtype))
    carried = start * (kinds + 1)  # the states, and the last output that was not masked

    def advance(carry, now):
        x = Pair(now[0], now[1], pair.per)
        # A masked step keeps what was: the mask is 0 or 1 and the same on both sides, so this is linear.
        keep = [ops.expand_dims(now[2], -1), ops.expand_dims(now[3], -1)]
        states = [Pair(carry[2 * i], carry[2 * i + 1], pair.per) for i in range(kinds)]
        new = step(cell, x, states)
        result = []
        for before, after in zip(states, new, strict=True):
            for side, m in (("example", keep[0]), ("reference", keep[1])):
                result.append(m * getattr(after, side) + (1 - m) * getattr(before, side))
        for side, (m, before) in zip(
            ("example", "reference"), zip(keep, carry[-2:], strict=True), strict=True
        ):
            empty = 0.0 if layer.zero_output_for_mask else before
            result.append(m * getattr(new[0], side) + (1 - m) * empty)
        return result, result

    last, along = ops.scan(advance, carried, xs=times)
    output = Pair(last[-2], last[-1], pair.per)
    if layer.return_sequences:
        output = Pair(ops.moveaxis(along[-2], 0, 1), ops.moveaxis(along[-1], 0, 1), pair.per)
    if not layer.return_state:
        return output
    return [output, *(Pair(last[2 * i], last[2 * i + 1], pair.per) for i in range(kinds))]


def _input_bias(cell):
    if not cell.use_bias:
        return None
    bias = ops.convert_to_tensor(cell.bias)
    return bias[0] if len(bias.shape) == 2 else bias  # a GRU with reset_after has a second one, of the states


def _parts(pair: Pair, n: int) -> list[Pair]:
    size = pair.shape[-1] // n
    return [rule.linear(lambda x, i=i: x[..., i * size : (i + 1) * size], pair) for i in range(n)]


def _sum(*items: Pair) -> Pair:
    return rule.linear(lambda *tensors: sum(tensors[1:], tensors[0]), *items)


def _times(pair: Pair, kernel, bias=None) -> Pair:
    return rule.linear(
        lambda x: ops.matmul(x, kernel) if bias is None else ops.matmul(x, kernel) + bias, pair
    )


def _simple_step(cell, x: Pair, states: list[Pair]) -> list[Pair]:
    recurrent_part = _times(states[0], ops.convert_to_tensor(cell.recurrent_kernel))
    return [activation(cell.activation, _sum(x, recurrent_part))]


def _lstm_step(cell, x: Pair, states: list[Pair]) -> list[Pair]:
    h, c = states
    z = _sum(x, _times(h, ops.convert_to_tensor(cell.recurrent_kernel)))
    i, f, g, o = _parts(z, 4)
    i, f, o = (activation(cell.recurrent_activation, gate) for gate in (i, f, o))
    c = _sum(rule.multiply(f, c), rule.multiply(i, activation(cell.activation, g)))
    return [rule.multiply(o, activation(cell.activation, c)), c]


def _gru_step(cell, x: Pair, states: list[Pair]) -> list[Pair]:
    (h,) = states
    kernel = ops.convert_to_tensor(cell.recurrent_kernel)
    units = cell.units
    x_z, x_r, x_h = _parts(x, 3)
    if cell.reset_after:
        bias = ops.convert_to_tensor(cell.bias)[1] if cell.use_bias else None
        h_z, h_r, h_h = _parts(_times(h, kernel, bias), 3)
    else:
        h_z, h_r = _parts(_times(h, kernel[:, : 2 * units]), 2)
    z = activation(cell.recurrent_activation, _sum(x_z, h_z))
    r = activation(cell.recurrent_activation, _sum(x_r, h_r))
    inner = rule.multiply(r, h_h) if cell.reset_after else _times(rule.multiply(r, h), kernel[:, 2 * units :])
    candidate = activation(cell.activation, _sum(x_h, inner))
    return [_sum(rule.multiply(z, h), rule.multiply(rule.linear(lambda v: 1 - v, z), candidate))]


@register_rule(layers.Bidirectional)
def bidirectional(layer, pair: Pair, initial_state=None, mask: Pair | None = None) -> Pair | list[Pair]:
    """Step through both directions and join them as the layer does.

    Parameters
    ----------
    layer : keras.layers.Bidirectional
        Of SimpleRNN, GRU or LSTM.
    pair, initial_state, mask
        As in `recurrent`.

    Returns
    -------
    Pair or list of Pair
    """
    ways = [recurrent(way, pair, initial_state, mask) for way in (layer.forward_layer, layer.backward_layer)]
    states = []
    if layer.return_state:
        states = [state for way in ways for state in way[1:]]
        ways = [way[0] for way in ways]
    if layer.return_sequences:
        ways[1] = rule.linear(lambda x: ops.flip(x, axis=1), ways[1])
    if layer.merge_mode == "concat":
        joined = rule.linear(lambda a, b: ops.concatenate([a, b], axis=-1), *ways)
    elif layer.merge_mode in ("sum", "ave"):
        joined = rule.linear(lambda a, b: (a + b) / (2 if layer.merge_mode == "ave" else 1), *ways)
    elif layer.merge_mode == "mul":
        joined = rule.multiply(*ways)
    else:
        return [*ways, *states]
    return [joined, *states] if states else joined


@register_rule(layers.MultiHeadAttention)
def multi_head_attention(layer, query: Pair, value: Pair, key: Pair | None = None, **keywords) -> Pair:
    """Attend: queries times keys and weights times values are products of two changing factors.

    Parameters
    ----------
    layer : keras.layers.MultiHeadAttention
    query, value : Pair of (batch, length, channels)
    key : Pair, optional
        The values by default.
    **keywords
        Refused if they ask for a mask or for the weights.

    Returns
    -------
    Pair of (batch, length, channels)
    """
    given = [
        name
        for name, item in keywords.items()
        if item is not None and item is not False and name != "training"
    ]
    if given or len(query.shape) != 3:
        raise InputError(
            f"DeepLIFT has a rule for attention over (batch, length, channels) without masks; {layer.name!r} "
            f"is called with {', '.join(given) or f'shape {query.shape}'}."
        )
    key = value if key is None else key
    q, k, v = (
        rule.linear(dense, item)
        for dense, item in ((layer.query_dense, query), (layer.key_dense, key), (layer.value_dense, value))
    )
    scale = 1.0 / float(layer.key_dim) ** 0.5
    scores = rule.product(lambda a, b: ops.einsum("bsnh,btnh->bnts", a, b) * scale, k, q)
    weights = rule.softmax(scores, 3)
    joined = rule.product(lambda a, b: ops.einsum("bnts,bsnh->btnh", a, b), weights, v)
    return rule.linear(layer.output_dense, joined)
