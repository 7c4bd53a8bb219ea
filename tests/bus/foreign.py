# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that others wrote: what works with our own marshalling has to work with theirs."""

import json
import os
import subprocess

from fixture import NAME, die_with_parent, environment
from kernel_pool import KIND
from manager import (ALICE, CLIENTS, MANAGER, PATH, POOL, STRANGER, administrator,
                     daemon_with_clients)


def run(bus, *command, uid=0, gid=0, fails=False):
    """Run as a user, with the bus as the system's; its output."""
    def become():
        if uid:
            os.setgroups([gid])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        die_with_parent()

    options = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
    done = subprocess.run(command, preexec_fn=become, env=options, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    assert bool(done.returncode) == fails, \
        f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def busctl(bus, *arguments, **options):
    return run(bus, "busctl", f"--address={bus.address}", "--json=short", *arguments, **options)


def busctl_allocates(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    call = ("call", NAME, PATH, MANAGER, "Allocate", "sa{sv}", "frames", "3", "count", "t", "64",
            "buffers", "u", "16", "order", "u", "2")
    reply = json.loads(busctl(bus, *call, uid=ALICE, gid=CLIENTS))
    assert reply["type"] == "ostua{sv}ah", reply["type"]
    path, status, granted, buffers, report, handles = reply["data"]
    assert path.startswith(f"{PATH}/allocation/") and path.endswith("/frames")
    assert (status, granted, buffers, len(handles)) == ("complete", 64, 16, 16)
    assert report["kind"]["data"] == KIND
    # busctl has ended, and what it got is back.
    root.wait_whole()

    # For an administrator without any tool of ours.
    simulated = json.loads(busctl(bus, "get-property", NAME, PATH, MANAGER, "Simulated"))["data"]
    assert simulated is (KIND == "sim")
    size = busctl(bus, "get-property", NAME, f"{PATH}/pool/main", POOL, "Size", uid=STRANGER,
                  gid=STRANGER)
    assert json.loads(size)["data"] == 64 << 20
    tree = busctl(bus, "--list", "tree", NAME).split()
    assert {PATH, f"{PATH}/pool/main"} <= set(tree), tree
    error = busctl(bus, *call, uid=STRANGER, gid=STRANGER, fails=True)
    assert len(error.strip()) > 20 and str(STRANGER) in error or "group" in error, error
    run(bus, "busctl", f"--address={bus.address}", "introspect", NAME, PATH, MANAGER)


def gdbus_program(bus):
    """A small C program written from the XML alone: allocates, fetches, maps, closes."""
    daemon_with_clients(bus)
    print(run(bus, environment("CMABULK_FOREIGN_GDBUS"), uid=ALICE, gid=CLIENTS).strip())
    administrator(bus).wait_whole()


def python_with_gio(bus):
    """As an application in Python would do it, with GDBus and its thread."""
    daemon_with_clients(bus)
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreign-gio")
    print(run(bus, "/usr/bin/python3", program, uid=ALICE, gid=CLIENTS).strip())
    administrator(bus).wait_whole()
