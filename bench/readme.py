# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of the README: a row per condition, a column per contender."""

import re

import runs as measured

# As the README has them.
CONDITIONS = ("empty", "clean-cache", "movable", "thp", "dirty-shmem", "writeback", "pinned-47", "pinned-every-block",
              "pinned-1-in-64", "busy-cpus", "no-memory")
# Where something has to be moved.
MOVING = ("movable", "thp", "dirty-shmem", "pinned-1-in-64")
# The algorithms, then what there is without either, and whole paths.
MAIN = ("single", "rfc-scan", "rfc-scan-fast", "cmabulk-fast", "cmabulk-normal", "cmabulk-hard", "cmabulk-fast-stock",
        "cmabulk-normal-stock", "cmabulk-hard-stock")
OTHERS = ("chunk-loop", "block-loop", "dma-heap", "dma-heap-single", "system-heap", "cmabulk-total", "cmabulk-daemon",
          "memset")
BEGIN, END = "<!-- measured: {} -->", "<!-- measured -->"


def milliseconds(us):
    """Three digits, and no more than whole ones."""
    value = us / 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def owned(runs):
    """Until the pages were owned; and how many chunks, where that is not what was asked for."""
    is_least = 2 * measured.stopped(runs) >= len(runs)
    text = ("> " if is_least else "") + milliseconds(measured.median(runs, "own_us"))
    got = measured.median(runs, "got")
    return text if got == runs[0]["requested"] else f"{text} ({got:.0f})"


def moved(runs):
    return f"{measured.median(runs, 'migrated'):.0f}"


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def tasks(runs):
    """The runs of each task, in the order of what was asked for, then of conditions."""
    found = {}
    for run in runs:
        found.setdefault(measured.task_of(run), []).append(run)
    return sorted(found.values(), key=lambda task: (task[0]["series"], CONDITIONS.index(task[0]["condition"])))


def table(runs, contenders, name_of, cell=owned):
    """A row per task, which @name_of one of its runs gives the name. Empty is what was not measured."""
    text = row("condition", "runs", *(f"`{contender}`" for contender in contenders)) + "|---" * (len(contenders) + 2) + "|\n"
    for task in tasks(runs):
        found = [[run for run in task if run["contender"] == contender] for contender in contenders]
        if any(found):
            text += row(name_of(task[0]), str(max(map(len, found))), *(cell(one) if one else "" for one in found))
    return text


def chosen(result, *series, cpus=2, init_on_alloc=0):
    return [run for run in result["runs"]
            if run["series"] in series and run["cpus"] == cpus and run["init_on_alloc"] == init_on_alloc]


def condition(run):
    return f"`{run['condition']}`"


def request(run):
    return f"{run['series']}, `{run['condition']}`"


def parts(result):
    """What the README has between its marks, by the name of the mark."""
    found = {
        "requests": table(chosen(result, "order 0", "order 2", "order 6", "order 9", "whole area"), MAIN[:6], request),
        "kernel zeroes": table(chosen(result, "kernel zeroes", init_on_alloc=1), MAIN[:6], condition),
    }
    moving = [run for run in chosen(result, "reference") if run["condition"] in MOVING]
    found["pages moved"] = table(moving, MAIN, condition, moved)
    for cpus in result["cpus"]:
        for name, contenders in (("main", MAIN), ("others", OTHERS)):
            found[f"{name}, {cpus} CPUs"] = table(chosen(result, "reference", cpus=cpus), contenders, condition)
    return found


def filled(text, result):
    """@text with what is between its marks as measured. Raises ValueError for a mark that is of nothing measured."""
    known = parts(result)
    for name in re.findall(BEGIN.format("(.+)"), text):
        if name not in known:
            raise ValueError(f"nothing that was measured is called {name}")
    for name, content in known.items():
        begin = BEGIN.format(name)
        if begin not in text:
            continue
        before, rest = text.split(begin, 1)
        if END not in rest:
            raise ValueError(f"what begins with {begin} does not end with {END}")
        text = before + begin + "\n" + content + END + rest.split(END, 1)[1]
    return text
