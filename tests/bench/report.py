"""Samples become a report: an entry a benchmark, as a table for people and as JSON for programs.

A side's figure is the median of its rounds, the ratio that of the two medians, and the spread the lowest and the highest ratio of one
round's two sides: what the ratio would have been with fewer rounds.
"""
import json
from statistics import median

from rounds import SIDES

DIGITS = 4  # of ratios; figures have three


def entry(benchmark, samples):
    values = {side: [sample.value for sample in samples[side]] for side in SIDES}
    reference, ours = (median(values[side]) for side in SIDES)
    ratios = [one / other for other, one in zip(values["reference"], values["ours"])]
    return {
        "name": benchmark.name, "unit": benchmark.unit, "reference": round(reference, 3), "ours": round(ours, 3),
        "ratio": round(ours / reference, DIGITS), "rounds": len(ratios),
        "spread": [round(min(ratios), DIGITS), round(max(ratios), DIGITS)], "limit": benchmark.limit,
        "samples": {side: [round(value, 3) for value in values[side]] for side in SIDES},
        "parts": {side: _parts(samples[side]) for side in SIDES}}


def _parts(samples):
    """The median of each part."""
    return {name: round(median(sample.parts[name] for sample in samples), 3) for name in samples[0].parts}


def exceeds(item):
    """Told by the ratio as it is reported."""
    return item["ratio"] > item["limit"]


def table(entries):
    rows = [("BENCHMARK", "UNIT", "REFERENCE", "OURS", "RATIO", "LIMIT", "SPREAD (MIN..MAX)", "ROUNDS", "")]
    for item in entries:
        low, high = item["spread"]
        rows.append((item["name"], item["unit"], f"{item['reference']:.3f}", f"{item['ours']:.3f}", f"{item['ratio']:.{DIGITS}f}",
                     f"<= {item['limit']:g}", f"{low:.{DIGITS}f}..{high:.{DIGITS}f}", str(item["rounds"]),
                     "EXCEEDED" if exceeds(item) else "ok"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    for item in entries:
        for side in SIDES:
            if item["parts"][side]:
                parts = ", ".join(f"{name} {value:g}" for name, value in item["parts"][side].items())
                lines.append(f"{item['name']}, {side}, medians of its parts in {item['unit']}: {parts}")
    return "\n".join(lines) + "\n"


def write(path, entries):
    """Replaces the report by one that is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(entries, indent=2) + "\n")
    new.rename(path)
