# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon tells the journal, in whose place the test listens."""

import ctypes
import os
import re
import socket
import threading
import time

from authority import person
from client import BusError
from fixture import environment, eventually
from manager import (ALICE, BOB, KIB, MIB, PAGE, administrator, daemon_with_clients, expect_error,
                     user)
from polkit import authority

RULES = f"[Account media]\nUser={ALICE}\nMaxBytes=16M\n"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def message_ids():
    """By their names, as the daemon's source has them."""
    header = os.path.join(environment("CMABULK_DBUS"), "..", "daemon", "journal.h")
    with open(header, encoding="utf-8") as file:
        return dict(re.findall(r'#define JOURNAL_ID_(\w+)\s+"([0-9a-f]{32})"', file.read()))


def hide_run():
    """/run is this process' own, and what it starts from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (lambda: libc.unshare(CLONE_NEWNS),
                 lambda: libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
                 lambda: libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None)):
        assert call() == 0, os.strerror(ctypes.get_errno())


class Journal:
    """Listens where journald does, and lets the daemon believe that its log leads there."""

    def __init__(self, bus, is_stuck=False):
        hide_run()
        os.makedirs("/run/systemd/journal")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/run/systemd/journal/socket")
        log = os.path.join(bus.directory, "cmabulkd", "log")
        os.makedirs(os.path.dirname(log))
        with open(log, "ab") as file:
            status = os.fstat(file.fileno())
        os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        self.entries = []
        if not is_stuck:
            self.read()

    def read(self):
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            fields = self.socket.recv(1 << 16).decode().rstrip("\n").split("\n")
            self.entries.append(dict(field.split("=", 1) for field in fields))

    def find(self, name):
        """The first entry with that id; None."""
        wanted = message_ids()[name]
        found = (entry for entry in self.entries if entry.get("MESSAGE_ID") == wanted)
        return next(found, None)

    def wait_for(self, name):
        return eventually(f"something is {name}", lambda: self.find(name))


def fields_of(entry):
    return {name: value for name, value in entry.items() if name.startswith("CMABULK_")}


def has_fields(bus):
    """Of a refusal: who, how much, of what, and why."""
    journal = Journal(bus)
    daemon = daemon_with_clients(bus, configuration=RULES)
    alice = user(bus, ALICE)
    sentence = expect_error("QuotaExceeded", alice.allocate, count=17 * MIB // PAGE)
    entry = journal.wait_for("OVER_QUOTA")
    assert fields_of(entry) == {"CMABULK_POOL": "main", "CMABULK_ACCOUNT": f"media:{ALICE}",
                                "CMABULK_REASON": "quota", "CMABULK_BYTES": str(17 * MIB)}, entry
    assert entry["PRIORITY"] == "5" and entry["MESSAGE"].endswith(sentence), entry
    expect_error("TooLarge", alice.allocate, count=2**60, order=4)
    entry = journal.wait_for("REFUSED")
    assert (entry["CMABULK_REASON"], entry["CMABULK_BYTES"]) == ("size", str(2**64 - 1)), entry
    assert entry["PRIORITY"] == "6", entry
    # What is no request has no fields; and nothing went elsewhere.
    [start] = [e for e in journal.entries if e["MESSAGE"].startswith("pool main: 64 MiB")]
    assert not fields_of(start) and "MESSAGE_ID" not in start, start
    assert daemon.said() == "", daemon.said()


def tells_how_requests_end(bus):
    """Those that got less, or nothing in time, or did not take it; of all others nothing."""
    journal = Journal(bus)
    daemon_with_clients(bus, configuration=RULES.replace("[", "FetchTimeoutSec=200ms\n[", 1))
    alice, bob = user(bus, ALICE), user(bus, BOB)
    mine = alice.allocate(count=4)
    alice.pools()  # reads, and so confirms it
    short = bob.allocate(count=64 * MIB // PAGE, minimum=1)
    assert short.status == "partial", short.report
    entry = journal.wait_for("SHORT")
    assert fields_of(entry) == {
        "CMABULK_POOL": "main", "CMABULK_ACCOUNT": f"default:{BOB}", "CMABULK_REASON": "exhausted",
        "CMABULK_BYTES": str(64 * MIB), "CMABULK_GRANTED_BYTES": str(64 * MIB - 4 * PAGE)}, entry
    assert "of 64 MiB" in entry["MESSAGE"] and entry["MESSAGE"].endswith(short.report["reason"]), \
        entry
    late = alice.allocate(count=1, timeout_usec=100_000)
    assert late.status == "timed-out", late.report
    entry = journal.wait_for("TIMED_OUT")
    assert (entry["CMABULK_ACCOUNT"], entry["CMABULK_BYTES"]) == (f"media:{ALICE}", str(PAGE))
    assert "CMABULK_GRANTED_BYTES" not in entry, entry
    short.close()
    bob.wait_for_buffers(1)
    rest = alice.allocate(count=20, buffers=20)
    entry = journal.wait_for("NOT_FETCHED")
    assert (entry["CMABULK_ACCOUNT"], entry["CMABULK_BYTES"]) == (f"media:{ALICE}", str(16 * KIB))
    # Who does not read is told of as well: that is no request, and so of no kind.
    said = [e for e in journal.entries if "CMABULK_ACCOUNT" in e and "MESSAGE_ID" in e]
    assert len(said) == 3, said
    mine.close()
    rest.close()
    administrator(bus).wait_whole()


def flood(client, times):
    for _ in range(times):
        try:
            client.allocate(count=65 * MIB // PAGE)
        except BusError:
            pass


def is_not_flooded(bus):
    """One who is refused over and over is told of a few times, and hides nobody else's."""
    journal = Journal(bus)
    daemon_with_clients(bus, configuration=RULES)
    begin = time.monotonic()
    flood(user(bus, BOB), 500)
    expect_error("QuotaExceeded", user(bus, ALICE).allocate, count=17 * MIB // PAGE)
    journal.wait_for("OVER_QUOTA")
    said = [e for e in journal.entries if e.get("CMABULK_ACCOUNT") == f"default:{BOB}"]
    most = 10 * (1 + int((time.monotonic() - begin) / 30))
    assert 10 <= len(said) <= most, len(said)


def offend(bus):
    """Does not say that it read what it is sent, for longer than it may, and leaves."""
    client = user(bus, BOB, answers_pings=False)
    client.allocate(count=1).close()
    time.sleep(0.6)
    client.close()


def warnings_are_bounded_too(bus):
    """Who does not read, over and over, is told of as often as who is refused."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=100ms\n")
    begin = time.monotonic()

    def warnings():
        return daemon.said().count("does not read what it is sent")

    while warnings() < 10:
        offend(bus)
    for _ in range(5):
        offend(bus)
    most = 10 * (1 + int((time.monotonic() - begin) / 30))
    assert warnings() <= most, daemon.said()


def standard_error_has_the_text(bus):
    """Where there is no journal, it is a line each, as all else."""
    daemon = daemon_with_clients(bus, configuration=RULES)
    alice = user(bus, ALICE)
    sentence = expect_error("QuotaExceeded", alice.allocate, count=17 * MIB // PAGE)
    lines = daemon.said().splitlines()
    assert lines[-1] == (f"<5>cmabulkd: pool main: a request of account media:{ALICE} was "
                         f"refused: {sentence}"), lines
    flood(alice, 100)
    assert len(lines) < len(daemon.said().splitlines()) <= len(lines) + 20, daemon.said()


def tells_what_an_administrator_has_to_do(bus):
    """Such a message has an id, by which journalctl --catalog explains it, whatever it is about."""
    journal = Journal(bus)
    daemon_with_clients(bus, configuration="[Account media]\nMaxBytes=lots\n")
    entry = journal.wait_for("CONFIGURATION")
    assert "MaxBytes" in entry["MESSAGE"] and entry["PRIORITY"] == "4", entry
    polkit, stranger = authority(bus), person(bus)
    for _ in range(3):
        serial = stranger.start_allocate(count=1)
        polkit.next().fail("x.y", "the rules are broken")
        expect_error("NotAuthorized", stranger.finish, serial)
    entry = journal.wait_for("AUTHORITY")
    assert "the rules are broken" in entry["MESSAGE"] and entry["PRIORITY"] == "4", entry
    # What clients can cause as often as they like is said once in a while.
    [_] = [e for e in journal.entries if e.get("MESSAGE_ID") == entry["MESSAGE_ID"]]


def stuck_journal_keeps_nobody_waiting(bus):
    """What it does not take is kept, as much as there is room for, and the rest is counted. It has both when it takes
    something again, without anything more to say."""
    journal = Journal(bus, is_stuck=True)
    daemon_with_clients(bus, configuration=RULES)
    root = administrator(bus)
    # Each change is a message; a socket takes some, and some hundreds are kept.
    changes = 600
    for number in range(changes):
        root.set_account("media", Weight=str(1 + number % 2))
    journal.read()

    def lost():
        found = [re.search(r"did not take the (\d+) messages", e["MESSAGE"]) for e in list(journal.entries)]
        return next((int(match[1]) for match in found if match), 0)

    n_lost = eventually("the journal says that messages are missing", lost)
    taken = [e for e in journal.entries if "account media: user" in e["MESSAGE"]]
    assert 0 < n_lost < changes and len(taken) + n_lost == changes, (n_lost, len(taken))
