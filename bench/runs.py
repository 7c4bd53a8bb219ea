# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs by what they have in common, and their medians."""

import statistics

# What makes runs comparable.
KEY = ("series", "cpus", "init_on_alloc", "order", "condition", "requested", "contender")


def groups(runs):
    """All runs of one contender at one task, by KEY, in the order they were made."""
    found = {}
    for run in runs:
        found.setdefault(tuple(run[field] for field in KEY), []).append(run)
    return found


# What is measured together, in one boot.
TASK = tuple(field for field in KEY if field != "contender")


def task_of(run):
    return tuple(run[field] for field in TASK)


def finished(runs):
    """Those of a guest that died, without the task that it was at: contenders take turns, so of that some have fewer."""
    return [run for run in runs if task_of(run) != task_of(runs[-1])]


def joined(old, new):
    """The results @old, where @new has not measured the same task: contenders are compared within one boot only."""
    for field in ("kernel", "clock"):
        if old[field] != new[field]:
            raise ValueError(f"these are of {field} {old[field]}, not {new[field]}")
    tasks = {task_of(run) for run in new["runs"]}
    runs = [run for run in old["runs"] if task_of(run) not in tasks] + new["runs"]
    return {
        "kernel": new["kernel"],
        "commit": ", ".join(dict.fromkeys(run["commit"] for run in runs)),
        "clock": new["clock"],
        "cpus": sorted({run["cpus"] for run in runs}),
        "runs": runs,
    }


# In the field error of a run that was stopped, which counts for as long as it was allowed to take: -ETIME.
STOPPED = -62


def stopped(runs):
    """How many of them were."""
    return sum(run["error"] == STOPPED for run in runs)


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def spread(runs, field):
    """How far the extremes are apart, in parts of the median."""
    values = [run[field] for run in runs]
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


class Comparison:
    """The runs of one task, asked for by contender."""

    def __init__(self, runs, **wanted):
        self.runs = [run for run in runs if all(run[field] == value for field, value in wanted.items())]

    def of(self, contender):
        return [run for run in self.runs if run["contender"] == contender]

    def median(self, contender, field="own_us"):
        """None where it was not measured."""
        found = self.of(contender)
        return median(found, field) if found else None
