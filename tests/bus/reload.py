# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration is read again on demand; what is wrong in it is said, and breaks nothing."""

import signal

from errors import expect_amounts
from fixture import NAME, eventually
from manager import (BOB, CLIENTS, CLIENTS_CONFIGURATION, MANAGER, MIB, PAGE, PATH, administrator,
                     daemon_with_clients, expect_error, user)

LIMITED = CLIENTS_CONFIGURATION + "[Account default]\nMaxBytes={}\n"


def problems(client):
    return client.get_property(NAME, PATH, MANAGER, "ConfigurationProblems")


def limits_change(bus):
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    assert problems(root) == []
    kept = bob.allocate(count=32 * MIB // PAGE)
    daemon.configure(LIMITED.format("16M"))
    # Nothing changes by itself.
    bob.allocate(count=1).close()
    root.manager("Reload")
    assert problems(root) == []
    # What is used stays, and stays charged.
    sentence = expect_error("QuotaExceeded", bob.allocate, count=1)
    expect_amounts(sentence, 32 * MIB, 16 * MIB)
    assert root.pool()["Exported"] == 32 * MIB
    account = root.account("default", BOB)
    assert (account["used"], account["maximum"]) == (32 * MIB, 16 * MIB), account
    kept.close()
    root.wait_whole()
    bob.allocate(count=16 * MIB // PAGE).close()
    root.wait_whole()


def by_signal(bus):
    """SIGHUP does the same."""
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    daemon.configure(LIMITED.format("16M"))
    daemon.signal(signal.SIGHUP)
    bob.allocate(count=1).close()  # makes an account to look at
    eventually("the limit changes",
               lambda: (root.account("default", BOB) or {}).get("maximum") in (None, 16 * MIB))
    expect_error("QuotaExceeded", bob.allocate, count=16 * MIB // PAGE + 1)


def broken_file_changes_nothing(bus):
    """A file that does not parse leaves the previous configuration in force; its line is quoted."""
    daemon = daemon_with_clients(bus, configuration="[Account default]\nMaxBytes=16M\n")
    root, bob = administrator(bus), user(bus, BOB)
    broken = LIMITED.format("32M") + "this is not a line of a configuration\n"
    daemon.configure(broken)
    try:
        root.manager("Reload")
    except Exception as error:  # may say so, but need not
        assert "this is not a line" in str(error), error
    [problem] = problems(root)
    assert daemon.configuration in problem and "this is not a line" in problem, problem
    sentence = expect_error("QuotaExceeded", bob.allocate, count=17 * MIB // PAGE)
    expect_amounts(sentence, 17 * MIB, 16 * MIB)
    assert "this is not a line" in daemon.said(), "the log does not say so"
    # A broken drop-in, the same.
    daemon.configure(LIMITED.format("32M"))
    daemon.drop_in("50-broken.conf", "[Account default\nMaxBytes=48M\n")
    try:
        root.manager("Reload")
    except Exception as error:
        assert "[Account default" in str(error), error
    assert any("50-broken.conf" in problem for problem in problems(root)), problems(root)
    expect_error("QuotaExceeded", bob.allocate, count=16 * MIB // PAGE + 1)
    # Mended, it works.
    daemon.drop_in("50-broken.conf", "[Account default]\nMaxBytes=48M\n")
    root.manager("Reload")
    assert problems(root) == []
    bob.allocate(count=48 * MIB // PAGE).close()
    root.wait_whole()


def mistakes_are_named_and_the_rest_applies(bus):
    """An unknown key, group or bad value: file, group and key are named, all else is in force."""
    configuration = ("FetchTimeoutSec=soon\nColour=red\n[Account default]\nMaxBytes=16M\n"
                     "MaxBuffers=many\n[Weather]\nSun=yes\n")
    daemon = daemon_with_clients(bus, configuration=configuration)
    root, bob = administrator(bus), user(bus, BOB)
    found = problems(root)
    for words in (("[Daemon]", "FetchTimeoutSec", "soon"), ("[Daemon]", "Colour"),
                  ("[Account default]", "MaxBuffers", "many"), ("Weather",)):
        matching = [p for p in found if all(word in p for word in (*words, daemon.configuration))]
        assert matching, f"nothing about {words} in {found}"
    assert len(found) == 4, found
    expect_error("QuotaExceeded", bob.allocate, count=16 * MIB // PAGE + 1)
    bob.allocate(count=20, buffers=20).close()


def drop_ins_override(bus):
    """By name, later ones over earlier ones, key by key."""
    daemon = daemon_with_clients(bus, configuration="[Account default]\nMaxBytes=16M\n"
                                                    "MaxBuffers=10\n")
    daemon.drop_in("20-b.conf", "[Account default]\nMaxBytes=12M\n")
    daemon.drop_in("10-a.conf", "[Account default]\nMaxBytes=8M\n")
    daemon.drop_in("30-c.conf.disabled", "[Account default]\nMaxBytes=1M\n")
    root, bob = administrator(bus), user(bus, BOB)
    root.manager("Reload")
    bob.allocate(count=12 * MIB // PAGE).close()
    root.wait_whole()
    expect_error("QuotaExceeded", bob.allocate, count=12 * MIB // PAGE + 1)
    expect_error("QuotaExceeded", bob.allocate, count=11, buffers=11)


def accounts_that_go_are_orphaned(bus):
    """Buffers of an account that is configured no more stay, and are listed as orphaned."""
    rule = f"[Account camera]\nUser={BOB}\n"
    daemon = daemon_with_clients(bus, configuration=rule)
    root, bob = administrator(bus), user(bus, BOB)
    allocation = bob.allocate(count=4)
    [listed] = root.list_buffers()
    assert listed["standing"] == "managed" and "camera" in listed["account"], listed
    assert (listed["uid"], listed["size"]) == (BOB, 4 * PAGE)
    daemon.configure(CLIENTS_CONFIGURATION)
    root.manager("Reload")
    [listed] = root.list_buffers()
    assert listed["standing"] == "orphaned", listed
    # Of the same name, and not the same account.
    daemon.configure(CLIENTS_CONFIGURATION + f"[Account camera]\nGroup={CLIENTS}\nShared=yes\n")
    root.manager("Reload")
    [listed] = root.list_buffers()
    assert listed["standing"] == "orphaned", listed
    daemon.configure(CLIENTS_CONFIGURATION + rule)
    root.manager("Reload")
    [listed] = root.list_buffers()
    assert listed["standing"] == "managed", listed
    allocation.close()
    root.wait_whole()


def while_requests_wait(bus):
    """A request that waits is not lost by a reload."""
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    holder = root.allocate(count=48 * MIB // PAGE)
    small = bob.start_allocate(count=20 * MIB // PAGE, timeout_usec=10_000_000)
    root.wait_pending(1)
    daemon.configure(LIMITED.format("24M"))
    root.manager("Reload")
    assert root.pool()["Pending"] == 1
    holder.close()
    allocation = bob.finish_allocate(small)
    assert allocation.status == "complete", allocation.report
    allocation.close()
    root.wait_whole()


def lower_limit_while_a_request_waits(bus):
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    holder = root.allocate(count=48 * MIB // PAGE)
    serial = bob.start_allocate(count=20 * MIB // PAGE, timeout_usec=6_000_000)
    root.wait_pending(1)
    daemon.configure(LIMITED.format("16M"))
    root.manager("Reload")
    holder.close()
    allocation = bob.finish_allocate(serial)
    assert allocation.bytes <= 16 * MIB, "a grant above the limit in force"
    assert allocation.status != "complete" and allocation.report["reason"]
    allocation.close()
    root.wait_whole()


def lower_limit_while_a_request_is_filled(bus):
    """What was promised under the old limit is not granted under the new one."""
    daemon = daemon_with_clients(bus, "main=64M,move=300ms")
    root, bob = administrator(bus), user(bus, BOB)
    serial = bob.start_allocate(count=32 * MIB // PAGE, minimum=1, timeout_usec=15_000_000)
    root.wait_pending(1)
    daemon.configure(LIMITED.format("16M"))
    root.manager("Reload")
    assert root.pool()["Pending"] == 1, "it was filled before the limit changed"
    allocation = bob.finish_allocate(serial)
    # Where the worker had not come to it yet, it waits for the account to get something back, until its time is over.
    assert allocation.status == ("partial" if allocation.report["steps"] else "timed-out"), allocation.report
    assert allocation.granted == 0, allocation.report
    assert "maximum" in allocation.report["reason"], allocation.report
    root.wait_whole()
    bob.allocate(count=16).close()
    root.wait_whole()
