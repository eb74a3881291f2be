"""The learning-rate range test: one short training whose rate rises until the loss blows up.

Smith (2017), Cyclical Learning Rates for Training Neural Networks, section 3.3: the rates between the
one at which the loss begins to fall and the one at which it stops falling are useful; a third or a
quarter of the upper one is a safe choice.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.progress import progress_bar, say
from seqdl.training.config import TrainingConfig

if TYPE_CHECKING:
    import pandas as pd

TABLE, FIGURE = "lr_range.tsv", "lr_range.svg"
# The suggestion is this share of the rate with the least loss (Smith: 1/3 or 1/4).
SHARE = 1 / 3
# The sweep ends when the loss is this many times its least value.
BLOW_UP = 3.0
# The loss is smoothed along log(rate) with a Gaussian of this share of the steps, to both sides: a running
# mean would lag, and shift every rate to the right.
_WIDTH = 0.03
# The fall begins where this share of it is done.
_BEGUN = 0.2


class RangeTest(NamedTuple):
    """What a range test found.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a step: learning_rate, loss (of that batch), smoothed: of the loss, less what the batch's
        own targets make of it.
    lowest, highest : float
        Where the smoothed loss begins to fall, and where it is least.
    suggestion : float
        A third of `highest`: for ``--learning-rate``.
    """

    table: pd.DataFrame
    lowest: float
    highest: float
    suggestion: float

    def write(self, folder: str | Path) -> list[Path]:
        """Write lr_range.tsv and lr_range.svg into a folder; return their paths."""
        from seqdl.evaluation.outputs import write_table
        from seqdl.plot.learning_rate import plot_range_test
        from seqdl.plot.style import save_figure

        folder = Path(folder).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"Cannot make the folder {folder}: {error.strerror}.") from error
        write_table(folder / TABLE, self.table, False)
        save_figure(plot_range_test(self), folder / FIGURE)
        return [folder / TABLE, folder / FIGURE]


def learning_rate_range(
    data: Dataset | str | Path,
    config: TrainingConfig | None = None,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 200,
    *,
    genome: str | Path | None = None,
    **choices,
) -> RangeTest:
    """Sweep the learning rate upwards through one short training, and read the loss.

    Parameters
    ----------
    data : Dataset or path
    config : TrainingConfig, optional
        Of the training that is meant: its model, optimizer, batches and loss.
    low, high : float
        First and last rate; it grows by the same factor each step.
    steps : int
        At least 20; fewer are done where the loss blows up.
    genome : path, optional
        Where the dataset's genome is now, if it has moved.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    RangeTest

    Raises
    ------
    InputError
        If the sweep makes no sense, or a choice does not fit the dataset.
    """
    if not (0 < low < high < math.inf):
        raise InputError(
            f"`low` and `high` must be rates above 0, the first one lower. Received: {low}, {high}."
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 20:
        raise InputError(f"`steps` must be a whole number of at least 20. Received: {steps!r}.")
    data = Dataset.open(data, genome)
    config = TrainingConfig.from_dict({**(config or TrainingConfig()).to_dict(), **choices})

    from seqdl.training.device import make_deterministic
    from seqdl.training.optimizers import bare_optimizer
    from seqdl.training.prepare import compile_trainer, prepare
    from seqdl.training.resolve import resolve

    config, _ = resolve(config, data)
    make_deterministic(config.seed, config.deterministic)
    parts = prepare(data, config)
    compile_trainer(parts.trainer, bare_optimizer(parts.config, low), parts.loss)
    rates = np.geomspace(low, high, steps)
    losses: list[float] = []
    bases: list[float] = []
    with progress_bar(steps, "Range test", "steps") as bar:
        for number, rate in enumerate(rates):
            loss, base = _step(parts, number, float(rate))
            losses.append(loss)
            bases.append(base)
            bar.advance(1)
            least = np.min(_smooth(losses, steps)) if number > 20 else np.inf
            if not np.isfinite(loss) or np.median(losses[-5:]) > BLOW_UP * least:
                break
    found = read_range(rates[: len(losses)], np.array(losses), steps, np.array(bases))
    say(
        f"The loss falls from a rate of {found.lowest:.2g} and is least at {found.highest:.2g}; suggested: "
        f"--learning-rate {found.suggestion:.2g}"
    )
    return found


def _step(parts, number: int, rate: float) -> tuple[float, float]:
    """Train on one batch at a rate; return its loss, and that of the targets' means alone."""
    epoch, step = divmod(number, parts.train.steps)
    order = parts.train.order(epoch)
    codes, targets = parts.train.batch(order, epoch, step)
    targets = targets.astype(np.float32)
    weights = parts.train.weights
    if weights is not None:
        weights = weights[parts.train.windows_of(order, step)]
    start = np.broadcast_to(np.asarray(parts.start, np.float32), (len(targets), *parts.start.shape))
    base = float(parts.loss(targets, start, sample_weight=weights))
    parts.trainer.optimizer.learning_rate = rate
    parts.trainer.reset_metrics()  # or the loss would be the mean of all batches so far
    return float(parts.trainer.train_on_batch(codes, targets, sample_weight=weights)), base


def read_range(
    rates: np.ndarray, losses: np.ndarray, steps: int, bases: np.ndarray | None = None
) -> RangeTest:
    """Read a sweep's losses.

    Parameters
    ----------
    rates, losses : float arrays, shape (n,)
        Rates rise by one factor; a last loss that is not finite is left out.
    steps : int
        Planned; the smoothing's width is a share of them.
    bases : float array, shape (n,), optional
        Each batch's loss without any sequence. Where positives are rare, most of what a loss moves from
        batch to batch is how many of them the batch has: these say, and are taken off.

    Raises
    ------
    InputError
        If the loss is not a number from the beginning, or never falls by more than its noise.
    """
    import pandas as pd

    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    if len(losses) < 10:
        raise InputError("The loss was no number after a few steps: begin the range test at a lower rate.")
    bases = np.zeros(len(losses)) if bases is None else bases[finite]
    level = losses - bases + bases.mean()
    smoothed = _smooth(level, steps)
    least = int(np.argmin(smoothed))
    first = max(1, len(smoothed) // 20)
    start = float(np.mean(smoothed[:first]))
    # What a mean over the smoothing's width still moves by chance, up to where the loss is least.
    noise = float(np.std((level - smoothed)[: least + 1])) / math.sqrt(max(1.0, _WIDTH * steps))
    if least < first or start - smoothed[least] <= max(3 * noise, 1e-6 * abs(start)):
        raise InputError(
            f"The loss did not fall by more than its noise between the rates {rates[0]:.2g} and "
            f"{rates[-1]:.2g}. Take more steps (--range-steps), or other bounds."
        )
    begun = int(np.argmax(smoothed <= start - _BEGUN * (start - smoothed[least])))
    table = pd.DataFrame({"learning_rate": rates, "loss": losses, "smoothed": smoothed})
    return RangeTest(table, float(rates[begun]), float(rates[least]), float(rates[least] * SHARE))


def _smooth(losses: list[float] | np.ndarray, steps: int) -> np.ndarray:
    losses = np.asarray(losses, np.float64)
    places = np.arange(len(losses))
    near = np.exp(-0.5 * ((places[:, None] - places) / max(1.0, _WIDTH * steps)) ** 2)
    return near @ losses / near.sum(axis=1)
