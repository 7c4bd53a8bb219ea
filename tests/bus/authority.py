# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who asks polkit, and what becomes of its answers. The polkit is a stand-in, which says what it is told to: a real
one knows sessions, which only a booted system has.
"""

import pwd
import signal
import time

from client import BUS, NO_REPLY, BusError, Disconnected, GLib, Gio
from fixture import NAME, PATIENCE, eventually
from manager import (ALICE, BOB, CLIENTS, MIB, PAGE, PATH, POOL, STRANGER, administrator,
                     daemon_with_clients, expect_error, user)
from polkit import AUTHORITY, authority
from stalled import owner, wait_reconnected

ALLOCATE, MANAGE = "org.cmabulk1.allocate", "org.cmabulk1.manage"
# As in authorization.h.
WAIT, GRANT = 4, 5
QUESTIONS, USER_QUESTIONS, INTERACTIVE, USER_INTERACTIVE = 32, 4, 16, 2
USER_CALLS = 16
# As in reader.c; and how often one is told what there is until it is pinged.
PINGS, USER_PINGS, PINGED_AFTER = 80, 16, 4
# Some that every Debian has, and no other name here is.
SYSTEM_USERS = ("daemon", "bin", "sys", "mail", "backup", "list", "irc", "www-data", "nobody")
LIMITS = f"{BUS}.Error.LimitsExceeded"
ALLOW_INTERACTION = Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION


def person(bus, uid=STRANGER, **options):
    """Somebody who is in no group that matters."""
    return user(bus, uid, (uid,), **options)


def finish_alloc(client, serial):
    allocation = client.finish_allocate(serial)
    assert allocation.status == "complete", allocation.report
    allocation.close()


def yes_lets_in(bus):
    """The call goes on where it was, and polkit is told by the bus whose connection that is."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    serial = stranger.start_allocate(count=4, label="mine", flags=ALLOW_INTERACTION)
    question = polkit.next()
    assert (question.name, question.action, question.flags) == (stranger.name, ALLOCATE, 1)
    # The daemon does not wait for it.
    assert administrator(bus).pools() and stranger.pools()
    assert not stranger.has_reply(serial)
    question.answer(True)
    allocation = stranger.finish_allocate(serial)
    assert allocation.status == "complete" and allocation.granted == 4, allocation.report
    [entry] = administrator(bus).list_buffers()
    assert (entry["uid"], entry["account"]) == (STRANGER, f"default:{STRANGER}"), entry
    # It is of this connection, and for that.
    polkit.expect_nothing(stranger)
    other = person(bus)
    serial = other.start_list_buffers()
    question = polkit.next()
    assert question.name == other.name
    question.answer(False)
    expect_error("NotAuthorized", other.finish, serial)
    serial = stranger.start_manager("Reload")
    question = polkit.next()
    assert question.action == MANAGE
    question.answer(False)
    expect_error("NotAuthorized", stranger.finish, serial)
    allocation.close()
    administrator(bus).wait_whole()


def no_is_explained(bus):
    """Whatever is not a yes denies, and says why and what would help."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    for answer, words in (
            (lambda question: question.answer(False), ("does not allow", str(CLIENTS))),
            (lambda question: question.answer(False, True), ("authenticate", "interactive")),
            (lambda question: question.fail(f"{AUTHORITY}.Error.Failed"), ("error", "log")),
            (lambda question: question.fail(f"{BUS}.Error.AccessDenied"), ("error", "log")),
            (lambda question: question.fail("x.y", ""), ("error", "log")),
            (lambda question: question.say(GLib.Variant("(s)", ("yes",))), ("error", "log")),
            (lambda question: question.say(GLib.Variant("(bb)", (True, True))), ("error", "log"))):
        serial = stranger.start_allocate(count=1)
        answer(polkit.next())
        sentence = expect_error("NotAuthorized", stranger.finish, serial)
        assert all(word in sentence for word in (str(STRANGER), ALLOCATE, *words)), sentence
    # The next is asked anew.
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stranger, serial)


def who_is_not_asked_about(bus):
    """Root and members of the group have nothing to do with it."""
    daemon_with_clients(bus)
    polkit, alice, root = authority(bus), user(bus), administrator(bus)
    alice.allocate(count=1).close()
    alice.list_buffers()
    root.allocate(count=1).close()
    root.manager("Reload")
    root.set_account("default", MaxBytes="1M")
    polkit.expect_nothing(root)
    # To manage is another matter.
    serial = alice.start_manager("Reload")
    question = polkit.next()
    assert (question.name, question.action) == (alice.name, MANAGE)
    question.answer(False, True)
    sentence = expect_error("NotAuthorized", alice.finish, serial)
    assert MANAGE in sentence and "have the configuration read again" in sentence, sentence


def everything_that_is_not_for_everybody(bus):
    """Each method waits for its answer by itself, and does then what it does."""
    daemon = daemon_with_clients(bus, configuration="[Device camera]\nPools=main\n")
    polkit = authority(bus)

    def ask(action, start):
        for is_allowed in (False, True):
            stranger = person(bus)
            serial = start(stranger)
            question = polkit.next()
            assert (question.name, question.action) == (stranger.name, action)
            question.answer(is_allowed)
            if is_allowed:
                result = stranger.finish(serial)
            else:
                expect_error("NotAuthorized", stranger.finish, serial)
        return result

    assert ask(ALLOCATE, lambda one: one.start_get_pool_for_device("camera")).arguments == (
        "main", [])
    survey = ask(ALLOCATE, lambda one: one.start(NAME, f"{PATH}/pool/main", POOL, "Survey"))
    assert survey.arguments[0]["blocks"] == 32
    assert ask(ALLOCATE, lambda one: one.start_list_buffers()).arguments == ([], False)
    ask(ALLOCATE, lambda one: one.start_prepare(count=1))
    body = GLib.Variant("(sa{ss}b)", ("default", {"MaxBuffers": "7"}, False))
    ask(MANAGE, lambda one: one.start_manager("SetAccount", body))
    default = administrator(bus).account("default", STRANGER)
    assert default["maximum-buffers"] == 7, default
    ask(MANAGE, lambda one: one.start_manager("UnsetAccount", GLib.Variant("(s)", ("default",))))
    assert administrator(bus).account("default", STRANGER)["maximum-buffers"] == 4096
    daemon.configure("[Daemon]\nClientsGroup=root\n")
    ask(MANAGE, lambda one: one.start_manager("Reload"))
    # The group is another now.
    serial = user(bus).start_allocate(count=1)
    assert polkit.next().action == ALLOCATE
    del serial


def only_who_may_sees_others(bus):
    """A yes to managing opens nobody's books: these are looked at too often to ask."""
    daemon_with_clients(bus)
    polkit, alice, stranger = authority(bus), user(bus), person(bus)
    allocation = alice.allocate(count=4)
    serial = stranger.start_manager("Reload")
    polkit.next().answer(True)
    stranger.finish(serial)
    serial = stranger.start_list_buffers()
    polkit.next().answer(True)
    assert stranger.finish(serial).arguments == ([], False)
    assert not [account for account in stranger.accounts() if account.get("uid") == ALICE]
    allocation.close()


def a_person_is_asked_if_the_caller_says_so(bus):
    """The flag of the call is passed on; a dialogue that nobody waits for any more is closed."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    silent = stranger.start_allocate(count=1)
    quiet = polkit.next()
    asked = stranger.start_allocate(count=1, flags=ALLOW_INTERACTION)
    dialogue = polkit.next()
    assert (quiet.flags, dialogue.flags) == (0, 1)
    assert quiet.id != dialogue.id and quiet.id and dialogue.id
    quiet.answer(False, True)
    expect_error("NotAuthorized", stranger.finish, silent)
    # Longer than anybody waits who is not a person.
    time.sleep(WAIT + 0.5)
    dialogue.answer(True, True)
    finish_alloc(stranger, asked)
    other = person(bus)
    other.start_allocate(count=1, flags=ALLOW_INTERACTION)
    dialogue = polkit.next()
    polkit.ends_taken_back = False
    other.close()
    polkit.wait_taken_back(dialogue)
    polkit.ends_taken_back = True
    # A yes that comes nevertheless is nobody's.
    dialogue.answer(True)
    third = person(bus)
    serials = {token: third.start_allocate(token, count=1, flags=ALLOW_INTERACTION)
               for token in ("one", "two")}
    dialogue = polkit.next()
    for token, serial in serials.items():
        polkit.call_bus("GetId")  # what was said before has arrived by then
        assert dialogue.id not in polkit.taken_back, "somebody still waits for it"
        third.cancel(token)
        assert third.finish_allocate(serial).status == "cancelled"
    polkit.wait_taken_back(dialogue)
    administrator(bus).wait_whole()


def absent_is_as_without(bus):
    """Then there are root, services and the group."""
    daemon_with_clients(bus)
    stranger, alice = person(bus), user(bus)
    sentence = expect_error("NotAuthorized", stranger.allocate, count=1)
    assert "no polkit" in sentence and str(CLIENTS) in sentence, sentence
    sentence = expect_error("NotAuthorized", alice.manager, "Reload")
    assert "no polkit" in sentence, sentence
    alice.allocate(count=1).close()
    # It comes, and goes.
    polkit = authority(bus)
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stranger, serial)
    polkit.close()
    assert "no polkit" in expect_error("NotAuthorized", alice.manager, "Reload")


def silence_is_no(bus):
    """After some time; a late answer is nobody's, and in the log it is said once."""
    daemon = daemon_with_clients(bus)
    polkit, stranger, alice = authority(bus), person(bus), user(bus)
    start = time.monotonic()
    serial = stranger.start_allocate(count=1)
    question = polkit.next()
    # Meanwhile nobody is kept waiting.
    alice.allocate(count=1).close()
    stranger.pools()
    sentence = expect_error("NotAuthorized", stranger.finish, serial)
    assert "did not answer" in sentence and "again" in sentence, sentence
    assert WAIT - 0.1 < time.monotonic() - start < PATIENCE
    question.answer(True)
    serial = stranger.start_allocate(count=1)
    polkit.next().fail("x.y")
    expect_error("NotAuthorized", stranger.finish, serial)
    said = [line for line in daemon.said().splitlines() if "polkit" in line]
    assert len(said) == 1, said
    administrator(bus).wait_whole()


def it_vanishes_meanwhile(bus):
    """What it was asked is denied at once, and another may say yes to the next."""
    daemon = daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    serial = stranger.start_allocate(count=1, flags=ALLOW_INTERACTION)
    polkit.next()
    polkit.close()
    expect_error("NotAuthorized", stranger.finish, serial)
    assert "left without one" in daemon.said(), daemon.said()
    polkit = authority(bus)
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stranger, serial)


def one_question_for_many_calls(bus):
    """What a connection asks for meanwhile waits for the same answer, but not without bounds."""
    daemon_with_clients(bus)
    polkit, stranger, alice = authority(bus), person(bus), user(bus)
    serials = [stranger.start_allocate(count=1, flags=ALLOW_INTERACTION)
               for _ in range(USER_CALLS + 3)]
    question = polkit.next()
    for serial in serials[USER_CALLS:]:
        sentence = expect_error(LIMITS, stranger.finish, serial)
        assert str(USER_CALLS) in sentence, sentence
    # Of a user, whatever the connection; others have their own.
    second = person(bus)
    expect_error(LIMITS, second.allocate, count=1)
    bob = person(bus, BOB)
    theirs = bob.start_allocate(count=1)
    other = polkit.next()
    assert other.name == bob.name
    other.answer(True)
    finish_alloc(bob, theirs)
    alice.allocate(count=1).close()
    polkit.expect_nothing(stranger)
    question.answer(True)
    for serial in serials[:USER_CALLS]:
        finish_alloc(stranger, serial)
    administrator(bus).wait_whole()


def a_user_has_few_questions(bus):
    """However many connections: the bus lets the daemon wait for so many replies, which all need."""
    daemon_with_clients(bus)
    polkit = authority(bus)

    def ask(number, most, why, flags=None):
        """Of so many at once polkit is asked about so many; what it is asked, by whom that is."""
        many = [person(bus) for _ in range(number)]
        waiting = {one.name: (one, one.start_allocate(count=1, flags=flags)) for one in many}
        questions = [polkit.next() for _ in range(most)]
        asked = [(question, *waiting.pop(question.name)) for question in questions]
        for one, serial in waiting.values():
            sentence = expect_error(LIMITS, one.finish, serial)
            assert why in sentence, sentence
        polkit.expect_nothing(many[0])
        return asked

    # For whom a person is asked do not keep it from the others.
    dialogues = ask(USER_INTERACTIVE + 2, USER_INTERACTIVE,
                    f"{USER_INTERACTIVE} of them for a person to answer, of at most", ALLOW_INTERACTION)
    ask(USER_QUESTIONS, USER_QUESTIONS - USER_INTERACTIVE, f"with {USER_QUESTIONS} questions, of at most")
    # One that is answered, and one whose connection left, make room.
    question, one, serial = dialogues[0]
    question.answer(False)
    expect_error("NotAuthorized", one.finish, serial)
    dialogues[1][1].close()
    polkit.wait_taken_back(dialogues[1][0])
    late = person(bus)
    polkit.expect_nothing(late)
    serials = [late.start_allocate(count=1), late.start_allocate(count=1, flags=ALLOW_INTERACTION)]
    for serial in serials:
        polkit.next().answer(False)
        expect_error("NotAuthorized", late.finish, serial)


def all_users_have_few_questions(bus):
    """Many users at once: whoever is not asked about is told so, and those in the group notice nothing."""
    daemon_with_clients(bus)
    polkit, alice = authority(bus), user(bus)
    people = []
    for uid in range(1, 200):
        if uid == ALICE or len(people) > QUESTIONS:
            continue
        try:
            people += [person(bus, uid) for _ in range(USER_QUESTIONS)]
        except (AssertionError, Disconnected, BusError):
            continue  # the bus knows no such user

    def ask(people, most, why, flags=None):
        waiting = {one.name: (one, one.start_allocate(count=1, flags=flags)) for one in people}
        questions = [polkit.next() for _ in range(most)]
        asked = [(question, *waiting.pop(question.name)) for question in questions]
        for one, serial in waiting.values():
            assert why in expect_error(LIMITS, one.finish, serial)
        assert waiting, "there are too few users to ask too much"
        return asked

    # Of each some for whom a person is asked, and some for whom none is.
    dialogues = [one for i, one in enumerate(people) if i % USER_QUESTIONS < USER_INTERACTIVE]
    quiet = [one for one in people if one not in dialogues]
    asked = ask(dialogues, INTERACTIVE, f"{INTERACTIVE} of them for a person, of at most", ALLOW_INTERACTION)
    asked += ask(quiet, QUESTIONS - INTERACTIVE, f"of all users with {QUESTIONS}, of at most")
    # The bus has room for the daemon's other questions: somebody new can be known.
    user(bus, BOB).allocate(count=1).close()
    alice.allocate(count=1).close()
    for question, one, serial in asked:
        question.answer(False)
        expect_error("NotAuthorized", one.finish, serial)


def the_caller_leaves_meanwhile(bus):
    """It is forgotten, with all that it waited for."""
    daemon = daemon_with_clients(bus)
    polkit, stays = authority(bus), person(bus, BOB)
    questions = []
    for _ in range(USER_QUESTIONS):
        leaves = person(bus)
        for _ in range(3):
            leaves.start_allocate(count=1)
        questions.append(polkit.next())
        leaves.close()
        stays.pools()
    for question in questions:
        question.answer(True)
    serial = stays.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stays, serial)
    administrator(bus).wait_whole()
    daemon.stop()


def no_answers_are_left_over(bus):
    """The bus lets the daemon wait for 128 replies, and forgets none of them because whoever asked has left: a polkit
    that is stuck, and a user who comes and goes, must not take those with which buffers are handed out.
    """
    daemon_with_clients(bus)
    polkit, alice = authority(bus), user(bus)
    for _ in range(130):
        leaves = person(bus)
        leaves.start_allocate(count=1)
        leaves.pools()
        leaves.close()
    assert len(polkit.hear(alice)) == USER_QUESTIONS
    for _ in range(2):
        alice.allocate(count=1).close()
    sentence = expect_error(LIMITS, person(bus).allocate, count=1)
    assert f"with {USER_QUESTIONS} questions" in sentence, sentence
    # It recovers, and whoever is there has an answer.
    for _ in range(USER_QUESTIONS):
        polkit.next().answer(True)
    stays = person(bus)
    polkit.expect_nothing(stays)
    serial = stays.start_allocate(count=1, flags=ALLOW_INTERACTION)
    polkit.next().answer(True)
    finish_alloc(stays, serial)
    administrator(bus).wait_whole()


def silence_keeps_its_place(bus):
    """So it is with answers that did not come in time."""
    daemon_with_clients(bus)
    polkit = authority(bus)
    people = [person(bus) for _ in range(USER_QUESTIONS)]
    waiting = [(one, one.start_allocate(count=1)) for one in people]
    questions = [polkit.next() for _ in people]
    for one, serial in waiting:
        assert "did not answer" in expect_error("NotAuthorized", one.finish, serial)
    sentence = expect_error(LIMITS, people[0].allocate, count=1)
    assert "about 0 calls" in sentence and f"with {USER_QUESTIONS} questions" in sentence, sentence
    # What comes late is no yes, but makes room.
    for question in questions:
        question.answer(True)
    polkit.expect_nothing(people[0])
    for one in people:
        serial = one.start_allocate(count=1)
        polkit.next().answer(False)
        expect_error("NotAuthorized", one.finish, serial)


def cancelled_meanwhile(bus):
    """A call can be cancelled wherever it waits."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    first = stranger.start_allocate("first", count=1, flags=ALLOW_INTERACTION)
    second = stranger.start_allocate("second", count=1, flags=ALLOW_INTERACTION)
    ahead = stranger.start_prepare("ahead", count=1, flags=ALLOW_INTERACTION)
    question = polkit.next()
    for token in ("first", "ahead"):
        stranger.cancel(token)
    allocation = stranger.finish_allocate(first)
    assert (allocation.status, allocation.granted) == ("cancelled", 0), allocation.report
    stranger.finish(ahead)
    expect_error("NoSuchAllocation", stranger.cancel, "first")
    # Whatever such a request asks for: nobody has judged it yet.
    for extreme in {"align": 2**32 - 1}, {"order": 2**32 - 1, "pool": "main"}:
        serial = stranger.start_allocate("extreme", count=1, flags=ALLOW_INTERACTION, **extreme)
        stranger.cancel("extreme")
        assert stranger.finish_allocate(serial).status == "cancelled"
    question.answer(True)
    finish_alloc(stranger, second)
    administrator(bus).wait_whole()


def time_goes_on_meanwhile(bus):
    """Thinking counts as a request's time."""
    daemon_with_clients(bus)
    polkit, stranger, root = authority(bus), person(bus), administrator(bus)
    wall = root.allocate(count=64 * MIB // PAGE)
    serial = stranger.start_allocate(count=1, timeout_usec=10_000_000, flags=ALLOW_INTERACTION)
    question = polkit.next()
    start = time.monotonic()
    time.sleep(10.2)
    thought = (time.monotonic() - start) * 1_000_000
    question.answer(True)
    allocation = stranger.finish_allocate(serial)
    assert allocation.status == "timed-out", allocation.report
    # Its time was over by then, and did not begin with the answer.
    assert thought <= allocation.report["elapsed-usec"] < thought + 10_000_000, allocation.report
    wall.close()
    root.wait_whole()


def the_daemon_stops_meanwhile(bus):
    """Who waits is told to ask again."""
    daemon = daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    serials = [stranger.start_allocate(count=1),
               stranger.start_manager("Reload", flags=ALLOW_INTERACTION)]
    polkit.next()
    dialogue = polkit.next()
    daemon.stop()
    polkit.wait_taken_back(dialogue)
    for serial in serials:
        assert "again" in expect_error("Restarting", stranger.finish, serial)


def a_yes_ends(bus):
    """Whose session was active may have left it: so it is asked again after a while."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    serial = stranger.start_allocate(count=1)
    question = polkit.next()
    start = time.monotonic()
    question.answer(True)
    finish_alloc(stranger, serial)
    serial = stranger.start_allocate(count=1)
    if polkit.hear(stranger):
        assert time.monotonic() - start > GRANT
        polkit.next().answer(True)
    finish_alloc(stranger, serial)
    time.sleep(GRANT)
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(False)
    expect_error("NotAuthorized", stranger.finish, serial)


def a_new_connection_begins_anew(bus):
    """It may be to another bus, where the names are somebody else's: neither a yes nor a question outlives the old one."""
    daemon = daemon_with_clients(bus)
    polkit, stranger, root = authority(bus), person(bus), administrator(bus)
    alice = user(bus, answers_pings=False)
    waiting = [(one, one.start_allocate(count=1, flags=ALLOW_INTERACTION))
               for one in [person(bus) for _ in range(USER_INTERACTIVE)]]
    for _ in waiting:
        polkit.next()
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stranger, serial)
    before = owner(root)
    alice.allocate(count=1).close()
    bus.process.signal(signal.SIGSTOP)
    eventually("the daemon gives the connection up", lambda: "anew" in daemon.said())
    bus.process.signal(signal.SIGCONT)
    wait_reconnected(root, before)
    for one, serial in waiting:
        expect_error(f"{BUS}.Error.NoReply", one.finish, serial)
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(False)
    expect_error("NotAuthorized", stranger.finish, serial)
    # The places are free.
    waiting = [(one, one.start_allocate(count=1, flags=ALLOW_INTERACTION)) for one, _ in waiting]
    for _ in waiting:
        polkit.next().answer(False)
    for one, serial in waiting:
        expect_error("NotAuthorized", one.finish, serial)


def what_is_refused_anyway_is_not_asked(bus):
    """A call that no answer would help is not kept: names may be as long as a message."""
    daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    long = "x" * 1_000_000
    for name, function, arguments in (
            ("InvalidArgument", lambda **keys: stranger.allocate(count=1, **keys), {"device": long}),
            ("InvalidArgument", lambda: stranger.pools_of(long), {}),
            ("InvalidArgument", lambda: stranger.allocate(count=1, label=long), {}),
            ("InvalidArgument", lambda: stranger.allocate(long, count=1), {}),
            ("InvalidArgument", lambda: stranger.set_account(long, MaxBytes="1M"), {}),
            ("InvalidArgument", lambda: stranger.set_account("default", MaxBytes=long), {}),
            ("InvalidArgument", lambda: stranger.unset_account(long), {}),
            ("NoSuchPool", lambda: stranger.allocate(count=1, pool=long), {}),
            ("NoSuchPool", lambda: stranger.prepare(count=1, pool=long), {}),
            ("NoSuchPool", lambda: stranger.list_buffers(long), {})):
        expect_error(name, function, **arguments)
    polkit.expect_nothing(stranger)


def pings_that_nobody_answers_leave_room(bus):
    """The bus has the daemon wait for 128 answers at a time: users who answer nothing leave some to others, and to polkit."""
    daemon_with_clients(bus)
    polkit, stranger, root = authority(bus), person(bus), administrator(bus)
    silent = [user(bus, pwd.getpwnam(name).pw_uid, answers_pings=False)
              for name in SYSTEM_USERS for _ in range(USER_PINGS)]
    for client in silent:
        have_pinged(client)
    pings = [len(client.pings) for client in silent]
    print(f"{sum(pings)} of {len(silent)} were pinged")
    of_users = [sum(pings[first:first + USER_PINGS]) for first in range(0, len(pings), USER_PINGS)]
    assert of_users[0] == USER_PINGS and all(of_users[:len(of_users) // 2]), of_users
    assert sum(pings) <= PINGS, of_users
    serial = stranger.start_allocate(count=1)
    polkit.next().answer(True)
    finish_alloc(stranger, serial)
    # Where some leave there is room again.
    late = user(bus, answers_pings=False)
    for client in silent[:USER_PINGS]:
        client.close()
    root.pools()
    have_pinged(late)
    assert late.pings


def have_pinged(client):
    """Have so much sent to a client that it is pinged for it, if it may be."""
    for _ in range(PINGED_AFTER):
        client.call(NAME, PATH, f"{BUS}.Introspectable", "Introspect")


def no_reply_expected(bus):
    """The bus does not count such calls: here they have the same bounds, and a no is said to nobody."""
    daemon = daemon_with_clients(bus)
    polkit, stranger, alice = authority(bus), person(bus), user(bus)
    # Of whom the daemon does not know yet they are dropped.
    stranger.pools()
    before = daemon.fds()
    for _ in range(10 * USER_CALLS):
        stranger.start_manager("Reload", flags=NO_REPLY | ALLOW_INTERACTION)
    question = polkit.next()
    # They fill this user's places, and nobody else's.
    expect_error(LIMITS, stranger.manager, "Reload")
    alice.allocate(count=1).close()
    polkit.expect_nothing(alice)
    daemon.configure("[Daemon]\nClientsGroup=root\n")
    question.answer(True)
    eventually("it was read", lambda: "group" in refusal_of(polkit, alice))
    eventually("nothing is left open", lambda: daemon.fds() == before)
    daemon.stop()


def refusal_of(polkit, client):
    """What it is told when polkit says no; nothing when nobody is asked."""
    serial = client.start_allocate(count=1)
    client.pools()
    polkit.call_bus("GetId")
    if not polkit.questions:
        client.finish_allocate(serial).close()
        return ""
    polkit.next().answer(False)
    return expect_error("NotAuthorized", client.finish, serial)


def nobody_else_is_believed(bus):
    """An answer counts only from whom was asked: the bus sees to that, and passes no other on."""
    daemon = daemon_with_clients(bus)
    polkit, stranger = authority(bus), person(bus)
    serial = stranger.start_allocate(count=1, flags=ALLOW_INTERACTION)
    question = polkit.next()
    forged = Gio.DBusMessage.new_method_reply(question._call)
    forged.set_body(GLib.Variant("((bba{ss}))", ((True, False, {}),)))
    forgery = stranger.send(forged)
    stranger.pools()
    assert not stranger.has_reply(serial)
    if stranger.has_reply(forgery):
        expect_error(f"{BUS}.Error.AccessDenied", stranger.finish, forgery)
    question.answer(False)
    expect_error("NotAuthorized", stranger.finish, serial)
    daemon.stop()
