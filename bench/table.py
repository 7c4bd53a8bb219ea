# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table for people: a block per task, a line per contender."""

import runs as measured

HEAD = f"  {'contender':16} {'got':>7} {'owned':>11} {'ready':>11} {'moved':>8} {'ranges':>7} {'spread':>7}"


def milliseconds(us):
    return f"{us / 1000:.2f} ms" if us < 1e6 else f"{us / 1e6:.2f} s"


def line(contender, runs):
    return (
        f"  {contender:16} {measured.median(runs, 'got'):7.0f}"
        f" {milliseconds(measured.median(runs, 'own_us')):>11}"
        f" {milliseconds(measured.median(runs, 'ready_us')):>11}"
        f" {measured.median(runs, 'migrated'):8.0f} {measured.median(runs, 'ranges'):7.0f}"
        f" {100 * measured.spread(runs, 'own_us'):6.0f}%"
        + (f"  {measured.stopped(runs)} stopped" if measured.stopped(runs) else "")
    )


def show(result):
    """Medians; the spread is (slowest - fastest) / median of the time until owned."""
    block = None
    for key, runs in measured.groups(result["runs"]).items():
        series, cpus, init_on_alloc, order, condition, requested, contender = key
        if key[:-1] != block:
            block = key[:-1]
            obtainable = measured.median(runs, "obtainable")
            print(f"\n{condition}: {requested} chunks of order {order}, {obtainable:.0f} obtainable"
                  f" ({series}, {cpus} CPUs, init_on_alloc={init_on_alloc}, {len(runs)} runs)\n{HEAD}")
        print(line(contender, runs))
