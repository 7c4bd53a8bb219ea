# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each error provoked; its sentence says what was asked and what there is."""

import os
import re
import time

from client import BUS, BusError, GLib
from fixture import NAME, Bus, environment
from manager import (BOB, CLIENTS, ERROR, MIB, PAGE, PATH, POOL, STRANGER,
                     administrator, daemon_with_clients, expect_error, user)

UNITS = {"bytes": 1, "byte": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
         "TiB": 1 << 40}


def amounts(sentence):
    """All sizes that a sentence names, in bytes."""
    found = re.findall(r"([0-9][0-9.]*)\s?(bytes?|[KMGT]iB|B)\b", sentence)
    return {int(float(number) * UNITS[unit]) for number, unit in found}


def expect_amounts(sentence, *wanted):
    missing = set(wanted) - amounts(sentence)
    assert not missing, f"{sentence!r} does not name {sorted(missing)}"


def table_lists_all_names(bus):
    """Names in the table are the names on the bus: what the tests here provoke is in it."""
    with open(os.path.join(environment("CMABULK_DBUS"), "errors.h"), encoding="utf-8") as header:
        table = set(re.findall(r'"(org\.cmabulk1\.Error\.\w+)"', header.read()))
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    here = set(re.findall(r'expect_error\("(\w+)"', text))
    assert here <= {name.removeprefix(ERROR) for name in table}, here
    del bus


def too_large(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    sentence = expect_error("TooLarge", alice.allocate, count=65 * MIB // PAGE)
    expect_amounts(sentence, 65 * MIB, 64 * MIB)
    assert "main" in sentence
    for count in (2**63, 2**64 - 1):
        expect_error("TooLarge", alice.allocate, count=count)
    alice.wait_whole()


def no_such_pool(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    sentence = expect_error("NoSuchPool", alice.allocate, count=1, pool="nowhere")
    assert "nowhere" in sentence, sentence
    expect_error("NoSuchPool", alice.list_buffers, "nowhere")
    for name in ("", "/", "..", "main/", "MAIN", "x" * 4096):
        try:
            alice.allocate(count=1, pool=name)
        except BusError as error:
            assert error.name in (ERROR + "NoSuchPool", ERROR + "InvalidArgument"), error
        else:
            raise AssertionError(f"pool {name!r} is there")


def no_such_allocation(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    expect_error("NoSuchAllocation", alice.cancel, "nothing")
    expect_error("NoSuchAllocation", alice.fetch, alice.path_of("nothing"), 0)
    expect_error("NoSuchAllocation", alice.release, alice.path_of("nothing"))


def token_in_use(bus):
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    # While it waits, and while it is not fetched.
    wall = administrator(bus).allocate(count=40 * MIB // PAGE)
    holder = alice.allocate("holder", count=20, buffers=20)
    serial = alice.start_allocate("waits", count=32 * MIB // PAGE)
    alice.wait_pending(1)
    for token in ("holder", "waits"):
        assert token in expect_error("TokenInUse", alice.allocate, token, count=1)
    # A token is of its sender.
    other = bob.allocate("holder", count=1)
    other.close()
    alice.release(holder.path, holder.report["serial"])
    for allocation in (holder, wall):
        allocation.close()
    second = alice.finish_allocate(serial)
    assert second.status == "complete", second.report
    second.close()
    alice.wait_whole()


def not_authorized(bus):
    daemon_with_clients(bus)
    stranger, alice, root = user(bus, STRANGER, ()), user(bus), administrator(bus)
    sentence = expect_error("NotAuthorized", stranger.allocate, count=1)
    assert str(STRANGER) in sentence or "group" in sentence, sentence
    expect_error("NotAuthorized", alice.manager, "Reload")
    expect_error("NotAuthorized", stranger.manager, "Reload")
    root.manager("Reload")
    # In the group by a supplementary group, not the primary one.
    supplementary = user(bus, STRANGER, (STRANGER, CLIENTS))
    supplementary.allocate(count=1).close()
    root.allocate(count=1).close()
    root.wait_whole()


def queue_full(bus):
    daemon_with_clients(bus, configuration="[Account default]\nMaxPending=2\n")
    alice, bob = user(bus), user(bus, BOB)
    holder = administrator(bus).allocate(count=48 * MIB // PAGE)
    size = 32 * MIB // PAGE
    waiting = [alice.start_allocate(count=16 * MIB // PAGE + 1) for _ in range(2)]
    alice.wait_pending(2)
    sentence = expect_error("QueueFull", alice.allocate, count=16 * MIB // PAGE + 1)
    assert "2" in sentence, sentence
    # That is an account's, not everybody's.
    theirs = bob.start_allocate(count=size)
    alice.wait_pending(3)
    holder.close()
    for client, serial in [(alice, waiting[0]), (alice, waiting[1]), (bob, theirs)]:
        allocation = client.finish_allocate(serial)
        assert allocation.status == "complete"
        allocation.close()
    alice.wait_whole()


def unconfirmed(bus):
    daemon_with_clients(bus)
    alice = user(bus, answers_pings=False)
    first = alice.allocate(count=40, buffers=40)
    waiting = alice.start_allocate(count=1), alice.start_fetch(first.path, 16, 0)
    for serial in waiting:
        sentence = expect_error("Unconfirmed", alice.finish, serial)
        assert "onfirm" in sentence, sentence
    expect_error("InvalidArgument", alice.fetch, first.path, 16, first.report["serial"] + 1000)
    # What has no descriptors is not held up.
    assert alice.pools()
    # A serial confirms.
    fds, serial = alice.fetch(first.path, 16, first.report["serial"])
    first.fds += fds
    # So does the answer to the ping that follows each reply.
    ping = alice.wait_for("a ping", lambda: alice.pings)[-1]
    assert ping.get_sender() and ping.get_destination() == alice.name
    alice.answers_pings = True
    while alice.pings:
        alice.pong(alice.pings.pop())
    alice.pools()  # what we sent has arrived
    fds, serial = alice.fetch(first.path, 32, 0)
    first.fds += fds
    first.close()
    alice.release(first.path, serial)
    alice.wait_whole()


def restarting(bus):
    """Who waits when the daemon ends is told to try again, and at once."""
    daemon = daemon_with_clients(bus)
    alice = user(bus)
    holder = administrator(bus).allocate(count=48 * MIB // PAGE)
    serial = alice.start_allocate(count=32 * MIB // PAGE)
    alice.wait_pending(1)
    start = time.monotonic()
    daemon.stop()
    sentence = expect_error("Restarting", alice.finish, serial)
    assert "again" in sentence, sentence
    assert time.monotonic() - start < 5
    holder.close()


def restarting_while_held(bus):
    """The same for who waits until it has read the reply before."""
    daemon = daemon_with_clients(bus)
    alice = user(bus, answers_pings=False)
    first = alice.allocate(count=1)
    serial = alice.start_allocate(count=2)
    alice.pools()
    daemon.stop()
    expect_error("Restarting", alice.finish, serial)
    first.close()


def invalid_argument_names_the_key(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    for key, value in (("order", GLib.Variant("t", 1)), ("effort", GLib.Variant("s", "extreme")),
                       ("buffers", GLib.Variant("u", 0)), ("count", GLib.Variant("t", 0)),
                       ("minimum", GLib.Variant("t", 0)), ("minimum", GLib.Variant("t", 5)),
                       ("colour", GLib.Variant("s", "red"))):
        request = {"count": GLib.Variant("t", 4), key: value}
        sentence = expect_error("InvalidArgument", alice.allocate, **request)
        assert key in sentence, f"{key}: {sentence}"
    sentence = expect_error("InvalidArgument", alice.allocate, order=1)
    assert "count" in sentence, sentence
    sentence = expect_error("InvalidArgument", alice.allocate, count=3, buffers=4)
    assert "3" in sentence and "4" in sentence, sentence


def survey_of_a_pool(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    survey = root.call(NAME, f"{PATH}/pool/main", POOL, "Survey").arguments[0]
    assert set(survey) == {
        "pages-free", "pages-movable", "pages-suspect", "pages-taken", "blocks", "blocks-free",
        "blocks-movable", "blocks-suspect", "blocks-taken"}
    assert survey["blocks"] == 32


def bus_does_not_say_who_asks(_):
    """Who cannot be known is refused, and does not wait for ever."""
    silence = (f'<deny send_destination="{BUS}" send_interface="{BUS}" '
               'send_member="GetConnectionCredentials"/>')
    with Bus(silence) as bus:
        daemon = daemon_with_clients(bus)
        alice = user(bus)
        for _ in range(2):
            sentence = expect_error(f"{BUS}.Error.Timeout", alice.manager, "ListPools", patience=10)
            assert alice.name in sentence and "again" in sentence, sentence
        daemon.stop()
