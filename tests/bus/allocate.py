# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: what was asked for comes, whole, zeroed, and goes back when it is closed."""

import mmap
import os
import time

from client import GLib
from command_line import ROOT, read_json
from manager import (BOB, MIB, PAGE, PATH, administrator, check_zero, daemon_with_clients, expect_error,
                     user)

STEP_FIELDS = {"effort": "s", "error": "i", "requested": "t", "granted": "t", "elapsed-usec": "t"}
REPORT_FIELDS = {
    "pool": "s", "kind": "s", "order": "u", "requested": "t", "claimed": "t", "error": "i",
    "reason": "s", "queued-usec": "t", "elapsed-usec": "t", "chunk-size": "t", "alignment": "t",
    "serial": "t", "layout": "a(ttts)", "steps": "aa{sv}",
}


def types_of(dictionary):
    """{key: type of the value} of an a{sv} that was not unpacked."""
    found = {}
    for index in range(dictionary.n_children()):
        entry = dictionary.get_child_value(index)
        key = entry.get_child_value(0).get_string()
        assert key not in found, f"{key} is there twice"
        found[key] = entry.get_child_value(1).get_variant().get_type_string()
    return found


def sixty_four_buffers(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate("frames", count=256, buffers=64, order=1, label="frames")
    assert allocation.path == alice.path_of("frames"), allocation.path
    assert (allocation.status, allocation.granted, allocation.buffers) == ("complete", 256, 64)
    assert len(allocation.fds) == 16, "the first reply carries as much as a message may"
    report = allocation.report
    assert report["chunk-size"] == 2 * PAGE and report["alignment"] >= 2 * PAGE
    alice.fetch_all(allocation)

    assert len(allocation.fds) == len(allocation.layout) == 64
    assert len({inode for _, inode, _, _ in allocation.layout}) == 64
    assert len({identity for identity, _, _, _ in allocation.layout}) == 64
    for fd, (_, inode, chunks, name) in zip(allocation.fds, allocation.layout):
        assert os.fstat(fd).st_ino == inode, "not in the order of the layout"
        assert chunks == 4 and name
        assert os.lseek(fd, 0, os.SEEK_END) == 8 * PAGE
        check_zero(fd, 8 * PAGE)
    # Nothing is anybody else's: what is written to each is found in each.
    for index, fd in enumerate(allocation.fds):
        with mmap.mmap(fd, 8 * PAGE) as memory:
            memory[:] = bytes([index + 1]) * (8 * PAGE)
    for index, fd in enumerate(allocation.fds):
        with mmap.mmap(fd, 8 * PAGE) as memory:
            assert memory[:] == bytes([index + 1]) * (8 * PAGE)

    root = administrator(bus)
    assert root.pool()["Exported"] == 256 * 2 * PAGE and root.pool()["Buffers"] == 64
    allocation.close()
    root.wait_whole()


def spreads_chunks_over_buffers(bus):
    """Buffers that do not divide the chunks differ by one at most, and lose none."""
    daemon_with_clients(bus)
    alice = user(bus)
    for count, buffers in ((1, 1), (10, 3), (17, 16), (33, 32), (100, 7)):
        allocation = alice.allocate(count=count, buffers=buffers)
        alice.fetch_all(allocation)
        sizes = [chunks for _, _, chunks, _ in allocation.layout]
        assert sum(sizes) == count and len(sizes) == buffers and max(sizes) - min(sizes) <= 1, sizes
        for fd, chunks in zip(allocation.fds, sizes):
            assert os.lseek(fd, 0, os.SEEK_END) == chunks * PAGE
        allocation.close()
    alice.wait_whole()


def is_zero_when_used_before(bus):
    """Memory that somebody wrote to and gave back comes zeroed to the next."""
    daemon_with_clients(bus, "main=4M")
    alice = user(bus)
    for _ in range(4):
        allocation = alice.allocate(count=1024)
        assert allocation.status == "complete"
        check_zero(allocation.fds[0], 4 * MIB)
        with mmap.mmap(allocation.fds[0], 4 * MIB) as memory:
            memory[:] = b"\xa5" * (4 * MIB)
        allocation.close()
        alice.wait_whole()


def report_is_complete(bus):
    """Every field the contract names is there, of its type, and none besides."""
    daemon_with_clients(bus)
    alice = user(bus)
    serial = alice.start_allocate(count=7, order=2, buffers=2, effort="normal")
    reply = alice.finish(serial)
    report = reply.message.get_body().get_child_value(4)
    assert types_of(report) == REPORT_FIELDS, types_of(report)
    steps = report.lookup_value("steps", GLib.VariantType("aa{sv}"))
    assert steps.n_children() >= 1
    for index in range(steps.n_children()):
        types = types_of(steps.get_child_value(index))
        assert STEP_FIELDS.items() <= types.items(), types
        rest = {key: type_ for key, type_ in types.items() if key not in STEP_FIELDS}
        assert rest and set(rest.values()) == {"t"}, rest
        assert not any("_" in key for key in rest), rest
    values = report.unpack()
    for step in values["steps"]:
        assert all(value > 0 for key, value in step.items() if key not in STEP_FIELDS), step
    assert values["pool"] == "main" and values["order"] == 2 and values["error"] == 0
    assert values["requested"] == values["claimed"] == 7 and values["chunk-size"] == 4 * PAGE
    assert sum(step["granted"] for step in values["steps"]) == 7
    assert {step["effort"] for step in values["steps"]} <= {"fast", "normal"}, "above the ceiling"
    reply.close()
    alice.wait_whole()


def chooses_the_pool_with_most_free(bus):
    daemon_with_clients(bus, "large=32M", "small=16M")
    alice = user(bus)
    first = alice.allocate(count=24 * MIB // PAGE)
    second = alice.allocate(count=1)
    named = alice.allocate(count=1, pool="large")
    pools = [a.report["pool"] for a in (first, second, named)]
    assert pools == ["large", "small", "large"], pools
    for allocation in (first, second, named):
        allocation.close()
    alice.wait_whole("large")
    alice.wait_whole("small")


def more_buffers_than_a_reply_lists(bus):
    """What lives is listed in parts, each of it once, and the library puts them together."""
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    sentence = expect_error("InvalidArgument", alice.allocate, count=2**20, buffers=16385)
    assert "16385" in sentence and "16384" in sentence, sentence
    theirs = bob.allocate(count=1)
    allocation = alice.allocate(count=1500, buffers=1500)
    assert allocation.status == "complete", allocation.report
    identities = sorted(buffer[0] for buffer in allocation.layout)
    page, more = alice.finish(alice.start_list_buffers()).arguments
    assert (len(page), more) == (1024, True), (len(page), more)
    assert [entry["id"] for entry in page] == identities[:1024]
    assert [entry["id"] for entry in alice.list_buffers()] == identities
    assert len(root.list_buffers()) == 1501
    page, more = root.finish(root.start_list_buffers(after=2**64 - 1)).arguments
    assert (page, more) == ([], False)
    assert len(read_json(bus, "buffers", **ROOT)["buffers"]) == 1501
    alice.release(allocation.path)
    for some in (allocation, theirs):
        some.close()
    root.wait_whole()


def asked_in_one_breath(bus):
    """Calls that follow each other without waiting are all served, though replies are read late."""
    daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    serials = [alice.start_allocate(count=16, buffers=16)]
    root.wait_for_buffers(16)
    # The first reply is under way, and its descriptors lie in the bus.
    serials += [alice.start_allocate(count=16, buffers=16) for _ in range(5)]
    quiet = time.monotonic() + 1.5
    while time.monotonic() < quiet:
        root.pools()
    for serial in serials:
        allocation = alice.finish_allocate(serial)
        assert (allocation.status, len(allocation.fds)) == ("complete", 16), allocation.report
        allocation.close()
    root.wait_whole()


def fetch_gives_each_buffer_once(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate(count=40, buffers=40)
    path, serial = allocation.path, allocation.report["serial"]
    expect_error("InvalidArgument", alice.fetch, path, 0, serial)  # came with the reply
    expect_error("InvalidArgument", alice.fetch, path, 15, serial)
    expect_error("InvalidArgument", alice.fetch, path, 40, serial)
    expect_error("InvalidArgument", alice.fetch, path, 0xffffffff, serial)
    fds, serial = alice.fetch(path, 16, serial)
    assert [os.fstat(fd).st_ino for fd in fds] == [b[1] for b in allocation.layout[16:32]]
    allocation.fds += fds
    expect_error("InvalidArgument", alice.fetch, path, 16, serial)
    fds, serial = alice.fetch(path, 32, serial)
    allocation.fds += fds
    assert len(allocation.fds) == 40
    alice.release(path, serial)
    # All was delivered and confirmed: it is no more, and its name is free.
    expect_error("NoSuchAllocation", alice.fetch, path, 39, 0)
    expect_error("NoSuchAllocation", alice.release, path)
    again = alice.allocate(path.rpartition("/")[2], count=1)
    again.close()
    allocation.close()
    alice.wait_whole()


def release_gives_back_what_was_not_fetched(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate(count=64, buffers=64)
    alice.release(allocation.path, allocation.report["serial"])
    alice.wait_for_buffers(16)
    assert alice.pool()["Exported"] == 16 * PAGE
    for fd in allocation.fds:
        check_zero(fd, PAGE)
    allocation.close()
    alice.wait_whole()


def unfetched_goes_back_in_time(bus):
    """Who does not come for the rest within FetchTimeoutSec loses it."""
    daemon_with_clients(bus, configuration="FetchTimeoutSec=300ms\n")
    alice = user(bus)
    allocation = alice.allocate(count=64, buffers=64)
    alice.wait_signal("BufferReleased")
    allocation.close()
    alice.wait_whole()
    expect_error("NoSuchAllocation", alice.fetch, allocation.path, 16,
                 allocation.report["serial"])
    assert alice.call("org.cmabulk1", PATH, "org.freedesktop.DBus.Peer", "Ping")
