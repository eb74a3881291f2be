"""The result of `check_attributions` as a table for the terminal, and as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, require_writable, write_text
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-attribution-check", 1
INDEX = "check.json"

# Column of the summary: heading in the terminal, what it says.
COLUMNS = {
    "auroc": ("AUROC", "recovery of known positions, all bases together; chance 0.5"),
    "auprc": ("AUPRC", "the same as average precision; chance is the share of known positions"),
    "deletion": ("deletion", "how far the prediction lies below random order while bases are replaced"),
    "insertion": ("insertion", "how far it lies above random order while bases are put back"),
    "agreement": ("agreement", "mean Spearman correlation of sizes with the other methods"),
    "randomised": ("forgotten", "the same with itself after all weights are re-drawn; high is bad"),
    "stability": ("members", "mean Spearman correlation between members of the ensemble"),
}


def summarise(methods, *, recovery, curves, agreement, randomisation, stability):
    """Put the main number of each check side by side.

    Parameters
    ----------
    methods : sequence of str
    recovery, curves, agreement, randomisation, stability
        As in `AttributionCheck`.

    Returns
    -------
    pandas.DataFrame
        One row a method: ``method``; the columns of `COLUMNS`, with ``_low`` and ``_high`` but for the
        agreement, as far as they were measured; ``passed`` of the randomisation.
    """
    import pandas as pd

    rows = {name: {"method": name} for name in methods}

    def take(table, source: str, column: str) -> None:
        for line in table.to_dict("records"):
            if line["method"] in rows:
                rows[line["method"]] |= {
                    f"{column}{end}": line[f"{source}{end}"] for end in ("", "_low", "_high")
                }

    if recovery is not None:
        for column in ("auroc", "auprc"):
            take(recovery.table, column, column)
    if curves is not None:
        for kind in ("deletion", "insertion"):
            take(curves.table[curves.table["kind"] == kind], "area_between", kind)
    if agreement is not None:
        matrix = agreement.spearman_size.to_numpy(float)
        others = matrix[~np.eye(len(matrix), dtype=bool)].reshape(len(matrix), -1)
        with np.errstate(invalid="ignore"):
            means = np.nansum(others, axis=1) / np.maximum((~np.isnan(others)).sum(axis=1), 1)
        for name, mean in zip(agreement.spearman_size.index, means, strict=True):
            rows[name]["agreement"] = float(mean)
    if randomisation is not None:
        table = randomisation.table
        take(table[table["stage"] == table["stage"].max()], "spearman_size", "randomised")
        for name, passed in randomisation.passed.items():
            rows[name]["passed"] = passed
    for name, found in stability.items():
        rows[name] |= {
            "stability": found.correlation, "stability_low": found.low, "stability_high": found.high
        }  # fmt: skip
    return pd.DataFrame(list(rows.values()))


def describe_check(check) -> str:
    """Write the summary as a table for a person, with what its columns mean and what was left out.

    Parameters
    ----------
    check : AttributionCheck

    Returns
    -------
    str
        Several lines, without a newline at the end.
    """
    summary = check.summary
    columns = [name for name in COLUMNS if name in summary]
    lines = [["method", *(COLUMNS[name][0] for name in columns)]]
    for row in summary.to_dict("records"):
        cells = [row["method"]]
        for name in columns:
            text = _number(row[name])
            if f"{name}_low" in row and np.isfinite(row[f"{name}_low"]):
                text += f" ({_number(row[f'{name}_low'])} to {_number(row[f'{name}_high'])})"
            cells.append(text + (" FAILS" if name == "randomised" and not row["passed"] else ""))
        lines.append(cells)
    if check.recovery is not None:  # what needs no network stands under what does
        for row in check.recovery.table.query("kind == 'baseline'").to_dict("records"):
            cells = [f"[{row['method']}]"] + [""] * len(columns)
            for name in ("auroc", "auprc"):
                cells[1 + columns.index(name)] = _number(row[name])
            lines.append(cells)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [f"Is the explanation of {check.target} true? {len(check.codes):,} sequences."]
    text += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in lines]  # fmt: skip
    text += [f"{COLUMNS[name][0]}: {COLUMNS[name][1]}." for name in columns]
    if check.randomisation is not None and not all(check.randomisation.passed.values()):
        bad = [name for name, passed in check.randomisation.passed.items() if not passed]
        text.append(
            f"FAILS: {', '.join(bad)} still looks as before when the network has forgotten everything "
            f"(above {check.randomisation.threshold:g}): do not read it as an explanation."
        )
    return "\n".join([*text, *check.notes])


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3f}"


def check_folder(out: str | Path) -> Path:
    """Return the folder of results, checked before the work.

    Parameters
    ----------
    out : str or Path

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If it is a file, or cannot be written.
    """
    out = Path(out).expanduser()
    if out.exists() and not out.is_dir():
        raise InputError(f"`out` is to be a folder for tables and pictures, and {out} is a file.")
    require_writable(out / INDEX)
    return out


def write_check(out: str | Path, check) -> list[Path]:
    """Write tables (TSV), pictures (PNG) and the settings (``check.json``, written last) into a folder.

    Parameters
    ----------
    out : str or Path
        Made where it is missing; files of the same names are replaced, each whole or not at all.
    check : AttributionCheck

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    from seqdl.plot.faithfulness import check_pictures
    from seqdl.plot.style import save_figure

    out = check_folder(out)
    tables = {"summary": check.summary}
    if check.recovery is not None:
        tables |= {"recovery": check.recovery.table, "recovery_sequences": check.recovery.sequences}
    for name in ("curves", "agreement", "randomisation"):
        if getattr(check, name) is not None:
            tables[name] = getattr(check, name).table
    tables |= {f"members_{name}": found.members.table for name, found in check.stability.items()}
    written = []
    for name, table in tables.items():
        path = out / f"{name}.tsv"
        with atomic_path(path) as aside:
            table.to_csv(aside, sep="\t", index=False, float_format="%.6g", na_rep="NA")
        written.append(path)
    for name, figure in check_pictures(check).items():
        path = out / f"{name}.png"
        save_figure(figure, path)
        written.append(path)
    head = {"format": FORMAT, "version": VERSION, "seqdl": __version__}
    body = {"settings": check.settings, "notes": list(check.notes), "files": [path.name for path in written]}
    write_text(out / INDEX, json.dumps(head | body, indent=1) + "\n")
    return [*written, out / INDEX]
