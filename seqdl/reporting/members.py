"""Section on the training of an ensemble: its members' curves and what each reached."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Picture, Section, Table, number
from seqdl.reporting.inputs import Inputs
from seqdl.words import count


def members_section(found: Inputs) -> Section:
    """Show the members' learning curves and a row each.

    Parameters
    ----------
    found : Inputs
        Of a run whose card lists members.

    Returns
    -------
    Section
    """
    import pandas as pd

    from seqdl.plot.ensembles import plot_member_histories

    members = found.card["model"]["members"]
    monitor = str((found.card.get("training") or {}).get("monitor") or "val_loss")
    values = [m["best_value"] for m in members if isinstance(m.get("best_value"), (int, float))]
    reading = (
        f"{count(len(members), 'network was', 'networks were')} trained apart; the run predicts the mean of "
        "what they predict. Where they differ among each other it is less sure."
    )
    if len(values) > 1:
        reading += (
            f" At their kept epochs their {monitor.replace('_', ' ')} lies between {min(values):.4f} and "
            f"{max(values):.4f} (mean {np.mean(values):.4f})."
        )
    rows = []
    for place, member in enumerate(members, 1):
        name = " ".join(str(member[key]) for key in ("name", "preset") if member.get(key))
        numbers = [member.get(key) for key in ("seed", "epochs_run", "best_epoch")]
        rows.append(
            [
                Cell(str(place), place), Cell(name),
                *(Cell("" if value is None else f"{value:,}", value) for value in numbers),
                Cell(number(member.get("best_value")), member.get("best_value")),
            ]
        )  # fmt: skip
    columns = ("member", "network", "seed", "epochs", "kept epoch", monitor.replace("_", " "))
    blocks: list = [Table(columns, rows, "", numeric=(0, 2, 3, 4, 5))]
    histories = [pd.DataFrame(rows) for rows in found.run.member_histories()]
    if histories:
        picture = Picture(
            figure_uri(plot_member_histories(histories, monitor=monitor)),
            f"Validation curves of {len(histories)} members.",
            "A line a member; the point is the epoch whose weights were kept.", wide=True,
        )  # fmt: skip
        blocks.insert(0, picture)
    return Section("training", "How training went", reading, blocks, "Training")
