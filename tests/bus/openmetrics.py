# SPDX-License-Identifier: LGPL-2.1-or-later
"""A strict reader of the OpenMetrics text format, for what cmabulkctl writes of it, and promtool."""

import math
import re
import shutil
import subprocess
import unittest

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)')
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
SUFFIXES = {"gauge": {""}, "info": {"_info"}, "counter": {"_total"},
            "histogram": {"_bucket", "_count", "_sum"}}
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Family:
    """One metric: its type and unit, and {(suffix, labels): value}."""

    def __init__(self, name):
        self.name = name
        self.type = self.unit = self.help = None
        self.samples = {}

    def describe(self, what, text):
        what = what.lower()
        assert getattr(self, what) is None, f"{self.name} has {what} twice"
        assert not self.samples, f"{what} of {self.name} comes after a sample"
        assert text, f"{self.name} has an empty {what}"
        setattr(self, what, text)

    def check(self):
        assert self.type in SUFFIXES, f"{self.name} is of type {self.type}"
        assert self.help, f"{self.name} has no help"
        assert not self.unit or self.name.endswith("_" + self.unit), f"{self.name} in {self.unit}"
        assert not self.name.endswith(("_total", "_info", "_bucket", "_count", "_sum")), self.name
        if self.type == "histogram":
            self._check_histogram()

    def _check_histogram(self):
        series = {}
        for (suffix, labels), value in self.samples.items():
            others = tuple(pair for pair in labels if pair[0] != "le")
            one = series.setdefault(others, {"_bucket": []})
            if suffix == "_bucket":
                one["_bucket"].append((dict(labels)["le"], value))
            else:
                one[suffix] = value
        for labels, one in series.items():
            bounds = [math.inf if bound == "+Inf" else float(bound) for bound, _ in one["_bucket"]]
            counts = [count for _, count in one["_bucket"]]
            assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf, (labels, bounds)
            assert all("." in bound for bound, _ in one["_bucket"][:-1]), (labels, bounds)
            assert counts == sorted(counts) and counts[-1] == one["_count"], (labels, counts)
            assert (one["_sum"] > 0) == (one["_count"] > 0), (labels, one)


def unescape(value):
    return re.sub(r'\\[\\"n]', lambda found: ESCAPES[found.group()], value)


def read_labels(text):
    labels, rest = [], text or ""
    while rest:
        found = LABEL.match(rest)
        assert found, f"no label: {rest!r}"
        labels.append((found.group(1), unescape(found.group(2))))
        rest = rest[found.end():]
        assert not rest or rest.startswith(","), f"behind a label: {rest!r}"
        assert rest != ",", "a comma in the end"
        rest = rest[1:]
    names = [name for name, _ in labels]
    assert len(names) == len(set(names)), f"a label comes twice: {text}"
    return tuple(sorted(labels))


def read_sample(family, line):
    found = SAMPLE.fullmatch(line)
    assert found, f"no sample: {line!r}"
    name, labels, value = found.groups()
    assert name.startswith(family.name), f"{name} is among those of {family.name}"
    suffix = name[len(family.name):]
    assert suffix in SUFFIXES[family.type], f"{name} in a {family.type}"
    assert NUMBER.fullmatch(value), f"{name} is {value}"
    key = (suffix, read_labels(labels))
    assert key not in family.samples, f"twice: {line}"
    assert (suffix == "_bucket") == ("le" in dict(key[1])), line
    family.samples[key] = float(value)


def parse(text):
    """{name: Family}; raises what is wrong."""
    families, family = {}, None
    assert text.endswith("# EOF\n"), "the end is missing"
    lines = text[:-1].split("\n")
    for line in lines[:-1]:
        if line.startswith("#"):
            found = re.fullmatch(rf"# (TYPE|HELP|UNIT) ({NAME}) (.+)", line)
            assert found, f"no descriptor: {line!r}"
            what, name, rest = found.groups()
            if not family or family.name != name:
                assert name not in families, f"{name} is in two places"
                family = families[name] = Family(name)
            family.describe(what, rest)
        else:
            read_sample(family, line)
    for family in families.values():
        family.check()
    samples = [family.name + suffix for family in families.values()
               for suffix in SUFFIXES[family.type]]
    assert len(samples) == len(set(samples)), "names of two families clash"
    return families


def value(families, name, suffix="", **labels):
    """None: there is no such sample."""
    return families[name].samples.get((suffix, tuple(sorted(labels.items()))))


def check_with_promtool(text):
    """What Prometheus' own linter says of its older format."""
    if not shutil.which("promtool"):
        raise unittest.SkipTest("promtool is not there: ./dev deps installs it")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done
