# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon counts is what happened, and who sees it."""

from fixture import eventually
from manager import (ALICE, BOB, CAROL, CLIENTS, MIB, OTHERS, PAGE, administrator,
                     daemon_with_clients, expect_error, user)

RULES = f"""
[Account camera]
User={ALICE}
MaxBytes=16M
MaxPending=1

[Account together]
Group={OTHERS}
Shared=yes
"""


def counters(client, account=None, uid=None, pool="main"):
    """Those of an account, or of the pool; None when nothing is known."""
    for entry in client.counters():
        if (entry["pool"], entry.get("account"), entry.get("uid")) == (pool, account, uid):
            return {**entry, "refused": dict(entry["refused"]),
                    "fills": {(effort, result): fills for effort, result, fills in entry["fills"]}}
    return None


def finished(entry):
    return [entry[status] for status in ("complete", "partial", "timed-out", "cancelled")]


def they_add_up(bus):
    """Of each way a request may end, one; the pool has the sum of its accounts."""
    daemon_with_clients(bus, "main=64M", "npu=32M", configuration=RULES)
    alice, bob, root = user(bus, ALICE), user(bus, BOB), administrator(bus)
    assert counters(root, "camera", ALICE) is None
    mine = alice.allocate(count=16 * MIB // PAGE, buffers=4, pool="main")
    expect_error("QuotaExceeded", alice.allocate, count=1, pool="main")
    expect_error("QuotaExceeded", alice.allocate, count=2, pool="main")
    expect_error("TooLarge", alice.allocate, count=65 * MIB // PAGE, pool="main")
    expect_error("InvalidArgument", alice.allocate, count=1, order=40, pool="main")
    short = bob.allocate(count=64 * MIB // PAGE, minimum=1, pool="main")
    assert short.status == "partial", short.report
    late = bob.allocate(count=1, timeout_usec=100_000, pool="main")
    assert late.status == "timed-out", late.report
    serial = bob.start_allocate("tired", count=1, pool="main")
    root.wait_pending(1)
    bob.cancel("tired")
    assert bob.finish_allocate(serial).status == "cancelled"
    mine.close()
    eventually("it is released", lambda: counters(alice, "camera", ALICE)["bytes-released"])
    eventually("all of it", lambda: counters(alice, "camera", ALICE)["bytes-released"] == 16 * MIB)

    camera, default = counters(root, "camera", ALICE), counters(root, "default", BOB)
    assert camera["refused"] == {"quota": 2, "size": 1, "invalid": 1}, camera
    assert (camera["admitted"], finished(camera)) == (1, [1, 0, 0, 0]), camera
    assert (camera["chunks-asked"], camera["bytes-granted"]) == (4096, 16 * MIB), camera
    assert camera["fills"] == {("fast", "complete"): 1}, camera
    assert (default["admitted"], finished(default)) == (3, [0, 1, 1, 1]), default
    assert default["bytes-asked"] == 64 * MIB + 2 * PAGE, default
    assert default["bytes-granted"] == short.bytes == 48 * MIB, default
    assert default["queued-usec"] > 90_000 and default["bytes-released"] == 0, default
    pool = counters(root)
    for key, value in camera.items():
        if isinstance(value, int) and key != "uid":
            # Each is cut to whole microseconds.
            assert 0 <= pool[key] - value - default[key] <= key.endswith("-usec"), (key, pool)
    assert pool["refused"] == camera["refused"], pool
    assert sum(count for _, count in pool["latency"]) == 4, pool
    bounds = [bound for bound, _ in pool["latency"]]
    assert bounds == sorted(bounds) and bounds[-1] == 2**64 - 1, pool
    assert pool["latency-usec"] > default["queued-usec"] > 0, pool
    assert counters(root, pool="npu")["admitted"] == 0
    short.close()
    root.wait_whole()
    assert counters(root)["bytes-released"] == counters(root)["bytes-granted"] == 64 * MIB


def what_ended_is_remembered(bus):
    """An account that has nothing any more is still counted, and goes on from there."""
    daemon_with_clients(bus, configuration=RULES)
    alice, root = user(bus, ALICE), administrator(bus)
    for number in range(1, 4):
        alice.allocate(count=1).close()
        root.wait_whole()
        assert counters(root, "camera", ALICE)["admitted"] == number


def each_sees_the_own(bus):
    """All pools, and of accounts those that one is charged to; a shared one is for all of it."""
    daemon_with_clients(bus, configuration=RULES)
    alice, bob, root = user(bus, ALICE), user(bus, BOB), administrator(bus)
    carol = user(bus, CAROL, (OTHERS, CLIENTS))
    for client in (alice, bob, carol):
        client.allocate(count=1).close()

    def seen(client):
        entries = client.counters()
        return [(entry.get("account"), entry.get("uid")) for entry in entries]

    assert seen(alice) == [(None, None), ("camera", ALICE)]
    assert seen(bob) == [(None, None), ("default", BOB)]
    assert seen(carol) == [(None, None), ("together", None)]
    assert seen(root) == [(None, None), ("camera", ALICE), ("default", BOB), ("together", None)]
    root.wait_whole()
