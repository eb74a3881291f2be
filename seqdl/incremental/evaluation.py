"""One plan at work: the reference's tensors that it needs, and batches of changes of one width."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import StatelessScope, ops

from seqdl.incremental.changed import Changed, Context
from seqdl.incremental.compiled import compile_function
from seqdl.incremental.ends import derive, row_of
from seqdl.incremental.program import run_program
from seqdl.incremental.rules import find_rule
from seqdl.incremental.strips import Flat, Plan, Strip
from seqdl.layers.one_hot import TABLE


class Batch(NamedTuple):
    """Changes that are evaluated at once.

    Attributes
    ----------
    which : int64 array, (m,)
        Their places among all.
    leaves : bool
        Whether some strip leaves its tensor at an end.
    """

    which: np.ndarray
    leaves: bool


class Evaluation:
    """Run a plan.

    Parameters
    ----------
    plan : Plan
    model : keras.Model
        Whose program it is.
    batch_size : int
        Changes at once.
    """

    def __init__(self, plan: Plan, model, batch_size: int) -> None:
        self.plan, self.model, self.batch_size = plan, model, batch_size
        self.weights = {
            str(number): {name: ops.convert_to_tensor(value) for name, value in prepared.items()}
            for number, item in enumerate(plan.steps)
            if item.by_strip and (prepared := find_rule(item.step).prepare(item.step))
        }
        self._numbers = {id(item.step): str(number) for number, item in enumerate(plan.steps)}
        self._compiled = {leaves: compile_function(self._function(leaves), model) for leaves in (False, True)}
        self.keys = self._find_keys()
        self._reference = compile_function(self._cache, model)

    def cache(self, codes: np.ndarray):
        """Return the outputs of sequences, uint8 (n, L), and their tensors that `run` needs."""
        return self._reference(codes)

    def run(self, kept: list, rows: np.ndarray, starts: np.ndarray, change: np.ndarray, leaves: bool):
        """Evaluate one batch.

        Parameters
        ----------
        kept : list
            From `cache`.
        rows, starts : int32 array, (m,)
        change : float32 array, (m, width, channels)
            New bases less old ones, one-hot.
        leaves : bool
            See `Batch`.

        Returns
        -------
        tensor, (m, ...)
        """
        return self._compiled[leaves](kept, rows, starts, change, self.weights)

    def batches(self, rows: np.ndarray, starts: np.ndarray) -> list[Batch]:
        """Divide changes into batches that share the rows of a flat dense kernel, and lie inside or not.

        Parameters
        ----------
        rows, starts : int64 array, (m,)

        Returns
        -------
        list of Batch
            Of at most `batch_size` changes each.
        """
        first, last = self.plan.inside()
        leaves = (starts < first) | (starts > last)
        flat = [form.strip for form in self.plan.forms.values() if isinstance(form, Flat)]
        columns = [leaves, *(row_of(strip, starts) for strip in flat)]
        keys = np.stack([np.asarray(column, np.int64) for column in columns], axis=1)
        order = np.lexsort((starts, rows, *keys.T[::-1]))
        cuts = np.flatnonzero((keys[order][1:] != keys[order][:-1]).any(axis=1)) + 1
        found = []
        for group in np.split(order, cuts):
            for at in range(0, len(group), self.batch_size):
                found.append(Batch(group[at : at + self.batch_size], bool(leaves[group[0]])))
        return found

    def bytes_a_sequence(self) -> int:
        """Return what the kept tensors of one sequence take."""
        shapes = [self.plan.program.shapes[key if isinstance(key, int) else key[1]] for key in self.keys]
        return 4 * sum(int(np.prod(shape[1:])) for shape in shapes)

    def _cache(self, codes):
        """Pass sequences through the network whole, and keep what `run` asks for."""
        table = ops.convert_to_tensor(TABLE)
        x = ops.take(table, ops.cast(codes, "int32"), axis=0)
        numbers = sorted({key if isinstance(key, int) else key[1] for key in self.keys})
        output, kept = run_program(self.plan.program, x, numbers)
        tensors = [kept[key] if isinstance(key, int) else derive(key, kept[key[1]]) for key in self.keys]
        return output, tensors

    def _function(self, leaves: bool):
        def evaluate(kept, rows, starts, change, weights):
            tensors = dict(zip(self.keys, kept, strict=True))
            return self._walk(tensors.__getitem__, rows, starts, change, weights, leaves)

        return evaluate

    def _walk(self, cached, rows, starts, change, weights, leaves: bool):
        """Carry the changes through the network, step by step."""
        plan = self.plan
        context = Context(starts, rows, cached, lambda step: weights[self._numbers[id(step)]], leaves)
        begin = plan.program.input
        x = Changed(context, begin, Strip(plan.program.shapes[begin][1], plan.width), difference=change)
        values: dict[int, object] = {begin: x if plan.forms[begin] is not None else x.whole()}
        for item in plan.steps:
            step = item.step
            given = [values[key] for key in step.inputs]
            if item.by_strip:
                result = find_rule(step).run(step, given, context, plan.forms[step.outputs[0]])
                values[step.outputs[0]] = result
                continue
            for place, (key, value) in enumerate(zip(step.inputs, given, strict=True)):
                if isinstance(value, Changed):  # from here on each change has a tensor of its own
                    whole = value.whole()
                    if isinstance(plan.forms[key], Flat):
                        whole = ops.reshape(whole, (whole.shape[0], -1))
                    given[place] = values[key] = whole
            values.update(zip(step.outputs, step.call(*given), strict=True))
        output = values[plan.program.output]
        return output.whole() if isinstance(output, Changed) else output

    def _find_keys(self) -> list:
        """Walk once over zeros, and note which of the reference's tensors are asked for."""
        keys, shapes = [], self.plan.program.shapes
        channels = shapes[self.plan.program.input][2]

        def ask(key):
            if key not in keys:
                keys.append(key)
            if isinstance(key, int):
                return ops.zeros((1, *shapes[key][1:]))
            shape = shapes[key[1]]
            return ops.zeros((1, shape[2]) if key[0] == "total" else (shape[1] + 1, shape[2]))

        nothing = np.zeros(1, np.int32)
        change = np.zeros((1, self.plan.width, channels), np.float32)
        arguments = map(ops.convert_to_tensor, (nothing, nothing, change))
        with StatelessScope():
            self._walk(ask, *arguments, self.weights, True)
        return keys
