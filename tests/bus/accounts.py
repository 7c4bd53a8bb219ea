# SPDX-License-Identifier: LGPL-2.1-or-later
"""What administrators change of accounts at run time, and the accounts' objects."""

import os
import stat

from client import BUS, GLib
from errors import expect_amounts
from fixture import NAME, eventually
from introspection import encode
from manager import (ACCOUNT, ALICE, BOB, CLIENTS, CLIENTS_CONFIGURATION, MANAGER, MIB, PAGE, PATH,
                     administrator, daemon_with_clients, expect_error, user)

IO_ERROR = f"{BUS}.Error.IOError"
UNKNOWN_OBJECT = f"{BUS}.Error.UnknownObject"


def problems(client):
    return client.get_property(NAME, PATH, MANAGER, "ConfigurationProblems")


def kept(daemon):
    """The file that is to outlive the daemon; None when there is none."""
    try:
        with open(os.path.join(daemon.state, "accounts.conf"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def object_of(client, name):
    return client.get_properties(NAME, f"{PATH}/account/{encode(name)}", ACCOUNT)


def expect_maximum(root, bob, size):
    """Bob's account has it, and may have not one page more."""
    bob.allocate(count=size // PAGE).close()
    root.wait_whole()
    expect_error("QuotaExceeded", bob.allocate, count=size // PAGE + 1)


def change_is_in_force_at_once(bus):
    daemon = daemon_with_clients(bus, configuration="[Account default]\nMaxBytes=32M\n")
    root, bob = administrator(bus), user(bus, BOB)
    root.set_account("default", MaxBytes="16M", Weight="7")
    expect_maximum(root, bob, 16 * MIB)
    allocation = bob.allocate(count=1)
    account = root.account("default", BOB)
    assert (account["maximum"], account["weight"]) == (16 * MIB, 7), account
    assert sorted(account["runtime"]) == ["MaxBytes", "Weight"], account
    assert "persistent" not in account, account
    assert bob.account("default", BOB) == account, "one's own is shown in full"
    allocation.close()
    # One of them is what the files say again, then all.
    root.set_account("default", Weight="")
    allocation = bob.allocate(count=1)
    account = root.account("default", BOB)
    assert (account["maximum"], account["weight"]) == (16 * MIB, 100), account
    assert account["runtime"] == ["MaxBytes"], account
    root.unset_account("default")
    account = root.account("default", BOB)
    assert account["maximum"] == 32 * MIB and "runtime" not in account, account
    root.set_account("default", MaxBytes="8M")
    root.manager("SetAccount", GLib.Variant("(sa{ss}b)", ("default", {}, False)))
    assert root.account("default", BOB) == account
    allocation.close()
    expect_maximum(root, bob, 32 * MIB)
    assert kept(daemon) is None, "nothing was to be kept"
    assert "user 0 sets MaxBytes=8M" in daemon.said(), "the log does not say who did it"


def all_or_nothing(bus):
    """A bad value, or one that does not go with another, is refused as the files' are, with all beside it."""
    shared = f"[Account crew]\nGroup={CLIENTS}\nMaxBytes=32M\n"
    daemon = daemon_with_clients(bus, configuration=shared)
    root, bob = administrator(bus), user(bus, BOB)
    allocation = bob.allocate(count=1)
    before = root.accounts()

    def refused(name, *words, persistent=False, **keys):
        sentence = expect_error("InvalidArgument", root.set_account, name, persistent, **keys)
        missing = [word for word in words if word not in sentence]
        assert not missing, f"no {missing} in {sentence!r}"
        assert root.accounts() == before and kept(daemon) is None, sentence
        assert problems(root) == []

    for persistent in False, True:
        refused("crew", "[Account crew] MaxBytes", '"much"', "percentage", "nothing is changed",
                MaxBuffers="3", MaxBytes="much", persistent=persistent)
        refused("crew", "Colour", "cmabulkd.conf", MaxBuffers="3", Colour="red",
                persistent=persistent)
    refused("crew", "MinBytes", "Shared=yes", MinBytes="1M")
    refused("crew", "User", "cannot be changed", User=str(BOB), MaxBytes="1M")
    refused("crew", "Shared", "cannot be changed", Shared="yes")
    refused("crew", "cannot be changed", Group="")
    refused("default", "cannot be changed", User=str(BOB))
    # A name that is misspelt must not become the account of everybody.
    refused("crw", "[Account crw]", "User=", MaxBytes="1M")
    refused("unit", "User=", Unit="video.service", Group=str(CLIENTS))
    refused("somebody", "no such user", User="who-is-that", MaxBytes="1M")
    refused("guard", "MinBytes: more than MaxBytes", User=str(BOB), MinBytes="2M", MaxBytes="1M")
    # Where there is more to be had it would be another matter: a pool that is to come is not asked.
    refused("guard", "pool main has 64 MiB", "accounts guard are guaranteed 65 MiB", "MinBytes",
            User=str(BOB), MinBytes="65M", MaxBytes="65M")
    for name in ("", "a b", "a]", "[a", "ü", "x" * 41, "a\nb", "a:1", "x" * 100_000):
        refused(name, "no name", MaxBytes="1M")
    sentence = expect_error("InvalidArgument", root.unset_account, "crw")
    assert "crw" in sentence
    root.unset_account("crew")  # there is nothing to take back, and nothing wrong with that
    allocation.close()


def is_for_those_who_manage(bus):
    daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    sentence = expect_error("NotAuthorized", bob.set_account, "default", MaxBytes="1M")
    assert "accounts" in sentence
    expect_error("NotAuthorized", bob.unset_account, "default")
    bob.allocate(count=2 * MIB // PAGE).close()
    root.wait_whole()


def below_what_is_in_use(bus):
    """What is there stays and is charged; there are no new grants until it fits."""
    daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    held = [bob.allocate(count=16 * MIB // PAGE) for _ in range(2)]
    holder = root.allocate(count=24 * MIB // PAGE)
    waiting = bob.start_allocate(count=16 * MIB // PAGE, timeout_usec=6_000_000)
    bob.pools()  # and confirms what came before
    root.wait_pending(1)
    root.set_account("default", MaxBytes="20M")
    sentence = expect_error("QuotaExceeded", bob.allocate, count=1)
    expect_amounts(sentence, 32 * MIB, 20 * MIB)
    assert root.pool()["Exported"] == 56 * MIB
    # What waited is not granted beyond it either.
    late = bob.finish_allocate(waiting)
    assert late.granted == 0 and "maximum" in late.report["reason"], late.report
    held.pop().close()
    eventually("half of it is back", lambda: root.pool()["Exported"] == 40 * MIB)
    bob.allocate(count=4 * MIB // PAGE).close()
    expect_error("QuotaExceeded", bob.allocate, count=5 * MIB // PAGE)
    for allocation in (*held, holder):
        allocation.close()
    root.wait_whole()


def survives_a_reload(bus):
    """And a file that does not parse; the files are read, the changes still come last."""
    limited = CLIENTS_CONFIGURATION + "[Account default]\nMaxBytes={}\nMaxBuffers={}\n"
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    root.set_account("default", MaxBytes="16M")
    daemon.configure(limited.format("8M", 3))
    root.manager("Reload")
    expect_maximum(root, bob, 16 * MIB)
    expect_error("QuotaExceeded", bob.allocate, count=4, buffers=4)
    daemon.configure("this is no line\n")
    root.manager("Reload")
    [problem] = problems(root)
    assert "this is no line" in problem
    expect_maximum(root, bob, 16 * MIB)
    # Changes are made all the same, to what is in force, and what is to be mended is still said.
    root.set_account("default", MaxBytes="24M")
    expect_maximum(root, bob, 24 * MIB)
    expect_error("QuotaExceeded", bob.allocate, count=4, buffers=4)
    assert problems(root) == [problem]
    # What was written and not read yet is not read for a change.
    daemon.configure(limited.format("8M", 2))
    root.set_account("default", MaxBytes="")
    expect_maximum(root, bob, 8 * MIB)
    bob.allocate(count=3, buffers=3).close()
    root.manager("Reload")
    assert problems(root) == []
    expect_error("QuotaExceeded", bob.allocate, count=3, buffers=3)


def survives_a_restart_when_it_is_to(bus):
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    root.set_account("default", persistent=True, MaxBytes="16M", MaxBuffers="30")
    root.set_account("default", MaxBuffers="20", MaxPending="5")
    allocation = bob.allocate(count=1)
    account = root.account("default", BOB)
    assert sorted(account["runtime"]) == ["MaxBuffers", "MaxBytes", "MaxPending"], account
    assert sorted(account["persistent"]) == ["MaxBuffers", "MaxBytes"], account
    assert (account["maximum-buffers"], account["maximum-pending"]) == (20, 5), account
    allocation.close()
    text = kept(daemon)
    assert "[Account default]" in text and "MaxBytes=16M" in text and "MaxPending" not in text
    for path in daemon.state, os.path.join(daemon.state, "accounts.conf"):
        assert not stat.S_IMODE(os.stat(path).st_mode) & 0o077, path
    assert os.listdir(daemon.state) == ["accounts.conf"], "something was left beside it"
    daemon.stop()
    daemon_with_clients(bus)
    allocation = bob.allocate(count=1)
    account = root.account("default", BOB)
    assert sorted(account["runtime"]) == sorted(account["persistent"]) == \
        ["MaxBuffers", "MaxBytes"], account
    assert (account["maximum"], account["maximum-buffers"]) == (16 * MIB, 30), account
    assert account["maximum-pending"] == 64, account
    # What is taken back is so for good, however that is said.
    root.set_account("default", MaxBytes="")
    assert root.account("default", BOB)["persistent"] == ["MaxBuffers"]
    assert "MaxBytes" not in kept(daemon)
    root.unset_account("default")
    assert "persistent" not in root.account("default", BOB)
    assert "Account" not in kept(daemon).replace("# ", "").split("\n", 2)[2], kept(daemon)
    allocation.close()


def a_new_account(bus):
    """It matches from then on, also after a restart, with all it was made of; nobody else is in it."""
    daemon = daemon_with_clients(bus)
    root, alice, bob = administrator(bus), user(bus), user(bus, BOB)
    root.set_account("bob", User=str(BOB), MaxBytes="16M")
    expect_maximum(root, bob, 16 * MIB)
    alice.allocate(count=17 * MIB // PAGE).close()
    root.wait_whole()
    account = root.account("bob", BOB)
    assert sorted(account["runtime"]) == ["MaxBytes", "User"], account
    sentence = expect_error("InvalidArgument", root.set_account, "bob", User=str(ALICE))
    assert "cannot be changed" in sentence
    # To keep a part of it is to keep all of it: whose it is, and its limits.
    root.set_account("bob", persistent=True, MaxBuffers="9")
    daemon.stop()
    daemon = daemon_with_clients(bus)
    account = root.account("bob", BOB)
    assert (account["maximum"], account["maximum-buffers"]) == (16 * MIB, 9), account
    assert problems(root) == []
    allocation = bob.allocate(count=1)
    root.unset_account("bob")
    [listed] = root.list_buffers()
    assert listed["standing"] == "orphaned", listed
    assert root.account("bob", BOB)["maximum"] == 0
    allocation.close()
    eventually("nothing is left of it", lambda: root.account("bob", BOB) is None)


def an_orphan_knows_nothing_of_its_namesakes(bus):
    """Who has memory of an account that is gone does not see what is changed of another of that name."""
    rule = f"[Account crew]\nUser={BOB}\nMaxBytes=8M\n"
    daemon = daemon_with_clients(bus, configuration=rule)
    root, bob = administrator(bus), user(bus, BOB)
    allocation = bob.allocate(count=1)
    name = f"crew:{BOB}"
    root.set_account("crew", persistent=True, MaxBytes="4M")
    assert object_of(bob, name)["Persistent"] == ["MaxBytes"]
    for other in ("", f"[Account crew]\nGroup={CLIENTS}\nShared=yes\n",
                  f"[Account crew]\nUser={ALICE}\n"):
        daemon.configure(CLIENTS_CONFIGURATION + other)
        root.manager("Reload")
        [listed] = bob.list_buffers()
        assert listed["standing"] == "orphaned", listed
        for client in (bob, root):
            found = object_of(client, name)
            assert (found["Runtime"], found["Persistent"]) == ([], []), found
            assert "runtime" not in client.account("crew", BOB)
    allocation.close()


def accounts_that_leave_the_files(bus):
    """What was changed of one that the files do not have any more must not match everybody."""
    daemon = daemon_with_clients(bus, configuration=f"[Account bob]\nUser={BOB}\nMaxBytes=8M\n")
    root, alice = administrator(bus), user(bus)
    root.set_account("bob", persistent=True, MaxBytes="4M")
    daemon.configure(CLIENTS_CONFIGURATION)
    root.manager("Reload")
    [problem] = problems(root)
    assert "[Account bob]" in problem and "left out" in problem, problem
    alice.allocate(count=16 * MIB // PAGE).close()
    root.wait_whole()
    # It is still to be seen what is wrong when something else is changed.
    root.set_account("default", MaxBytes="32M")
    assert problems(root) == [problem]
    assert daemon.said().count(problem) == 1, "each change repeats what is wrong with others"
    root.unset_account("bob")
    assert problems(root) == []
    # Nor does what is kept make an account of the files somebody else's.
    root.set_account("carol", persistent=True, User=str(ALICE), MaxBytes="4M")
    daemon.configure(CLIENTS_CONFIGURATION + f"[Account carol]\nUser={BOB}\n")
    root.manager("Reload")
    [problem] = problems(root)
    assert "[Account carol] User" in problem and daemon.state in problem, problem
    assert root.account("carol", BOB)["maximum"] == 4 * MIB
    assert root.account("carol", ALICE) is None


def kept_where_the_service_manager_says(bus):
    """In the first of its directories; there when the daemon starts again."""
    place = os.path.join(bus.directory, "first")
    directories = f"{place}:{bus.directory}/second"
    daemon = daemon_with_clients(bus, state_directories=directories)
    root, bob = administrator(bus), user(bus, BOB)
    root.set_account("default", persistent=True, MaxBytes="16M")
    assert os.listdir(place) == ["accounts.conf"]
    assert not os.path.exists(daemon.state)
    daemon.stop()
    daemon_with_clients(bus, state_directories=directories)
    expect_maximum(root, bob, 16 * MIB)


def cannot_be_kept(bus):
    """Where nothing can be written nothing changes, and without keeping it all works."""
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    with open(daemon.state, "w", encoding="utf-8"):
        pass
    sentence = expect_error(IO_ERROR, root.set_account, "default", True, MaxBytes="16M")
    assert daemon.state in sentence and "Not a directory" in sentence, sentence
    bob.allocate(count=17 * MIB // PAGE).close()
    root.wait_whole()
    root.set_account("default", MaxBytes="16M")
    expect_maximum(root, bob, 16 * MIB)
    os.unlink(daemon.state)
    root.set_account("default", True, MaxBytes="8M")
    daemon.stop()
    # What nobody could read is not overwritten.
    path = os.path.join(daemon.state, "accounts.conf")
    with open(path, "a", encoding="utf-8") as file:
        file.write("no line of it\n")
    daemon_with_clients(bus)
    [problem] = problems(root)
    assert path in problem and "no line of it" in problem, problem
    sentence = expect_error(IO_ERROR, root.set_account, "default", True, MaxBytes="16M")
    assert path in sentence and "restart" in sentence, sentence
    assert "no line of it" in kept(daemon)
    root.set_account("default", MaxBytes="16M")
    expect_maximum(root, bob, 16 * MIB)


def objects_are_ones_own(bus):
    daemon_with_clients(bus, "main=64M", "npu=16M",
                        configuration=f"[Account crew]\nGroup={CLIENTS}\nShared=yes\n")
    root, alice, stranger = administrator(bus), user(bus), user(bus, BOB, (BOB,))
    allocation = root.allocate(count=4, buffers=2, pool="main")
    root.set_account("default", Weight="7")
    [listed] = [account for account in root.accounts() if account["account"] == "default"]
    path = f"{PATH}/account/{encode('default:0')}"
    assert listed["object"] == path, listed
    found = object_of(root, "default:0")
    assert (found["Name"], found["Uid"], found["Rule"]) == ("default:0", 0, "default"), found
    assert found["Runtime"] == ["Weight"] and found["Persistent"] == [], found
    assert set(found["Usage"]) == {"main"}, found
    usage = found["Usage"]["main"]
    assert (usage["used"], usage["buffers"], usage["weight"]) == (4 * PAGE, 2, 7), usage
    assert usage == {key: listed[key] for key in usage}
    together = f"crew@{CLIENTS}"
    shared = object_of(alice, together)
    assert shared["Uid"] == 2**32 - 1 and set(shared["Usage"]) == {"main", "npu"}, shared
    # To others there is no such object, as where there is none: also in the words of the refusal.
    for who, name in ((alice, "default:0"), (stranger, "default:0"), (stranger, together)):
        def ask(name):
            return expect_error(UNKNOWN_OBJECT, object_of, who, name)
        assert ask(name).replace(encode(name), "") == \
            ask("nobody:7").replace(encode("nobody:7"), ""), name
    assert root.get_property(NAME, path, ACCOUNT, "Name") == "default:0"
    expect_error(f"{BUS}.Error.UnknownProperty", root.get_property, NAME, path, ACCOUNT, "Colour")
    expect_error(f"{BUS}.Error.UnknownInterface", root.get_properties, NAME, path, MANAGER)
    body = GLib.Variant("(ssv)", (ACCOUNT, "Name", GLib.Variant("s", "x")))
    expect_error(f"{BUS}.Error.PropertyReadOnly", root.call, NAME, path, f"{BUS}.Properties", "Set",
                 body)
    # A connection whose first call this is, and that nobody knows yet.
    assert object_of(administrator(bus), "default:0") == found
    expect_error(UNKNOWN_OBJECT, object_of, user(bus), "default:0")
    allocation.close()
