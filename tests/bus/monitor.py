# SPDX-License-Identifier: LGPL-2.1-or-later
"""cmabulkctl monitor: what people see of what others do."""

import json
import os
import re
import select
import signal
import subprocess
import time

from broken import Broken
from client import GLib
from command_line import MEDIA
from fixture import NAME, PATIENCE, environment, eventually, seconds_left
from gate import Gate
from installed import Application, install, options_for, start
from manager import (BOB, CLIENTS, MIB, PAGE, administrator, daemon_with_clients, user)

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "


class Monitor:
    """cmabulkctl monitor as it runs, and the lines that it has printed."""

    def __init__(self, bus, *options, **who):
        who = {"uid": 0, "groups": ()} | who
        self.process = start(bus, "CMABULKCTL", "monitor", "--interval=20ms", *options, **who)
        self.lines = []
        self._rest = b""

    def _read(self, deadline):
        output = self.process.stdout.fileno()
        ready, _, _ = select.select([output], [], [], seconds_left(deadline))
        data = os.read(output, 1 << 16) if ready else b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        return bool(data)

    def wait_for(self, pattern, after=0):
        """The first line from that number on that is so; the number of the one behind it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for number in range(after, len(self.lines)):
                if re.fullmatch(pattern, self.lines[number]):
                    return number + 1
            assert self._read(deadline), f"no line {pattern!r} in {self.lines}"

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def an_allocation_comes_and_goes(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    monitor = Monitor(bus)
    monitor.wait_for(STAMP + r"daemon: there, version \S+")
    monitor.wait_for(STAMP + r"pool main: size 64M, free 64M, .*, buffers 0, pending 0, .*")
    number = monitor.wait_for(STAMP + r"account media of user 5, pool main: used 0B, .*")
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        there = monitor.wait_for(STAMP + r"pool main: .*exported 0B -> 1M.*", number)
        monitor.wait_for(STAMP + r"account media of user 5, pool main: .*buffers 0 -> 4.*", number)
    monitor.wait_for(STAMP + r"pool main: .*exported \S+ -> 0B.*", there)  # they go one by one
    monitor.wait_for(STAMP + r"account media of user 5, pool main: .*buffers \d+ -> 0.*", there)
    # Nothing is repeated that is as it was.
    assert len(monitor.lines) == len(set(line[24:] for line in monitor.lines)), monitor.lines
    monitor.end()


def as_json(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    monitor = Monitor(bus, "--json")
    number = monitor.wait_for(r'.*"object":"account".*')
    events = [json.loads(line) for line in monitor.lines]
    assert [(e["object"], e["event"]) for e in events] == [
        ("daemon", "there"), ("pool", "there"), ("account", "there")], events
    assert abs(events[0]["time_us"] / 1e6 - time.time()) < 60, events
    assert events[1]["values"]["size"] == 64 * MIB and events[1]["before"] == {}, events
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        end = monitor.wait_for(r'.*"object":"account","event":"changed".*"buffers":4.*', number)
        events = [json.loads(line) for line in monitor.lines[number:end]]
        changes = [event for event in events if event["object"] == "account"]
        values = {}
        # It may have looked when memory was set aside, and again when the buffers were there.
        for event in changes:
            assert (event["pool"], event["account"], event["uid"]) == ("main", "media", 5), event
            assert set(event["before"]) == set(event["values"]), event
            values |= event["values"]
        assert values["used"] == MIB and "maximum" not in values, changes
    monitor.end()


def the_daemon_comes_back(bus):
    """It is waited for, and what is different then is told."""
    daemon = daemon_with_clients(bus, configuration=MEDIA)
    alice = user(bus)
    held = alice.allocate(count=MIB // PAGE)
    monitor = Monitor(bus)
    number = monitor.wait_for(STAMP + r"pool main: .*exported 1M.*")
    daemon.kill()
    number = monitor.wait_for(STAMP + r"daemon: gone", number)
    daemon_with_clients(bus, "main=64M", "npu=32M", configuration=MEDIA, name="again")
    number = monitor.wait_for(STAMP + r"daemon: there, .*", number)
    # A simulated pool begins empty.
    monitor.wait_for(STAMP + r"pool main: .*exported 1M -> 0B.*", number)
    monitor.wait_for(STAMP + r"pool npu: size 32M.*", number)
    said = [line for line in monitor.lines if "daemon:" in line]
    assert len(said) == 3, said
    held.close()
    monitor.end()


def hears_of_the_daemon(bus):
    """Between two looks, too, however far apart: and each time that it came is told."""
    daemon = daemon_with_clients(bus)
    monitor = Monitor(bus, "--interval=infinity")
    number = monitor.wait_for(STAMP + r"pool main: .*")
    for name in "second", "third":
        daemon.kill()
        number = monitor.wait_for(STAMP + r"daemon: gone", number)
        daemon = daemon_with_clients(bus, name=name)
        number = monitor.wait_for(STAMP + r"daemon: there, .*", number)
    assert len([line for line in monitor.lines if "daemon:" in line]) == 5, monitor.lines
    monitor.end()


def shows_ones_own(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    monitor = Monitor(bus, uid=BOB, groups=(CLIENTS,))
    monitor.wait_for(STAMP + r"pool main: .*")
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        monitor.wait_for(STAMP + r"pool main: .*exported 0B -> 1M.*")
    mine = user(bus, BOB).allocate(count=1)
    monitor.wait_for(STAMP + rf"account default of user {BOB}, pool main: used 4K.*")
    mine.close()
    monitor.wait_for(STAMP + rf"account default of user {BOB}, pool main: gone")
    assert not [line for line in monitor.lines if "media" in line], monitor.lines
    administrator(bus).wait_whole()
    monitor.end()


def the_bus_dies(bus):
    """There is nothing to wait for then."""
    daemon = daemon_with_clients(bus)
    monitor = Monitor(bus)
    monitor.wait_for(STAMP + r"pool main: .*")
    bus.process.kill()
    assert monitor.process.wait(PATIENCE) == 4, monitor.process.stderr.read()
    assert "the connection to the bus was lost" in monitor.process.stderr.read()
    daemon.wait()
    monitor.end()


def nobody_takes_its_lines(bus):
    """A full disk is no trouble of the daemon's."""
    daemon_with_clients(bus)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([install(bus, environment("CMABULKCTL")), "monitor"], text=True,
                              stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                              timeout=PATIENCE, check=False, **options_for(bus))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "standard output" in done.stderr, done


def a_broken_daemon_is_no_full_disk(bus):
    """They have the same error."""
    daemon = daemon_with_clients(bus)
    monitor = Monitor(bus)
    number = monitor.wait_for(STAMP + r"pool main: .*")
    daemon.kill()
    monitor.wait_for(STAMP + r"daemon: gone", number)
    with bus.client(kind=Broken) as broken:
        broken.take_name()
        assert broken.refuse_until(monitor.process) != 0
    said = monitor.process.stderr.read()
    assert Broken.TEXT in said and "standard output" not in said, said
    monitor.end()


def a_pool_is_heard_of(bus):
    """Without looking: it would not look for an hour."""
    daemon = daemon_with_clients(bus, "main=64M", "camera=16M,removable=yes")
    monitor = Monitor(bus, "--interval=1h")
    number = monitor.wait_for(STAMP + r"pool camera: size 16M, .*")
    for what in "gone", "size 16M, .*", "gone":
        daemon.signal(signal.SIGUSR1)
        number = monitor.wait_for(STAMP + "pool camera: " + what, number)
    daemon.kill()
    number = monitor.wait_for(STAMP + "daemon: gone", number)
    daemon_with_clients(bus, name="second")
    monitor.wait_for(STAMP + "daemon: there, .*", number)
    monitor.end()


def what_comes_meanwhile_is_looked_at(bus):
    """A pool that comes back when the monitor has read which there are, and is not done: it looks once more."""
    daemon = daemon_with_clients(bus, "main=64M", "camera=16M,removable=yes")
    gate, root = Gate(bus), administrator(bus)
    rule = f"type='signal',sender='{NAME}',member='InterfacesAdded'"
    root.call_bus("AddMatch", GLib.Variant("(s)", (rule,)))
    monitor = Monitor(bus, "--interval=1h", CMABULK_BUS=gate.address)
    number = monitor.wait_for(STAMP + r"pool camera: size 16M, .*")
    gate.shuts_before = b"ListAccounts"
    daemon.signal(signal.SIGUSR1)
    eventually("it asks for the accounts", gate.is_shut)
    daemon.signal(signal.SIGUSR1)
    root.wait_signal("InterfacesAdded")  # and the monitor has it, too, before any answer
    gate.open()
    number = monitor.wait_for(STAMP + "pool camera: gone", number)
    monitor.wait_for(STAMP + "pool camera: size 16M, .*", number)
    monitor.end()
