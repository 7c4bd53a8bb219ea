# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures of the reference request: time and success per condition, by gnuplot."""

import os
import subprocess

import runs as measured

SCRIPT = """\
set terminal svg size 1400,600 dynamic font "sans,12" background "white"
set output "{output}"
set title "{title}"
set style data histogram
set style histogram clustered gap 2
set style fill solid 0.9 noborder
set boxwidth 0.9
set key outside right
set grid ytics
set ylabel "{label}"
set xtics rotate by -25
{scale}
plot {columns}
"""


def column_values(runs, condition, contender, field):
    found = [run for run in runs if (run["condition"], run["contender"]) == (condition, contender)]
    if not found:
        return "NaN"
    if field == "success":
        return str(100 * measured.median(found, "got") / max(1, measured.median(found, "obtainable")))
    return str(measured.median(found, field) / 1000)


def draw_one(runs, directory, name, title, field, label, scale):
    conditions = list(dict.fromkeys(run["condition"] for run in runs))
    contenders = [name for name in dict.fromkeys(run["contender"] for run in runs) if name != "memset"]
    rows = [
        " ".join([f'"{condition}"'] + [column_values(runs, condition, contender, field) for contender in contenders])
        for condition in conditions
    ]
    data = "$data << END\n" + "\n".join(rows) + "\nEND\n"
    columns = ", ".join(
        f'$data using {index + 2}{":xtic(1)" if index == 0 else ""} title "{contender}"'
        for index, contender in enumerate(contenders)
    )
    script = SCRIPT.format(output=os.path.join(directory, name), title=title, label=label, scale=scale,
                           columns=columns)
    subprocess.run(["gnuplot"], input=data + script, text=True, check=True)


def draw(result, directory):
    """Two pictures per number of CPUs."""
    os.makedirs(directory, exist_ok=True)
    for cpus in result["cpus"]:
        runs = [run for run in result["runs"]
                if run["series"] == "reference" and run["cpus"] == cpus and not run["init_on_alloc"]]
        if not runs:
            continue
        commits = ", ".join(dict.fromkeys(run["commit"] for run in runs))
        about = f"kernel {result['kernel']}, {cpus} CPUs, commit {commits}"
        draw_one(runs, directory, f"time-{cpus}cpus.svg", f"Until chunks of 64 KiB are owned ({about})",
                 "own_us", "ms, median; who was stopped: until then", "set logscale y")
        draw_one(runs, directory, f"success-{cpus}cpus.svg", f"Chunks got of those obtainable in the area ({about})",
                 "success", "%", "set yrange [0:115]")
