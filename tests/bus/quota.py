# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nobody gets more than their share, and who is refused learns how much that is."""

import os

from client import BusError
from errors import expect_amounts
from manager import (ALICE, BOB, CAROL, CLIENTS, ERROR, EVE, MANAGER, MIB, NAME, OTHERS, PAGE, PATH,
                     STRANGER, administrator, daemon_with_clients, expect_error, user)

RULES = f"""
[Account camera]
User={ALICE}
MaxBytes=32M
MaxBuffers=24

[Account default]
MaxBytes=25%
"""


def second_user_is_refused(bus):
    """A sentence says how much there is, how much they have and how much they asked."""
    daemon_with_clients(bus, configuration=RULES)
    alice, bob = user(bus, ALICE), user(bus, BOB)
    theirs = alice.allocate(count=32 * MIB // PAGE)
    assert theirs.status == "complete"
    first = bob.allocate(count=10 * MIB // PAGE)
    sentence = expect_error("QuotaExceeded", bob.allocate, count=8 * MIB // PAGE)
    expect_amounts(sentence, 8 * MIB, 10 * MIB, 16 * MIB)
    rest = bob.allocate(count=6 * MIB // PAGE)
    assert rest.status == "complete"
    sentence = expect_error("QuotaExceeded", alice.allocate, count=1)
    expect_amounts(sentence, 32 * MIB)
    # What is above the limit from the start is refused, too, though the pool has it.
    theirs.close()
    alice.wait_for_buffers(2)
    sentence = expect_error("QuotaExceeded", alice.allocate, count=33 * MIB // PAGE)
    expect_amounts(sentence, 33 * MIB, 32 * MIB)
    for allocation in (first, rest):
        allocation.close()
    alice.wait_whole()


def number_of_buffers_is_limited(bus):
    daemon_with_clients(bus, configuration=RULES)
    alice = user(bus, ALICE)
    first = alice.allocate(count=20, buffers=20)
    sentence = expect_error("QuotaExceeded", alice.allocate, count=5, buffers=5)
    assert all(number in sentence for number in ("5", "20", "24")), sentence
    second = alice.allocate(count=4, buffers=4)
    alice.fetch_all(first)
    alice.release(first.path)
    first.close()
    second.close()
    alice.wait_whole()


def is_charged_until_the_buffer_dies(bus):
    """Leaving the bus does not pay a debt: the account is the user's, not the connection's."""
    daemon_with_clients(bus, configuration=RULES)
    before = user(bus, BOB)
    allocation = before.allocate(count=12 * MIB // PAGE)
    before.close()
    bob, root = user(bus, BOB), administrator(bus)
    sentence = expect_error("QuotaExceeded", bob.allocate, count=5 * MIB // PAGE)
    expect_amounts(sentence, 5 * MIB, 12 * MIB, 16 * MIB)
    account = root.account("default", BOB)
    assert (account["used"], account["maximum"]) == (12 * MIB, 16 * MIB), account
    # A duplicate is the same buffer.
    duplicate = os.dup(allocation.fds[0])
    allocation.close()
    expect_error("QuotaExceeded", bob.allocate, count=5 * MIB // PAGE)
    os.close(duplicate)
    bob.wait_whole()
    bob.allocate(count=16 * MIB // PAGE).close()
    bob.wait_whole()


def is_each_users_own(bus):
    """The default account is one for each user; a shared one is one for all."""
    shared = f"[Account together]\nGroup={OTHERS}\nShared=yes\nMaxBytes=16M\n"
    daemon_with_clients(bus, configuration=RULES + shared)
    # In both groups: by the one they may allocate, by the other they are charged.
    one, two = (user(bus, uid, (OTHERS, CLIENTS)) for uid in (CAROL, STRANGER))
    bob, dave = user(bus, BOB), user(bus, EVE)
    separate = [client.allocate(count=16 * MIB // PAGE) for client in (bob, dave)]
    assert all(a.status == "complete" for a in separate)
    first = one.allocate(count=10 * MIB // PAGE)
    sentence = expect_error("QuotaExceeded", two.allocate, count=7 * MIB // PAGE)
    expect_amounts(sentence, 7 * MIB, 10 * MIB, 16 * MIB)
    root = administrator(bus)
    assert root.account("together")["used"] == 10 * MIB
    assert root.account("default", BOB)["used"] == 16 * MIB
    for allocation in separate + [first]:
        allocation.close()
    root.wait_whole()


def requests_at_once_stay_within(bus):
    """Many requests in one breath, each within the limit, together far above: never above it."""
    daemon_with_clients(bus, configuration=RULES)
    bob, root = user(bus, BOB), administrator(bus)
    # Long enough for two to be granted on a busy machine; the others wait for all of it.
    serials = [bob.start_allocate(count=6 * MIB // PAGE, timeout_usec=5_000_000) for _ in range(10)]
    results = []
    for serial in serials:
        try:
            results.append(bob.finish_allocate(serial))
        except BusError as error:  # it came when the first two were granted
            assert error.name == ERROR + "QuotaExceeded", error
        assert root.account("default", BOB)["used"] <= 16 * MIB
    granted = [result for result in results if result.granted]
    assert len(granted) == 2, [result.status for result in results]
    for result in granted:
        result.close()
    bob.wait_whole()


def rules_have_an_order(bus):
    """User before group before default, whatever comes first in the file."""
    rules = (f"[Account default]\nMaxBytes=4M\n[Account group]\nGroup={CLIENTS}\nMaxBytes=8M\n"
             f"[Account user]\nUser={ALICE}\nMaxBytes=12M\n")
    daemon_with_clients(bus, configuration=rules)
    root = administrator(bus)
    for client, size in ((user(bus, ALICE), 12), (user(bus, BOB), 8), (root, 4)):
        sentence = expect_error("QuotaExceeded", client.allocate, count=size * MIB // PAGE * 2)
        expect_amounts(sentence, size * MIB)
        client.allocate(count=size * MIB // PAGE).close()
    root.wait_whole()


GUARANTEES = f"""
[Account camera]
User={ALICE}
MinBytes=20M

[Account default]
"""


def what_is_guaranteed_is_kept(bus):
    """Nobody else gets it, whoever comes first; and who comes short learns why."""
    daemon_with_clients(bus, configuration=GUARANTEES)
    alice, bob, root = user(bus, ALICE), user(bus, BOB), administrator(bus)
    assert root.account("camera", ALICE)["minimum"] == 20 * MIB
    assert root.account("default", BOB) is None
    sentence = expect_error("TooLarge", bob.allocate, count=45 * MIB // PAGE)
    expect_amounts(sentence, 45 * MIB, 64 * MIB, 20 * MIB)
    first = bob.allocate(count=50 * MIB // PAGE, minimum=1)
    assert (first.status, first.granted) == ("partial", 44 * MIB // PAGE), first.report
    assert "guaranteed to other accounts" in first.report["reason"], first.report
    late = bob.allocate(count=1, timeout_usec=100_000)
    assert late.status == "timed-out" and "guaranteed" in late.report["reason"], late.report
    theirs = alice.allocate(count=20 * MIB // PAGE)
    assert theirs.status == "complete", theirs.report
    assert not root.pool()["GuaranteeAtRisk"]
    for allocation in (first, theirs):
        allocation.close()
    root.wait_whole()


def a_guarantee_too_large_is_a_problem(bus):
    """What does not fit is said, names who, and the account that is written first has its own."""
    rules = (f"[Account one]\nUser={ALICE}\nMinBytes=48M\n[Account two]\nUser={BOB}\nMinBytes=50%\n"
             "[Account each]\nMinBytes=1M\n")
    daemon_with_clients(bus, configuration=rules)
    root = administrator(bus)
    each, fit = sorted(root.get_property(NAME, PATH, MANAGER, "ConfigurationProblems"))
    assert "[Account each] MinBytes" in each and "Shared=yes" in each, each
    assert "one, two" in fit and "48 MiB" not in fit, fit
    expect_amounts(fit, 64 * MIB, 80 * MIB)
    assert root.account("one", ALICE)["minimum"] == 48 * MIB
    assert root.account("two", BOB)["minimum"] == 16 * MIB


def guaranteed_where_it_may_be_used(bus):
    """What an account may not use is not kept for it, and adds up with nothing."""
    rules = (f"[Account one]\nUser={ALICE}\nMinBytes=60%\nPools=main\n"
             f"[Account two]\nUser={BOB}\nMinBytes=60%\nPools=second\n")
    daemon_with_clients(bus, "main=64M", "second=16M", configuration=rules)
    alice, carol, root = user(bus, ALICE), user(bus, CAROL), administrator(bus)
    assert root.get_property(NAME, PATH, MANAGER, "ConfigurationProblems") == []
    assert root.account("two", BOB, "main")["minimum"] == 0
    mine = alice.allocate(count=64 * MIB // PAGE, pool="main")
    assert mine.status == "complete", mine.report
    expect_error("TooLarge", carol.allocate, count=16 * MIB // PAGE, pool="second")
    mine.close()
    root.wait_whole()


def a_rate_is_kept(bus):
    """So many in a row, and no more until it is time again; nobody else pays for that."""
    rules = f"[Account often]\nUser={ALICE}\nRateLimitBurst=3\nRateLimitIntervalSec=60\n"
    daemon_with_clients(bus, configuration=rules)
    alice, bob = user(bus, ALICE), user(bus, BOB)
    for _ in range(3):
        alice.allocate(count=1).close()
    sentence = expect_error("RateLimited", alice.allocate, count=1)
    assert "often" in sentence and " ms" in sentence, sentence
    # Another connection is the same account.
    expect_error("RateLimited", user(bus, ALICE).allocate, count=1)
    bob.allocate(count=1).close()
    bob.wait_whole()


def only_what_is_open_to_an_account(bus):
    """Pools, efforts and time: what it may not use is said, or left out of the choice."""
    rules = (f"[Account few]\nUser={ALICE}\nPools=second third\nEfforts=normal\nMaxTimeoutSec=2s\n"
             f"[Account none]\nUser={BOB}\nPools=third\n")
    daemon_with_clients(bus, "main=64M", "second=16M", configuration=rules)
    alice, bob, root = user(bus, ALICE), user(bus, BOB), administrator(bus)
    sentence = expect_error("NotAuthorized", alice.allocate, count=1, pool="main")
    assert "few" in sentence and "Pools=" in sentence, sentence
    expect_error("NoSuchPool", bob.allocate, count=1)
    sentence = expect_error("NotAuthorized", alice.allocate, count=1, effort="fast")
    assert "'fast'" in sentence and "Efforts=" in sentence, sentence
    theirs = root.allocate(count=16 * MIB // PAGE - 1, pool="second")
    mine = alice.allocate(count=1, effort="hard")
    assert mine.report["pool"] == "second", mine.report
    assert [step["effort"] for step in mine.report["steps"]] == ["normal"], mine.report
    late = alice.allocate(count=1, timeout_usec=3_600_000_000)
    assert late.status == "timed-out", late.report
    for allocation in (theirs, mine):
        allocation.close()
    root.wait_whole("second")
