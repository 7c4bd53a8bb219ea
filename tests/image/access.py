# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: bus, daemon and polkit as they are installed, and people who are there and have logged in."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time

import machine
from client import BUS, BusError, GLib, Gio
from fixture import NAME, PATIENCE, eventually
from kernel_pool import POOL
from logins import Application, ELSEWHERE, Login, Stranger, UserService
from machine import SERVICE, connect, run, systemctl
from manager import MIB, PAGE, expect_error
from polkit import AUTHORITY, INTERFACE, OBJECT

POLKIT = "polkit.service"
ALLOCATE, MANAGE = "org.cmabulk1.allocate", "org.cmabulk1.manage"
# As in daemon/authorization.h, in seconds; and the id that daemon/journal.h gives to polkit's failures.
WAIT, INTERACT = 4, 120
BROKEN = "MESSAGE_ID=b629a2a0827a498fbc4cb6d820f0471a"
INTERACTIVE = Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION
ACCESS_DENIED = f"{BUS}.Error.AccessDenied"
GAMES = pwd.getpwnam("games").pw_uid
RULES = "/etc/polkit-1/rules.d/40-cmabulk-test.rules"
# As in tools/build-image.
AWAKE = "/usr/lib/cmabulk-tests/polkit-awake.so"
ACTIONS = "/usr/share/polkit-1/actions/org.cmabulk1.policy"
# Of cmabulkctl(1).
OK, NOT_PERMITTED, OVER_LIMIT = 0, 5, 6


# --- What is asked of them ------------------------------------------------------------------------

def refusal(person, attempt):
    """The sentence with which a call of a new connection of somebody is refused; empty when it is not."""
    with person.connect() as connection:
        try:
            attempt(connection)
        except BusError as error:
            assert error.name == "org.cmabulk1.Error.NotAuthorized", error
            return error.text
        connection.pools()  # that the answer was read is known before it leaves
    return ""


def allocates(connection):
    connection.allocate(count=2, buffers=2).close()


def reloads(connection):
    connection.manager("Reload")


def reloads_and_may_be_asked(connection):
    connection.finish(connection.start_manager("Reload", flags=INTERACTIVE))


def expect_served(person):
    assert refusal(person, allocates) == ""


def is_served(person):
    """Or refused, be it because questions from before still wait for an answer."""
    with person.connect() as connection:
        try:
            allocates(connection)
        except BusError as error:
            assert error.name in ("org.cmabulk1.Error.NotAuthorized", f"{BUS}.Error.LimitsExceeded"), error
            return False
        connection.pools()  # that the answer was read is known before it leaves
    return True


def expect_served_soon(person):
    """Polkit is coming, or has to read something: what it is asked before that is refused."""
    eventually(f"{person.name} may", lambda: is_served(person))


def expect_refused_soon(person, attempt=allocates):
    eventually(f"{person.name} may not", lambda: refusal(person, attempt))


def expect_refused(person, *words, attempt=allocates):
    sentence = refusal(person, attempt)
    assert sentence, f"{person.name} may"
    assert all(word in sentence for word in (str(person.uid), *words)), sentence
    return sentence


def access_finding(person):
    """What doctor says of access, which it must not call a failure."""
    outcome = person.run("cmabulkctl", "--json", "doctor")
    assert outcome.status == OK, outcome
    found = [each for each in outcome.json["findings"] if each["check"] == "access"]
    assert len(found) == 1, outcome.output
    return found[0]


def expect_cli_served(person):
    """The command line gets it, and doctor knows that it would."""
    outcome = person.run("cmabulkctl", "alloc", "2", "--buffers=2")
    assert outcome.status == OK, outcome
    finding = access_finding(person)
    assert finding["result"] == "ok" and f"serves user {person.name}" in finding["message"], finding
    return finding


def expect_cli_refused(person, *words):
    """The command line says why and what to do, as doctor does."""
    outcome = person.run("cmabulkctl", "alloc", "2")
    assert outcome.status == NOT_PERMITTED and not outcome.output, outcome
    finding = access_finding(person)
    assert finding["result"] == "warn" and f"--groups GROUP {person.name}" in finding["remedy"], finding
    for sentence in (outcome.error, finding["message"]):
        assert all(word in sentence for word in (str(person.uid), "cmabulk-clients", *words)), sentence


def expect_cli_may_not_manage(person, *words):
    for verb in (["reload"], ["accounts", "set", "default", "MaxBytes=1M"], ["accounts", "unset", "default"]):
        outcome = person.run("cmabulkctl", *verb)
        assert outcome.status == NOT_PERMITTED and not outcome.output, outcome
        assert all(word in outcome.error for word in (str(person.uid), MANAGE, *words)), outcome.error


# --- Polkit ---------------------------------------------------------------------------------------

@contextlib.contextmanager
def rule(text):
    """One of the administrator's, and none again; polkit sees by itself that there is one."""
    with machine.file_with(RULES, text):
        yield


@contextlib.contextmanager
def account(text):
    """In a drop-in of the configuration, and out of it again."""
    try:
        with machine.file_with(machine.CONFIGURATION, text):
            run("cmabulkctl", "reload")
            yield
    finally:
        run("cmabulkctl", "reload")


@contextlib.contextmanager
def password_of_root(password):
    """In this system nobody has one."""
    subprocess.run(["chpasswd"], input=f"root:{password}", text=True, check=True)
    try:
        yield
    finally:
        run("usermod", "--password", "*", "root")


@contextlib.contextmanager
def stopped_polkit():
    """It is there, and says nothing."""
    systemctl("start", POLKIT)
    with machine.halted(POLKIT) as process:
        yield process


def start_anew():
    """What the daemon says of polkit at most once a minute it may say now."""
    systemctl("reset-failed", SERVICE, check=False)
    systemctl("restart", SERVICE)


def expect_said(cursor, start, text):
    """In the log, at most once a minute."""
    said = [entry["MESSAGE"] for entry in machine.entries_after(cursor, BROKEN)]
    assert 1 <= len(said) <= 1 + (time.monotonic() - start) // 60, said
    assert all(text in message for message in said), said


class Agent(Application):
    """Asks a person who sits at the session, as the textual or graphical ones do: the person is the test."""

    PATH = "/org/cmabulk1/test/Agent"

    def __init__(self, login):
        super().__init__(login)
        self.asked, self.taken_back = [], []
        subject = ("unix-session", {"session-id": GLib.Variant("s", login.session)})
        self.authority("RegisterAuthenticationAgent", GLib.Variant("((sa{sv})ss)", (subject, "C", self.PATH)))

    def authority(self, member, body):
        return self.call(AUTHORITY, OBJECT, INTERFACE, member, body)

    def _answer(self, call):
        if call.get_path() != self.PATH:
            super()._answer(call)
        elif call.get_member() == "BeginAuthentication":
            self.asked.append(call)
        else:
            self.taken_back += call.get_body().unpack()
            self.send(Gio.DBusMessage.new_method_reply(call))

    def next(self):
        """What is to be asked: the call, its action, its cookie, and who may answer."""
        self.wait_for("a question", lambda: self.asked)
        call = self.asked.pop(0)
        action, message, _icon, _details, cookie, identities = call.get_body().unpack()
        assert "CMA pools" in message, message
        return call, action, cookie, identities

    def authenticate(self, call, cookie, identity):
        """The password was right: polkit's helper, which is root, says so."""
        kind, details = identity
        assert kind == "unix-user", identity
        identity = (kind, {"uid": GLib.Variant("u", details["uid"])})
        with connect() as root:
            root.call(AUTHORITY, OBJECT, INTERFACE, "AuthenticationAgentResponse2",
                      GLib.Variant("(us(sa{sv}))", (self.uid, cookie, identity)))
        self.send(Gio.DBusMessage.new_method_reply(call))

    def dismiss(self, call):
        self.send(Gio.DBusMessage.new_method_error_literal(call, f"{AUTHORITY}.Error.Cancelled", "dismissed"))


def polkit_is_kept_awake():
    """The library that the test system has for that is in use: a loader that cannot have it only warns."""
    systemctl("start", POLKIT)
    with open(f"/proc/{machine.unit(POLKIT, 'MainPID')}/maps", encoding="utf-8") as maps:
        assert AWAKE in maps.read(), "polkit may sleep through a wakeup"


# --- Who may allocate -----------------------------------------------------------------------------

def the_group_goes_through_the_daemon():
    """Neither root nor a member of the group needs polkit. The device is closed to the member, who gets memory through
    the bus, and may not manage.
    """
    with stopped_polkit():
        with connect() as root:
            root.allocate(count=2).close()
            root.manager("Reload")
            root.set_account("default", MaxBuffers="100")
            root.unset_account("default")
        with Stranger("alice") as alice:
            expect_served(alice)
            expect_cli_served(alice)
            outcome = alice.run("python3", "-c", f"import os; os.open('/dev/cmabulk/{POOL}', os.O_RDWR)")
            assert outcome.status == 1 and "PermissionError" in outcome.error, outcome
            outcome = alice.run("cmabulkctl", "--direct", "alloc", "2")
            assert outcome.status == NOT_PERMITTED, outcome
    with Stranger("alice") as alice:
        expect_refused(alice, "polkit", MANAGE, attempt=reloads)
        expect_cli_may_not_manage(alice)


def who_sits_at_the_machine_may_allocate():
    """An ordinary user in an active session at the seat: within the account, as everybody."""
    with Login("bob") as bob, connect() as root:
        expect_cli_served(bob)
        with bob.connect() as connection:
            allocation = connection.allocate(count=4, buffers=2)
            assert allocation.status == "complete", allocation.report
            [account_name] = {entry["account"] for entry in root.list_buffers()}
            assert account_name == f"default:{bob.uid}", account_name
            allocation.close()
        root.set_account("default", MaxBytes="1M")
        with bob.connect() as connection:
            expect_error("QuotaExceeded", connection.allocate, count=2 * MIB // PAGE)
            connection.allocate(count=MIB // PAGE).close()
        outcome = bob.run("cmabulkctl", "alloc", "2M")
        assert outcome.status == OVER_LIMIT and "MaxBytes" in outcome.error, outcome
        root.unset_account("default")


def who_left_the_seat_may_not():
    """Two at one seat: the newer session is the active one, until the other is switched to. What was allowed is asked
    again some seconds later, on the same connection, too; what somebody has stays.
    """
    with Login("bob") as bob, bob.connect() as before:
        allocation = before.allocate(count=2)
        with Login("carol") as carol:
            bob.expect(Active="no", Seat="seat0")
            expect_served(carol)
            expect_refused(bob, "polkit does not allow it", ALLOCATE)
            expect_cli_refused(bob, "polkit does not allow it")
            eventually("a yes is forgotten", lambda: not_any_more(before))
            with connect() as root:
                assert [entry["uid"] for entry in root.list_buffers()] == [bob.uid]
            bob.activate()
            carol.expect(Active="no", Seat="seat0")
            expect_served(bob)
            expect_refused(carol, "polkit does not allow it")
        allocation.close()


def not_any_more(connection):
    try:
        connection.allocate(count=1).close()
    except BusError as error:
        assert error.name == "org.cmabulk1.Error.NotAuthorized", error
        return True
    return False


def who_comes_from_elsewhere_may_not():
    """Until an administrator did what the refusal says, and the user has logged in again."""
    with Login("carol", ELSEWHERE) as carol:
        sentence = expect_refused(carol, "polkit does not allow it", "cmabulk-clients")
        assert "have an administrator add the user to it, and log in again" in sentence, sentence
        expect_cli_refused(carol, "polkit does not allow it")
        run("usermod", "--append", "--groups", "cmabulk-clients", "carol")
        try:
            expect_refused(carol)
            with Login("carol", ELSEWHERE) as again:
                expect_served(again)
                expect_cli_served(again)
        finally:
            run("gpasswd", "--delete", "carol", "cmabulk-clients")


def who_has_not_logged_in_may_not():
    """Neither a process without a session, as a job that runs for somebody, nor a service of somebody's service manager
    that runs all the time. That one is served while its user sits at the machine.
    """
    run("loginctl", "enable-linger", "bob")
    try:
        with Stranger("bob") as job:
            systemctl("start", f"user@{job.uid}.service")
            assert "cmabulk-vm.service" in job.run("cat", "/proc/self/cgroup").output
            expect_refused(job, "polkit does not allow it")
            expect_cli_refused(job)
        with UserService("bob") as service:
            assert f"user@{service.uid}.service" in service.run("cat", "/proc/self/cgroup").output
            expect_refused(service, "polkit does not allow it")
            expect_cli_refused(service)
            with Login("bob"):
                expect_served(service)
            expect_refused_soon(service)
    finally:
        run("loginctl", "disable-linger", "bob")


def a_system_unit_has_its_account():
    """A service that runs as a system's user is served unasked, by the account of its unit, and whoever is the same
    user elsewhere by another; one that runs as a person is not.
    """
    with account("[Account camera]\nUser=games\nUnit=camera.service\nMaxBytes=1M\n"), stopped_polkit():
        listed = run("systemd-run", "--pipe", "--wait", "--collect", "--quiet", "--unit=camera", "--uid=games",
                     "cmabulkctl", "alloc", "4", "--buffers=2", "--", "cmabulkctl", "--json", "buffers",
                     stderr=subprocess.DEVNULL)
        accounts = {buffer["account"] for buffer in json.loads(listed)["buffers"]}
        assert accounts == {f"camera:{GAMES}"}, listed
        for name, status in (("camera", OVER_LIMIT), ("other", OK)):
            done = run_unit(name, "games", "cmabulkctl", "alloc", "2M")
            assert done == status, f"{name}.service: {done}"
    assert run_unit("camera", "bob", "cmabulkctl", "alloc", "4") == NOT_PERMITTED


def run_unit(name, person, *command):
    """How a system service ended that is somebody's."""
    unit_of = ["systemd-run", "--wait", "--collect", "--quiet", f"--unit={name}", f"--uid={person}"]
    return subprocess.run([*unit_of, *command], stdin=subprocess.DEVNULL, check=False).returncode


def nobody_gets_at_anothers():
    """Neither what somebody has, nor what somebody waits for; not even those who may manage."""
    with Login("bob") as bob, connect("alice") as alice, connect() as root, bob.connect() as owner:
        allocation = owner.allocate("mine", count=20, buffers=20)
        others = [alice, root]
        with contextlib.closing(bob.connect()) as second:
            others.append(second)
            for other in others:
                expect_error("NoSuchAllocation", other.fetch, allocation.path, 16)
                expect_error("NoSuchAllocation", other.release, allocation.path)
                expect_error("NoSuchAllocation", other.cancel, "mine")
            assert len(owner.fetch_all(allocation)) == 20
            owner.pools()  # who did not read the last ones would be kept waiting for that
            assert alice.list_buffers() == []
            half = root.pool(POOL)["Size"] // 2 // PAGE
            wall = root.allocate(count=half + half // 4, minimum=half + half // 5, pool=POOL)
            serial = owner.start_allocate("next", count=half, minimum=half - half // 8, pool=POOL)
            root.wait_pending(1)
            for other in others:
                expect_error("NoSuchAllocation", other.cancel, "next")
        wall.close()
        late = owner.finish_allocate(serial)
        assert late.granted >= half - half // 8, late.report
        late.close()
        allocation.close()


# --- Who may manage -------------------------------------------------------------------------------

def managing_needs_an_administrator():
    """Whoever is no administrator, and sits where one could be asked: without an agent nobody is, whether or not the
    call allows it. A rule of polkit allows it, and only what it says.
    """
    with Login("bob") as bob:
        for attempt in (reloads, reloads_and_may_be_asked):
            expect_refused(bob, "wants somebody to authenticate", "interactive", MANAGE, attempt=attempt)
        expect_refused(bob, MANAGE, attempt=lambda one: one.set_account("default", MaxBytes="1M"))
        expect_refused(bob, MANAGE, attempt=lambda one: one.unset_account("default"))
        expect_cli_may_not_manage(bob, "wants somebody to authenticate")
        with rule(f"""polkit.addRule(function(action, subject) {{
                if (action.id == "{MANAGE}" && subject.user == "bob")
                        return polkit.Result.YES;
        }});"""):
            eventually("the rule is in force", lambda: not refusal(bob, reloads))
            assert not refusal(bob, lambda one: one.set_account("default", MaxBuffers="7"))
            outcome = bob.run("cmabulkctl", "accounts", "unset", "default")
            assert outcome.status == OK, outcome
            with Login("carol", ELSEWHERE) as carol:
                expect_refused(carol, MANAGE, "wants somebody to authenticate", attempt=reloads)
        expect_refused_soon(bob, reloads)


def a_rule_lets_in_and_keeps_out():
    """Whom the administrator wants: one who comes from elsewhere may allocate, one who sits here may not."""
    with Login("bob") as bob, Login("carol", ELSEWHERE) as carol:
        expect_served(bob)
        with rule(f"""polkit.addRule(function(action, subject) {{
                if (action.id == "{ALLOCATE}")
                        return subject.user == "carol" ? polkit.Result.YES : polkit.Result.NO;
        }});"""):
            expect_served_soon(carol)
            expect_cli_served(carol)
            expect_refused(bob, "polkit does not allow it")
            expect_cli_refused(bob, "polkit does not allow it")
        expect_refused_soon(carol)


def a_person_is_asked():
    """With an agent, for a call that allows it: who authenticates as administrator gets it done, who dismisses the
    dialogue does not, and it is closed when nobody waits for it any more.
    """
    with Login("bob") as bob, contextlib.closing(Agent(bob)) as agent:
        expect_refused(bob, "interactive", attempt=reloads)
        assert not agent.asked
        for _ in range(2):
            with bob.connect() as one:
                serial = one.start_manager("Reload", flags=INTERACTIVE)
                call, action, _, _ = agent.next()
                assert action == MANAGE, action
                agent.dismiss(call)
                expect_error("NotAuthorized", one.finish, serial)
        with bob.connect() as one:
            one.start_manager("Reload", flags=INTERACTIVE)
            _, _, cookie, _ = agent.next()
        agent.wait_for("the dialogue is closed", lambda: cookie in agent.taken_back)
        with bob.connect() as one:
            body = GLib.Variant("(sa{ss}b)", ("default", {"MaxBuffers": "7"}, False))
            serial = one.start_manager("SetAccount", body, flags=INTERACTIVE)
            call, action, cookie, identities = agent.next()
            with connect() as root:  # meanwhile nobody waits
                root.allocate(count=1).close()
            assert action == MANAGE and not one.has_reply(serial)
            agent.authenticate(call, cookie, identities[0])
            one.finish(serial)
        with connect() as root:
            root.unset_account("default")


def a_password_will_do():
    """Root's, which polkit's own agent asks for where the command line has a terminal; another does not."""
    with password_of_root("open sesame"), Login("bob") as bob:
        for password, status, result in (("abracadabra", NOT_PERMITTED, "AUTHENTICATION FAILED"),
                                         ("open sesame", OK, "AUTHENTICATION COMPLETE")):
            terminal = bob.run_at_terminal("cmabulkctl", "reload")
            terminal.wait_for("Password: ")
            terminal.wait_for_secrecy()
            terminal.type(password + "\n")
            assert terminal.end() == status, terminal.shown
            assert MANAGE in terminal.shown and result in terminal.shown, terminal.shown
        terminal = bob.run_at_terminal("cmabulkctl", "reload", "--no-ask-password")
        assert terminal.end() == NOT_PERMITTED and "Password" not in terminal.shown, terminal.shown


def a_person_who_does_not_answer():
    """After two minutes that is a no, and the dialogue is closed; it is no fault of polkit's, and not in the log."""
    start_anew()
    cursor = machine.journal_cursor()
    with Login("bob") as bob, contextlib.closing(Agent(bob)) as agent, bob.connect() as one:
        start = time.monotonic()
        serial = one.start_manager("Reload", flags=INTERACTIVE)
        _, _, cookie, _ = agent.next()
        sentence = expect_error("NotAuthorized", one.finish, serial, patience=INTERACT + PATIENCE)
        assert "did not answer" in sentence, sentence
        assert INTERACT - 1 < time.monotonic() - start < INTERACT + PATIENCE
        agent.wait_for("the dialogue is closed", lambda: cookie in agent.taken_back)
    assert not machine.entries_after(cursor, BROKEN)


# --- When polkit is not as it should be -----------------------------------------------------------

def polkit_is_absent():
    """Stopped, and not to be started: then there are root, services and the group, at once. It is no failure that the
    log would have to tell.
    """
    start_anew()
    cursor = machine.journal_cursor()
    systemctl("mask", "--runtime", "--now", POLKIT)
    try:
        with Login("bob") as bob, Stranger("alice") as alice:
            start = time.monotonic()
            expect_refused(bob, "there is no polkit", "cmabulk-clients")
            assert time.monotonic() - start < WAIT
            expect_cli_refused(bob, "there is no polkit")
            expect_refused(alice, "there is no polkit", attempt=reloads)
            expect_served(alice)
            expect_cli_served(alice)
            assert not machine.entries_after(cursor, BROKEN)
            systemctl("unmask", "--runtime", POLKIT)
            # The bus starts it.
            expect_served_soon(bob)
            assert machine.is_active(POLKIT)
    finally:
        systemctl("unmask", "--runtime", POLKIT)


def polkit_is_silent():
    """After four seconds that is a no, which the log tells once; nobody else waits, and a late answer is nobody's."""
    start_anew()
    cursor = machine.journal_cursor()
    with Login("bob") as bob, Stranger("alice") as alice:
        with stopped_polkit():
            with bob.connect() as connection, alice.connect() as meanwhile:
                start = time.monotonic()
                serial = connection.start_allocate(count=1)
                meanwhile.allocate(count=1).close()
                connection.process(time.monotonic())
                assert not connection.has_reply(serial)
                sentence = expect_error("NotAuthorized", connection.finish_allocate, serial)
                assert WAIT - 0.1 < time.monotonic() - start < PATIENCE
                assert "polkit did not answer" in sentence and "ask again" in sentence, sentence
            outcome = bob.run("cmabulkctl", "alloc", "2")
            assert outcome.status == NOT_PERMITTED and "polkit did not answer" in outcome.error, outcome
            # By now it is asked too much of this user: that is said, too.
            finding = access_finding(bob)
            assert finding["result"] == "warn" and "polkit" in finding["message"], finding
        expect_served_soon(bob)
        expect_cli_served(bob)
    expect_said(cursor, start, "none came in time")
    catalogue = run("journalctl", "--boot", "--catalog", BROKEN)
    assert "systemctl status polkit.service" in catalogue, catalogue


def polkit_answers_with_an_error():
    """The file is missing that says that the daemon may ask: that is a no. The log has what polkit said, and doctor sees
    it, too.
    """
    start_anew()
    cursor, start = machine.journal_cursor(), time.monotonic()
    os.rename(ACTIONS, "/root/org.cmabulk1.policy")
    try:
        systemctl("restart", POLKIT)
        with Login("bob") as bob, Stranger("alice") as alice:
            expect_refused(bob, "polkit answered with an error", "log")
            expect_cli_refused(bob, "polkit answered with an error")
            expect_served(alice)
            finding = expect_cli_served(alice)
            assert "nothing of org.cmabulk1" in finding["message"], finding
    finally:
        os.rename("/root/org.cmabulk1.policy", ACTIONS)
        systemctl("restart", POLKIT)
    expect_said(cursor, start, "Only trusted callers")
    with Login("bob") as bob:
        expect_served(bob)


def polkit_is_restarted_meanwhile():
    """Who waits for its answer is refused at once; the next is answered by the new one."""
    with Login("bob") as bob, bob.connect() as connection:
        with stopped_polkit() as process:
            serial = connection.start_allocate(count=1)
            connection.pools()  # it was asked
            start = time.monotonic()
            signal.pidfd_send_signal(process, signal.SIGKILL)
            sentence = expect_error("NotAuthorized", connection.finish_allocate, serial)
            assert time.monotonic() - start < WAIT, "as late as if it were silent"
            assert "ask again" in sentence, sentence
            systemctl("restart", POLKIT)
        expect_served_soon(bob)


# --- The bus --------------------------------------------------------------------------------------

def the_bus_knows_the_daemon():
    """Nobody else may be the daemon, nor send it descriptors, nor what it does not offer."""
    for person in ("alice", "bob"):
        with connect(person) as one:
            body = GLib.Variant("(su)", (NAME, 4))
            expect_error(ACCESS_DENIED, one.call_bus, "RequestName", body)
            expect_error(ACCESS_DENIED, one.call, NAME, "/", f"{BUS}.Debug.Stats", "GetStats")
            message = Gio.DBusMessage.new_method_call(NAME, "/org/cmabulk1", "org.cmabulk1.Manager", "ListPools")
            with open(os.devnull, "rb") as null:
                serial = one.send(message, [null.fileno()])
            expect_error(ACCESS_DENIED, one.finish, serial)
            assert one.pools()


TESTS = [
    polkit_is_kept_awake,
    the_bus_knows_the_daemon,
    the_group_goes_through_the_daemon,
    who_sits_at_the_machine_may_allocate,
    who_left_the_seat_may_not,
    who_comes_from_elsewhere_may_not,
    who_has_not_logged_in_may_not,
    a_system_unit_has_its_account,
    nobody_gets_at_anothers,
    managing_needs_an_administrator,
    a_rule_lets_in_and_keeps_out,
    a_person_is_asked,
    a_password_will_do,
    polkit_is_absent,
    polkit_is_silent,
    polkit_answers_with_an_error,
    polkit_is_restarted_meanwhile,
]
LONG = [a_person_who_does_not_answer]
