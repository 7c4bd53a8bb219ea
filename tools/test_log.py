# SPDX-License-Identifier: LGPL-2.1-or-later
"""The logs that Meson writes of tests, for those who count and keep what came out."""

import glob
import json


def tests_in(pattern):
    """Of each test in the logs that match: its suites, its name, what the log says of it."""
    for path in sorted(glob.glob(pattern)):
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                # [PROJECT:]SUITE[+SUITE...] / NAME, or NAME alone where all are of one suite
                suites, _, name = test["name"].rpartition(" / ")
                yield suites.rpartition(":")[2].split("+"), name, test


def came_too_late(suites, test):
    """Whether it said itself that there was no time to begin."""
    return test["result"] == "SKIP" and "late" in suites and test.get("stdout", "").startswith("left out:")
