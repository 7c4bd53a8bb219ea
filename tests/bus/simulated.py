# SPDX-License-Identifier: LGPL-2.1-or-later
"""A simulation says that it is one, everywhere it shows, and else is as the real thing."""

import fcntl
import mmap
import os

from fixture import NAME
from manager import (MANAGER, MIB, PAGE, PATH, administrator, daemon_with_clients, user)


def says_so_everywhere(bus):
    daemon = daemon_with_clients(bus)
    alice = user(bus)
    assert alice.get_property(NAME, PATH, MANAGER, "Simulated") is True
    pool = alice.pool()
    assert pool["Kind"] == "sim" and pool["Engine"] == 0
    [(_, listed)] = alice.pools()
    assert listed["Kind"] == "sim"
    allocation = alice.allocate(count=1)
    assert allocation.report["kind"] == "sim"
    assert "simulat" in daemon.said().lower(), "the log does not say so"
    allocation.close()


def buffers_cannot_be_resized(bus):
    """A dma-buf has one size for life."""
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate(count=2)
    fd = allocation.fds[0]
    seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    assert seals & fcntl.F_SEAL_SHRINK and seals & fcntl.F_SEAL_GROW, hex(seals)
    assert seals & fcntl.F_SEAL_SEAL, "more could be sealed, against other users of the buffer"
    for size in (0, PAGE, 4 * PAGE):
        try:
            os.ftruncate(fd, size)
        except OSError:
            pass
        else:
            raise AssertionError(f"resized to {size}")
    with mmap.mmap(fd, 2 * PAGE) as memory:
        memory[PAGE] = 1
    allocation.close()
    alice.wait_whole()


def mapped_is_in_use(bus):
    """Closing the descriptor is not enough while somebody maps the buffer."""
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate(count=2)
    memory = mmap.mmap(allocation.fds[0], 2 * PAGE)
    allocation.close()
    alice.pools()
    memory[0] = 1
    memory.close()
    # It may be learnt late, but it is learnt.
    alice.wait_whole()


def books_are_true(bus):
    """Size, free, states: they add up at each step."""
    daemon_with_clients(bus, "main=64M,unmovable=4")
    root, alice = administrator(bus), user(bus)
    start = root.pool()
    assert start["Size"] == 64 * MIB and start["PageSize"] == PAGE
    held = []
    for size in (1, 7, 512, 1000):
        held.append(alice.allocate(count=size))
        books = root.pool()
        exported = sum(a.bytes for a in held)
        assert books["Exported"] == exported and books["Buffers"] == len(held)
        assert books["Free"] == start["Free"] - exported, books
        listed = root.list_buffers()
        assert sorted(b["size"] for b in listed) == sorted(a.bytes for a in held)
        assert {b["state"] for b in listed} == {"exported"}
        assert {b["kind"] for b in listed} == {"buffer"}
        assert {b["inode"] for b in listed} == {a.layout[0][1] for a in held}
    for allocation in held:
        allocation.close()
    root.wait_whole()
    assert root.pool() == start
