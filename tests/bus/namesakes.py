# SPDX-License-Identifier: LGPL-2.1-or-later
"""An account whose name becomes other people's: what was charged to it before is none of their business, nor are
their limits that of whom it was."""

from accounts import UNKNOWN_OBJECT, object_of
from errors import expect_amounts
from fixture import eventually
from manager import (BOB, CAROL, CLIENTS, CLIENTS_CONFIGURATION, MIB, OTHERS, PAGE, administrator,
                     daemon_with_clients, expect_error, user)

MINE = 8 * MIB
RULE = f"[Account crew]\nMaxBytes={MINE}\n"
OF_BOB = f"User={BOB}\n"
OF_CAROL = f"User={CAROL}\n"
OF_OTHERS = f"Group={OTHERS}\n"
OF_CLIENTS = f"Group={CLIENTS}\n"
SHARED = "Shared=yes\n"
BOTH_GROUPS = (OTHERS, CLIENTS)


def become(daemon, root, rule):
    daemon.configure(CLIENTS_CONFIGURATION + RULE + rule)
    root.manager("Reload")


def charged(client):
    """What a client is shown of all accounts: of each that has something, its name and user, and how much."""
    return {(account["account"], account.get("uid")): account["used"]
            for account in client.accounts() if account["used"]}


def counted(client):
    """The same of what was counted."""
    return {(entry["account"], entry.get("uid")): entry["bytes-granted"]
            for entry in client.counters() if "account" in entry and entry["bytes-granted"]}


def expect_object(client, name):
    """Who does not see it is told what is told of any that is not there."""
    sentence = expect_error(UNKNOWN_OBJECT, object_of, client, name)
    assert "there is no account" in sentence, sentence


def of_a_group_they_are_each_ones_own(bus):
    """A user's account whose rule is a group's now: he sees what he has, and nothing of the group's."""
    daemon = daemon_with_clients(bus, configuration=RULE + OF_BOB)
    root, bob, carol = administrator(bus), user(bus, BOB), user(bus, CAROL, BOTH_GROUPS)
    held = bob.allocate(count=MINE // PAGE, buffers=2)
    become(daemon, root, OF_OTHERS)
    root.set_account("crew", persistent=True, Weight="7")
    name = f"crew:{BOB}"
    mine = bob.account("crew", BOB)
    assert (mine["used"], mine["buffers"], mine["maximum"]) == (MINE, 2, 0), mine
    assert not {"weight", "runtime", "persistent"} & set(mine), mine
    found = object_of(bob, name)
    assert (found["Runtime"], found["Persistent"]) == ([], []), found
    assert found["Usage"]["main"] == {key: mine[key] for key in found["Usage"]["main"]}, found
    assert charged(carol) == counted(carol) == {}, "the group sees what he has"
    expect_object(carol, name)
    # They have all of theirs, however much he has, and he does not see it.
    other = carol.allocate(count=MINE // PAGE)
    theirs = carol.account("crew", CAROL)
    assert (theirs["used"], theirs["maximum"], theirs["weight"]) == (MINE, MINE, 7), theirs
    assert charged(bob) == counted(bob) == {("crew", BOB): MINE}
    expect_object(bob, f"crew:{CAROL}")
    # Who manages sees all of both.
    assert charged(root) == {("crew", BOB): MINE, ("crew", CAROL): MINE}
    assert root.account("crew", BOB)["weight"] == 7
    # What he asks for now is charged to what is his.
    again = bob.allocate(count=1)
    assert charged(bob) == {("crew", BOB): MINE, ("default", BOB): PAGE}
    for allocation in held, other, again:
        allocation.close()
    root.wait_whole()
    assert counted(carol) == {("crew", CAROL): MINE}, "what is over is not forgotten, nor shown"


def expect_nothing_of_it(root, bob, carol, name, rule):
    """Bob has all that the account may have, and it is Carol's now; @name stands in the kernel's books."""
    holder = BOB if ":" in name else None
    [buffer] = bob.list_buffers()
    assert (buffer["account"], buffer["standing"]) == (name, "orphaned"), (buffer, rule)
    assert charged(carol) == counted(carol) == {}, rule
    expect_object(carol, name)
    assert charged(root) == {("crew" if holder else name, holder): MINE}, rule
    assert object_of(root, name)["Usage"]["main"]["used"] == MINE, rule
    # Of what several had together nobody else learns, not even who was one of them.
    assert charged(bob) == counted(bob) == ({("crew", BOB): MINE} if holder else {}), rule
    pool = root.pool()
    assert (pool["Exported"], pool["Buffers"]) == (MINE, 1), pool


def of_whom_it_was_nothing_is_shown(bus):
    """Whose account that is shared was is in its name: to others' it says nothing, and takes nothing away."""
    root, bob = administrator(bus), user(bus, BOB)
    for before, name, after in ((OF_BOB + SHARED, f"crew:{BOB}", OF_CAROL + SHARED),
                                (OF_BOB + SHARED, f"crew:{BOB}", OF_OTHERS + SHARED),
                                (OF_BOB, f"crew:{BOB}", SHARED),
                                (OF_CLIENTS + SHARED, f"crew@{CLIENTS}", OF_OTHERS + SHARED),
                                (OF_CLIENTS + SHARED, f"crew@{CLIENTS}", OF_CAROL),
                                (OF_CLIENTS + SHARED, f"crew@{CLIENTS}", SHARED),
                                (SHARED, "crew@all", OF_OTHERS + SHARED),
                                (SHARED, "crew@all", OF_CAROL + SHARED)):
        daemon = daemon_with_clients(bus, configuration=RULE + before)
        held = bob.allocate(count=MINE // PAGE)
        become(daemon, root, after)
        carol = user(bus, CAROL, BOTH_GROUPS)
        expect_nothing_of_it(root, bob, carol, name, (before, after))
        # All of it, as nothing is charged to it, and nothing of this is said to him who had it.
        other = carol.allocate(count=MINE // PAGE)
        assert sum(charged(carol).values()) == MINE, (before, after)
        expect_amounts(expect_error("QuotaExceeded", carol.allocate, count=1), MINE, MINE)
        # As it was, it is his again; and what is over goes by whose it was, too.
        become(daemon, root, before)
        [buffer] = bob.list_buffers()
        assert buffer["standing"] == "managed", (before, after)
        held.close()
        eventually("it is back", lambda: root.pool()["Exported"] == MINE)
        become(daemon, root, after)
        assert sum(counted(carol).values()) == MINE, (before, after)
        other.close()
        root.wait_whole()
        carol.close()
        daemon.stop()
