# SPDX-License-Identifier: LGPL-2.1-or-later
"""A booted system, and the service in it."""

import machine
from machine import SERVICE, connect, run, systemctl, unit


def boots_whole():
    """Nothing of it failed, and it took at most 90 s under emulation."""
    assert systemctl("is-system-running", "--wait", check=False) == "running", systemctl("--failed")
    took = int(unit("multi-user.target", "ActiveEnterTimestampMonotonic")) / 1_000_000
    print(f"multi-user.target after {took:.1f} s")
    assert took < 90


def pool_starts_the_service():
    """udev saw the pools that the module has from its parameter, and nobody asked the bus."""
    assert unit(SERVICE, "ActiveState") == "active"
    assert "cmabulk" in unit(SERVICE, "WantedBy"), systemctl("show", SERVICE)


def serves():
    with connect("alice") as alice:
        allocation = alice.allocate(count=4, buffers=2)
        assert allocation.status == "complete", allocation.report
        allocation.close()


TESTS = [boots_whole, pool_starts_the_service, serves]
