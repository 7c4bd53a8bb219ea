# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whoever knows a device need not know which pools there are."""

import os

from client import BusError
from manager import (ALICE, BOB, CLIENTS, CLIENTS_CONFIGURATION, ERROR, MIB, PAGE, User,
                     administrator, daemon_with_clients, expect_error, expect_prompt, user)

POOLS = ("camera=32M", "main=64M", "small=16M")
# A device that every machine has, and what it is called.
NODE = "/dev/null"
NAMES = (NODE, "mem:null", "/sys/class/mem/null", "/sys/devices/virtual/mem/null")


def device(name, pools, **keys):
    said = "".join(f"{key}={value}\n" for key, value in keys.items())
    return f"[Device {name}]\n{said}Pools={pools}\n"


def have_a_pool_and_fallbacks(bus):
    """What is not there is passed over; what is there is first, and what comes after it follows."""
    configuration = (device("lens", "gone camera later main", Node=NODE) +
                     device("nowhere", "gone later"))
    daemon_with_clients(bus, *POOLS, configuration=configuration)
    alice = user(bus)
    assert alice.pools_of("lens") == ["camera", "later", "main"]
    assert alice.pools_of(NODE) == ["camera", "later", "main"]
    sentence = expect_error("NoSuchPool", alice.pools_of, "nowhere")
    assert "gone, later" in sentence and "nowhere" in sentence, sentence
    sentence = expect_error("NoSuchDevice", alice.pools_of, "/dev/zero")
    assert "/dev/zero" in sentence and "CMABULK_POOLS" in sentence, sentence
    expect_error("NoSuchDevice", alice.pools_of, "nobody")


def have_four_names(bus):
    """Each of them leads to the one device, by whichever the configuration knows it."""
    if not os.path.exists(NAMES[2]):
        return
    daemon = daemon_with_clients(bus, *POOLS)
    alice, root = user(bus), administrator(bus)
    for keys in ({"Node": NODE}, {"SysPath": NAMES[3]}, {"Subsystem": "mem", "Name": "null"},
                 {"Subsystem": "mem", "Name": "n*l*"}, {"Subsystem": "mem"},
                 {"Node": NODE, "SysPath": NAMES[3], "Subsystem": "mem", "Name": "*"}):
        daemon.configure(CLIENTS_CONFIGURATION + device("wrong", "small", Node="/dev/full") +
                         device("right", "main camera", **keys) +
                         device("late", "small", Node=NODE))
        root.manager("Reload")
        for name in (*NAMES, "right"):
            assert alice.pools_of(name) == ["main", "camera"], (keys, name)


def need_not_be_there_when_simulated(bus):
    """To develop an application no device is needed, either."""
    daemon_with_clients(bus, *POOLS, configuration=(
        device("front", "camera", Node="/dev/video77") +
        device("back", "main", Subsystem="video4linux", Name="video8*")))
    alice = user(bus)
    assert alice.pools_of("/dev/video77") == ["camera"]
    assert alice.pools_of("video4linux:video88") == ["main"]
    expect_error("NoSuchDevice", alice.pools_of, "video4linux:video77")


def are_what_the_configuration_says(bus):
    """It is read again; a device whose match is wrong is left out, and that is said."""
    daemon = daemon_with_clients(bus, *POOLS, configuration=device("lens", "camera", Node=NODE))
    alice, root = user(bus), administrator(bus)
    assert alice.pools_of(NODE) == ["camera"]
    daemon.configure(CLIENTS_CONFIGURATION + device("lens", "main", Node=NODE, Subsystem="a/b"))
    root.manager("Reload")
    expect_error("NoSuchDevice", alice.pools_of, NODE)
    expect_error("NoSuchDevice", alice.pools_of, "lens")
    assert "[Device lens] Subsystem" in daemon.said()
    daemon.configure(CLIENTS_CONFIGURATION + device("lens", "main", Node=NODE))
    root.manager("Reload")
    assert alice.pools_of("lens") == ["main"]


def only_pools_that_are_open_to_an_account(bus):
    configuration = (device("lens", "camera main small") +
                     f"[Account some]\nUser={BOB}\nPools=main small\n")
    daemon_with_clients(bus, *POOLS, configuration=configuration +
                        "[Account default]\nPools=camera\n")
    alice, bob = user(bus), user(bus, BOB)
    assert alice.pools_of("lens") == ["camera"]
    assert bob.pools_of("lens") == ["main", "small"]
    for client, pool in ((alice, "camera"), (bob, "main")):
        allocation = client.allocate(count=1, device="lens")
        assert allocation.report["pool"] == pool, allocation.report
        allocation.close()


def requests_go_to_their_pools(bus):
    """To the first of them, though another has more free, unless it has no such chunks."""
    daemon_with_clients(bus, "coarse=16M,pageblock-order=0", "fine=64M",
                        configuration=device("lens", "gone coarse fine", Node=NODE))
    alice = user(bus)
    largest = alice.pool("coarse")["MaxOrder"]
    assert largest < alice.pool("fine")["MaxOrder"]
    for named in ("lens", NODE):
        near = alice.allocate(count=2, device=named)
        far = alice.allocate(count=1, order=largest + 1, device=named)
        for allocation, pool in ((near, "coarse"), (far, "fine")):
            assert allocation.status == "complete", allocation.report
            assert allocation.report["pool"] == pool, allocation.report
            allocation.close()
    alice.wait_whole("coarse")
    alice.wait_whole("fine")


def requests_are_refused(bus):
    daemon_with_clients(bus, *POOLS, configuration=device("lens", "small main") +
                        device("nowhere", "gone"))
    alice = user(bus)
    expect_error("NoSuchPool", alice.allocate, count=1, device="nowhere")
    expect_error("NoSuchDevice", alice.allocate, count=1, device="nobody")
    expect_error("InvalidArgument", alice.allocate, count=1, device="/dev/../null")
    expect_error("InvalidArgument", alice.allocate, count=1, device="lens", pool="small")
    sentence = expect_error("NoSuchPool", alice.allocate, count=1, order=30, device="lens")
    assert "order 30" in sentence and "small, main" in sentence, sentence
    # The first pool is the device's: that it is too small, or full, is no reason to go elsewhere.
    sentence = expect_error("TooLarge", alice.allocate, count=17 * MIB // PAGE, device="lens")
    assert "small" in sentence, sentence
    for pool in ("small", "main"):
        alice.wait_whole(pool)


def cancelled_while_held(bus):
    """A request that waits for its turn to be admitted says which pool it would have been of."""
    daemon_with_clients(bus, *POOLS, configuration=device("lens", "small main"))
    alice = user(bus, answers_pings=False)
    allocation = alice.allocate(count=16, buffers=16)
    held = alice.start_allocate("held", count=1, device="lens")
    alice.cancel("held")
    cancelled = alice.finish_allocate(held)
    assert cancelled.status == "cancelled", cancelled.report
    assert cancelled.report["pool"] == "small", cancelled.report
    allocation.close()


def ask_without_end(path):
    """One process that always has 60 questions and 40 requests that are refused under way."""
    def run(child):
        hostile = User(path, ALICE, (CLIENTS,))

        def start(number):
            if number % 5 < 3:
                return hostile.start_get_pool_for_device(NAMES[number % len(NAMES)])
            return hostile.start_allocate(count=1, order=30, device=NAMES[number % len(NAMES)])

        waiting = [start(number) for number in range(100)]
        number = 100
        while True:
            try:
                hostile.finish(waiting.pop(0))
            except BusError as error:
                assert error.name == ERROR + "NoSuchPool", error
            waiting.append(start(number))
            number += 1
            if number == 300:
                child.say("they are looked up")

    return run


def asked_for_without_end(bus):
    """Each time a device is looked up anew, which takes a moment: that is the asker's alone."""
    daemon_with_clients(bus, *POOLS, configuration=device("lens", "camera", Node=NODE))
    bob, root = user(bus, BOB), administrator(bus)
    child = bus.child(ask_without_end(bus.path), ALICE, (CLIENTS,))
    child.hear()
    for look in (lambda: bob.pools_of(NODE), bob.pools, lambda: bob.list_buffers("camera")) * 5:
        expect_prompt(bus, "a look of another user", look)
    expect_prompt(bus, "Allocate", lambda: bob.allocate(count=1, device=NODE)).close()
    child.kill()
    root.wait_whole("camera")
