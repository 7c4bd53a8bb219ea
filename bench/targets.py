# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the engine is to reach, as ratios of medians of one boot."""

import random
import statistics

import runs as measured
from runs import Comparison

RESAMPLES = 1000
# What a FILL with a deadline has, and for how long the kernel takes a page then: see range_migrate_limit() in
# kmod/kernel/mm/cma_bulk_call.c, and LOOK_MS in cma_bulk_wait.c.
BUDGET_US = 20000
US_PER_PAGE = 16
LOOK_US = 10000
# Where a request takes longer than it is given.
DEADLINE_CONDITIONS = ("movable", "dirty-shmem", "writeback", "no-memory")

REFERENCE = {"series": "reference", "init_on_alloc": 0, "order": 4}


class Targets:
    """Collects a line for each target that there are runs for."""

    def __init__(self, result, cpus):
        self.runs = result["runs"]
        self.cpus = cpus
        self.lines = []

    def compare(self, **wanted):
        return Comparison(self.runs, cpus=self.cpus, **wanted)

    def conditions(self):
        """All that the reference request was measured in."""
        return sorted({run["condition"] for run in self.runs if run["series"] == "reference"})

    def reference(self, condition):
        return self.compare(condition=condition, **REFERENCE)

    def at_most(self, what, value, limit):
        if value is not None and limit is not None:
            self.lines.append((what, value, f"<= {limit:.4g}", value <= limit))

    def at_least(self, what, value, limit):
        if value is not None and limit is not None:
            self.lines.append((what, value, f">= {limit:.4g}", value >= limit))

    def below(self, what, value, limit):
        self.lines.append((what, value, f"< {limit:.4g}", value < limit))

    def missing(self, what):
        """A target of which only one side was measured."""
        self.lines.append((what, None, "", None))

    def quotient(self, what, above, below, limit):
        """Ours, None where it was not measured, over what it is held against: at most @limit."""
        if above is not None and below:
            self.at_most(what, above / below, limit)
        elif above is not None:
            self.missing(what)

    def ratio(self, what, comparison, left, right, limit, field="own_us"):
        """median of @left over that of @right is at most @limit."""
        self.quotient(f"{what}: {left} / {right}", comparison.median(left, field), comparison.median(right, field), limit)


def share(comparison, contender):
    """The least of the obtainable that any run got."""
    found = comparison.of(contender)
    return min(run["got"] / run["obtainable"] for run in found) if found else None


def per_chunk(comparison, contender):
    """Microseconds per chunk got, None when nothing was."""
    time, got = comparison.median(contender), comparison.median(contender, "got")
    return time / got if time is not None and got else None


def empty(targets):
    comparison = targets.reference("empty")
    for other, limit in (("rfc-scan", 1 / 4), ("chunk-loop", 1 / 100), ("single", 1.5), ("rfc-scan-fast", 1 / 2)):
        targets.ratio("empty", comparison, "cmabulk-fast", other, limit)


def movable(targets):
    comparison = targets.reference("movable")
    found = comparison.of("cmabulk-fast")
    if found:
        worst = max(run["migrated"] / run["least_migrated"] for run in found)
        targets.at_most("movable: pages cmabulk-fast moved / least there were", worst, 1.05)
    targets.ratio("movable", comparison, "cmabulk-fast", "rfc-scan", 1 / 2)


def pinned(targets):
    comparison = targets.reference("pinned-47")
    targets.at_least("pinned-47: part of 4800 that cmabulk-fast gets", share(comparison, "cmabulk-fast"), 1)
    targets.ratio("pinned-47", comparison, "cmabulk-fast", "rfc-scan", 1 / 3)

    comparison = targets.reference("pinned-every-block")
    targets.at_least("pinned-every-block: part of the obtainable for cmabulk-hard",
                     share(comparison, "cmabulk-hard"), 0.995)
    targets.quotient("pinned-every-block: time per chunk, cmabulk-hard / chunk-loop",
                     per_chunk(comparison, "cmabulk-hard"), per_chunk(comparison, "chunk-loop"), 1 / 2)

    comparison = targets.reference("pinned-1-in-64")
    targets.at_least("pinned-1-in-64: part of the obtainable for cmabulk-hard",
                     share(comparison, "cmabulk-hard"), 0.995)
    targets.quotient("pinned-1-in-64: time per chunk, cmabulk-hard / rfc-scan",
                     per_chunk(comparison, "cmabulk-hard"), per_chunk(comparison, "rfc-scan"), 1)


def pressure(targets):
    targets.ratio("busy-cpus", targets.reference("busy-cpus"), "cmabulk-fast", "rfc-scan", 1 / 4)
    for condition in ("no-memory", "writeback"):
        comparison = targets.reference(condition)
        for ours, theirs in (("fast", "rfc-scan-fast"), ("normal", "rfc-scan"), ("hard", "rfc-scan")):
            targets.ratio(condition, comparison, f"cmabulk-{ours}", theirs, 1.05)
            least = min((run["got"] for run in comparison.of(f"cmabulk-{ours}")), default=None)
            most = max((run["got"] for run in comparison.of(theirs)), default=None)
            what = f"{condition}: chunks, the worst run of cmabulk-{ours} / the best of {theirs}"
            if least is not None and most:
                targets.at_least(what, least / most, 1)
            elif least is not None:
                targets.missing(what)


def one_range(comparison, contender):
    """
    Microseconds that a range takes whose pages have to be moved, as many as may be with all of BUDGET_US left, going by
    runs without a deadline; where nothing is moved, how long it sleeps before it looks again what has been written.
    """
    found = comparison.of(contender)
    if not found:
        return None
    claim, migrated = (measured.median(found, field) for field in ("claim_us", "migrated"))
    return claim / migrated * BUDGET_US / US_PER_PAGE if migrated else LOOK_US


def deadline(targets):
    for condition in DEADLINE_CONDITIONS:
        comparison = targets.compare(series="deadline", condition=condition)
        for effort in ("normal", "hard"):
            length = one_range(comparison, f"cmabulk-{effort}")
            tried = comparison.of(f"cmabulk-{effort}-in-time")
            # Who got all shows nothing.
            late = [max(run["own_us"] - BUDGET_US, 0) for run in tried if run["error"]]
            what = f"{condition}: what cmabulk-{effort} takes beyond its deadline / a range of it"
            if late and length:
                targets.at_most(what, max(late) / length, 1)
            elif tried or length:
                targets.missing(what)


def engines(targets):
    """With the series never slower than without, but for 5 %, and faster where it can be."""
    for condition in targets.conditions():
        comparison = targets.reference(condition)
        for effort in ("fast", "normal", "hard"):
            with_series, without = (per_chunk(comparison, f"cmabulk-{effort}{engine}") for engine in ("", "-stock"))
            what = f"{condition}: time per chunk, cmabulk-{effort} / the same by the stock engine"
            if not with_series:
                continue
            if not without:
                targets.missing(what)
            elif condition in ("empty", "movable", "busy-cpus"):
                targets.below(what, with_series / without, 1)
            else:
                targets.at_most(what, with_series / without, 1.05)


def shared(targets):
    for order in (0, 4):
        beside = targets.compare(series="shared area", condition="shared-cma", order=order)
        alone = targets.compare(series="shared area", condition="full-cma", order=order)
        targets.quotient(f"shared-cma: another user's call of order {order}, beside us / beside a heap",
                         beside.median("dma-heap-series"), alone.median("dma-heap-series"), 2)


def whole_path(targets):
    for condition in targets.conditions():
        comparison = targets.reference(condition)
        own, fill = comparison.median("cmabulk-total"), comparison.median("cmabulk-total", "fill_us")
        targets.quotient(f"{condition}: cmabulk-total to the last fd / its FILL", own, fill, 1.5)
        ready, zeroing = comparison.median("cmabulk-total", "ready_us"), comparison.median("memset")
        # It clears what a loop got, which may have been stopped: then there is nothing to compare with.
        same = comparison.median("cmabulk-total", "got") == comparison.median("memset", "got")
        targets.quotient(f"{condition}: cmabulk-total ready / (owned + parallel memset)",
                         ready, own + zeroing if zeroing and same else None, 1.15)


def small(targets):
    comparison = targets.compare(series="one buffer")
    total, daemon, ping = (comparison.median(name) for name in ("cmabulk-total", "cmabulk-daemon", "peer-ping"))
    if daemon is not None:
        targets.quotient("one buffer: (cmabulk-daemon - cmabulk-total) / Peer.Ping", daemon - (total or 0),
                         ping if total else None, 4)
    targets.ratio("one chunk", targets.compare(series="one chunk"), "cmabulk-total", "dma-heap", 1, "ready_us")
    targets.ratio("single chunks", targets.compare(series="single chunks"), "cmabulk-series", "dma-heap-series",
                  1 / 5)


def release(targets):
    comparison = targets.compare(series="release")
    closing, gone = comparison.median("cmabulk-release"), comparison.median("cmabulk-release", "ready_us")
    targets.quotient("release: close() of 25 buffers / freeing", closing, gone, 0.05)
    targets.quotient("release: until nothing is owned / free_contig_range()", gone,
                     comparison.median("contig-release"), 2)


def evaluate(result, cpus):
    """Lines (what, value, limit, met), for each target that was measured."""
    targets = Targets(result, cpus)
    for check in (empty, movable, pinned, pressure, deadline, engines, shared, whole_path, small, release):
        check(targets)
    return targets.lines


def turns(comparison, ours, theirs):
    """The times of both, turn by turn: what the machine does meanwhile hits all of a turn alike."""
    other = {run["run"]: run["own_us"] for run in comparison.of(theirs)}
    return [(run["own_us"], other[run["run"]]) for run in comparison.of(ours) if run["run"] in other]


def ratio_of_medians(pairs):
    ours, theirs = zip(*pairs)
    return statistics.median(ours) / statistics.median(theirs)


def share_of_resamples(few, many):
    """
    The bootstrap: how often the ratio of @many is not above that of @few, each a list of turns, when as many turns are
    drawn from each as it has, with replacement. The same every time. In what way one boot differs from another it does
    not tell.
    """
    chance = random.Random(0)
    met = 0
    for _ in range(RESAMPLES):
        allowed, found = (ratio_of_medians(chance.choices(pairs, k=len(pairs))) for pairs in (few, many))
        met += found <= allowed
    return met / RESAMPLES


def more_cpus(result, few, many):
    """
    Lines as of evaluate(): no ratio to the RFC's scan is worse with @many CPUs than with @few. Chance has a hand in
    both: of what is missed the line says how often it would not be.
    """
    targets = Targets(result, many)
    before = Targets(result, few)
    for condition in targets.conditions():
        for contender in ("cmabulk-fast", "cmabulk-normal", "cmabulk-hard"):
            sides = [turns(side.reference(condition), contender, "rfc-scan") for side in (before, targets)]
            what = f"{condition}: {contender} / rfc-scan, as with {few} CPUs"
            if not all(sides):
                if targets.reference(condition).of(contender):
                    targets.missing(what)
                continue
            allowed, found = (ratio_of_medians(pairs) for pairs in sides)
            if found > allowed:
                what += f" (met by {share_of_resamples(*sides):.0%} of resamples)"
            targets.at_most(what, found, allowed)
    return targets.lines


def show_lines(lines):
    for what, value, limit, met in lines:
        if value is None:
            print(f"  no run  {what}")
        else:
            print(f"  {'met   ' if met else 'MISSED'}  {value:9.3f} {limit:9}  {what}")


def show(result):
    """For each number of CPUs, then what becomes worse with more of them."""
    for cpus in result["cpus"]:
        lines = evaluate(result, cpus)
        if lines:
            print(f"\nTargets, {cpus} CPUs")
            show_lines(lines)
    for few, many in zip(result["cpus"], result["cpus"][1:]):
        lines = more_cpus(result, few, many)
        if lines:
            print(f"\nTargets, {many} CPUs against {few}")
            show_lines(lines)
