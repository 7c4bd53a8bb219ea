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
