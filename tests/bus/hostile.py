# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever a client sends, it gets an answer, and nothing of it stays."""

import itertools
import os
import random

from client import BUS, NO_REPLY, BusError, Disconnected, Gio, GLib
from fixture import NAME, Bus, environment, eventually
from manager import (ACCOUNT, ALLOCATION, BOB, ERROR, MANAGER, MIB, PAGE, PATH, POOL,
                     REQUEST_TYPES, STRANGER, administrator, allocate_body, daemon_with_clients,
                     expect_error, expect_prompt, user)

INVALID = (ERROR + "InvalidArgument", f"{BUS}.Error.InvalidArgs")
NO_SUCH_POOL = (ERROR + "NoSuchPool", ERROR + "InvalidArgument")
SAMPLES = [GLib.Variant.parse(None, text, None, None) for text in (
    "true", "byte 0x01", "int16 -1", "uint16 1", "int32 1", "uint32 1", "int64 1", "uint64 1",
    "1.5", "'normal'", "objectpath '/a'", "signature 'u'", "handle 0", "<uint64 1>", "('a', 1)",
    "[uint64 1]", "@as []", "{'a': <1>}", "@ay []", "<<<<uint32 1>>>>")]
LARGEST = {"t": 2**64 - 1, "u": 2**32 - 1}


def has_to_fail(client, serial, names=INVALID):
    try:
        reply = client.finish(serial)
    except BusError as error:
        assert error.name in names, error
        return
    raise AssertionError(f"{reply.arguments} instead of an error")


def wrong_signatures(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    path = alice.path_of("a")
    calls = [(PATH, MANAGER, member) for member in ("Allocate", "Cancel", "ListBuffers",
                                                 "GetPoolForDevice", "Prepare", "SetAccount",
                                                 "UnsetAccount")]
    calls += [(path, ALLOCATION, member) for member in ("Fetch", "Release")]
    bodies = [None] + [GLib.Variant.parse(None, text, None, None) for text in (
        "('a',)", "('a', 'b')", "('a', @a{ss} {})", "('a', @a{sv} {}, 'c')", "(@a{sv} {}, 'a')",
        "(uint64 1,)", "(uint32 1, uint64 1)", "(uint64 1, uint32 1)", "(handle 0,)", "(<'a'>,)",
        "(1.5, true, byte 1)", "('a', @a{tv} {})", "('a', [@a{sv} {}])", "([('a', @a{sv} {})],)")]
    right = {"Allocate": "(sa{sv})", "Cancel": "(s)", "ListBuffers": "(st)", "Prepare": "(sa{sv})",
             "GetPoolForDevice": "(s)", "Fetch": "(ut)", "Release": "(t)",
             "SetAccount": "(sa{ss}b)", "UnsetAccount": "(s)"}
    names = INVALID + (f"{BUS}.Error.UnknownMethod", ERROR + "NoSuchAllocation",
                       f"{BUS}.Error.UnknownObject")
    for (where, interface, member), body in itertools.product(calls, bodies):
        if body is None or body.get_type_string() != right[member]:
            has_to_fail(alice, alice.start(NAME, where, interface, member, body), names)
    for member in ("ListPools", "ListAccounts", "GetCounters", "Reload"):
        has_to_fail(alice, alice.start_manager(member, GLib.Variant("(s)", ("more",))), names)
    alice.wait_whole()


def wrong_types_of_values(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    for key, sample in itertools.product(REQUEST_TYPES, SAMPLES):
        if sample.get_type_string() == REQUEST_TYPES[key]:
            continue
        request = {"count": GLib.Variant("t", 1), key: sample}
        sentence = expect_error("InvalidArgument", alice.allocate, **request)
        assert key in sentence, f"{key}: {sentence}"
    alice.wait_whole()


def unknown_keys(bus):
    daemon_with_clients(bus)
    alice = user(bus)
    for key in ("", "Count", "count ", "counts", "timeout", "x" * 10000, "%s%n", "ü", "minimum\n",
                # A sentence that quotes a part of it must not cut a character in two.
                *("x" * length + "ü" * 64 for length in range(50, 66))):
        request = {key: GLib.Variant("t", 1), "count": GLib.Variant("t", 1)}
        body = GLib.Variant("(sa{sv})", ("a", request))
        has_to_fail(alice, alice.start_manager("Allocate", body), INVALID[:1])
    text = "('a', {'count': <uint64 1>, 'count': <uint64 2>})"
    twice = GLib.Variant.parse(None, text, None, None)
    has_to_fail(alice, alice.start_manager("Allocate", twice), INVALID[:1])
    many = {f"key{number}": GLib.Variant("t", number) for number in range(100_000)}
    body = GLib.Variant("(sa{sv})", ("a", many))
    has_to_fail(alice, alice.start_manager("Allocate", body), INVALID[:1])
    alice.wait_whole()


def texts(bus):
    """Tokens, labels, names: what is not as the contract says is refused, what is comes back."""
    daemon_with_clients(bus)
    alice = user(bus)
    for token in ("", "x" * 65, "a/b", "a-b", "a.b", "ü", " ", "a\n", "x" * 100_000, "%n"):
        body = allocate_body(token, count=1)
        has_to_fail(alice, alice.start_manager("Allocate", body), INVALID[:1])
    for length in range(50, 66):
        text = "x" * length + "ü" * 64
        expect_error("InvalidArgument", alice.allocate, count=1, effort=text)
        has_to_fail(alice, alice.start_allocate(count=1, pool=text), NO_SUCH_POOL)
        has_to_fail(alice, alice.start_list_buffers(text), NO_SUCH_POOL)
    for token in ("a", "_", "0", "x" * 64, "A_1"):
        allocation = alice.allocate(token, count=1)
        assert allocation.path == alice.path_of(token)
        allocation.close()
    for label in ("x" * 64, "x" * 100_000, "ü" * 32, "a\x01b", "a\nb", "\x7f", "\x1b[31m"):
        expect_error("InvalidArgument", alice.allocate, count=1, label=label)
    for label in ("", "x" * 63, "ü" * 31, "a b", "%s%n"):
        allocation = alice.allocate(count=1, label=label)
        [listed] = alice.list_buffers()
        assert listed["label"] == label, listed
        allocation.close()
        alice.wait_whole()


# What could lead somewhere else than to a device, or is no name of one.
NO_DEVICES = ("", "/", "/dev", "/dev/", "/dev/../etc/passwd", "/dev/../dev/null", "/dev//null",
              "/dev/./null", "../dev/null", "/etc/passwd", "/sys", "/sys/class/mem/../mem/null",
              "/sys/fs/cgroup/x", "/sys/kernel/debug/x", "/proc/self/fd/0", "mem:", ":null",
              "mem:..", "mem:../null", "a b", "x\n", "/dev/\x1b[31m", "%s%n", "ü", "x" * 64,
              "x" * 1024, "/dev/" + "x" * 1019, "x" * 100_000, "/dev" + "/x" * 50_000,
              "/dev/" + "../" * 100_000,
              *("x" * length + "ü" * 64 for length in range(50, 66)))
# What is like a device, and is none; the last are the longest there can be.
UNKNOWN_DEVICES = ("nobody", "mem:nobody", "nobody:null", "/dev/nobody", "/dev/shm", "/dev/fd/0",
                   "/dev/stdin", "/sys/class/mem", "/sys/devices/virtual", "subsystem:mem",
                   "drivers:platform", "/dev/" + "x" * 1018, "/dev" + "/x" * 509, "x" * 63,
                   "mem:" + "x" * 1019)


def names_of_devices(bus):
    """They are looked up by the daemon, and lead it nowhere."""
    daemon = daemon_with_clients(bus)
    alice = user(bus)
    before = daemon.fds()
    for names, refusals in ((NO_DEVICES, INVALID[:1]),
                            (UNKNOWN_DEVICES, (ERROR + "NoSuchDevice",))):
        for name in names:
            has_to_fail(alice, alice.start_get_pool_for_device(name), refusals)
            has_to_fail(alice, alice.start_allocate(count=1, device=name), refusals)
    sentence = expect_error("InvalidArgument", alice.allocate, count=1, pool="main", device="a")
    assert "pool" in sentence and "device" in sentence, sentence
    # Who asks in one breath is answered in one, and leaves nothing behind.
    serials = [alice.start_get_pool_for_device("/dev/null") for _ in range(100)]
    for serial in serials:
        has_to_fail(alice, serial, (ERROR + "NoSuchDevice",))
    stranger = user(bus, STRANGER, ())
    for name, refusal in (("/dev/null", "NotAuthorized"), ("nobody", "NotAuthorized"),
                          ("x" * 100_000, "InvalidArgument")):
        expect_error(refusal, stranger.pools_of, name)
        expect_error(refusal, stranger.allocate, count=1, device=name)
    assert daemon.fds() == before
    alice.wait_whole()


def every_integer_extreme(bus):
    """Each integer at, and next to, each border, alone and together with any other."""
    # A guest on a busy machine takes half a minute for the calls of Fetch alone.
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=600\n")
    alice = user(bus)
    borders = [0, 1, 2, 9, 10, 31, 32, 63, 64, 65] + [
        2**bits + offset for bits in (12, 16, 31, 32, 52, 63, 64) for offset in (-1, 0, 1)]
    integers = [key for key, type_ in REQUEST_TYPES.items() if type_ in LARGEST]
    values = {key: [b for b in borders if b <= LARGEST[REQUEST_TYPES[key]]] for key in integers}
    refusals = tuple(ERROR + name for name in ("InvalidArgument", "TooLarge", "NoSuchPool",
                                               "QuotaExceeded"))
    requests = [{"count": 1, key: value} for key in integers for value in values[key]]
    seed = int(os.environ.get("CMABULK_SEED") or random.randrange(2**32))
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(500):
        keys = dice.sample(integers, dice.randint(2, len(integers)))
        requests.append({"count": 1} | {key: dice.choice(values[key]) for key in keys})
    came = {}
    for request in requests:
        # Nobody else is here: what does not come at once does not come.
        request.setdefault("timeout-usec", 100_000)
        request["timeout-usec"] = min(request["timeout-usec"], 2**64 - 1)
        try:
            allocation = alice.allocate(**request)
        except BusError as error:
            assert error.name in refusals, f"{request}: {error}"
            came[error.name] = came.get(error.name, 0) + 1
            continue
        came[allocation.status] = came.get(allocation.status, 0) + 1
        assert request["count"] >= allocation.granted, f"{request}: {allocation.granted}"
        size = sum(chunks for _, _, chunks, _ in allocation.layout)
        assert size == allocation.granted and len(allocation.layout) == allocation.buffers
        if allocation.status == "complete":
            assert allocation.granted == request["count"], request
            assert allocation.buffers == request.get("buffers", 1), request
        if allocation.buffers > 16:
            alice.release(allocation.path, allocation.report["serial"])
        allocation.close()
    print(came)
    assert {"complete", ERROR + "InvalidArgument", ERROR + "TooLarge"} <= set(came), came
    alice.wait_whole()
    # Fetch, too.
    allocation = alice.allocate("fetch", count=40, buffers=40)
    for first, confirm in itertools.product(values["buffers"], values["count"]):
        if first == 16 and confirm in (0, allocation.report["serial"]):
            continue
        try:
            fds, _ = alice.fetch(allocation.path, first, confirm)
        except BusError as error:
            assert error.name in (ERROR + "InvalidArgument", ERROR + "Unconfirmed"), error
        else:
            assert 17 <= first < 40, f"Fetch({first}, {confirm})"
            for fd in fds:
                os.close(fd)
    alice.release(allocation.path)
    allocation.close()
    alice.wait_whole()
    assert daemon.status is None


def somebody_elses_allocation(bus):
    """Neither another connection of the user nor another user, nor root, gets at an allocation."""
    daemon_with_clients(bus)
    alice = user(bus)
    allocation = alice.allocate("mine", count=20, buffers=20)
    for other in (user(bus), user(bus, BOB), administrator(bus)):
        for confirm in (0, allocation.report["serial"]):
            expect_error("NoSuchAllocation", other.fetch, allocation.path, 16, confirm)
            expect_error("NoSuchAllocation", other.release, allocation.path, confirm)
        expect_error("NoSuchAllocation", other.cancel, "mine")
        assert introspect(other, allocation.path) == introspect(other, alice.path_of("none")), \
            "somebody else can tell that it is there"
    # Others see neither buffers nor accounts that are not theirs; who manages does.
    bob, root = user(bus, BOB), administrator(bus)
    assert bob.list_buffers() == []
    assert all(account.get("uid") == BOB for account in bob.accounts() if "uid" in account)
    assert len(alice.list_buffers()) == len(root.list_buffers()) == 20
    alice.fetch_all(allocation)
    allocation.close()
    alice.wait_whole()


def introspect(client, path):
    try:
        return client.call(NAME, path, f"{BUS}.Introspectable", "Introspect").arguments
    except BusError as error:
        return error.name


def reused_token(bus):
    """A token that was used is free when its allocation is gone; what is new is not the old."""
    daemon_with_clients(bus)
    alice = user(bus)
    seen = set()
    for _ in range(20):
        allocation = alice.allocate("same", count=20, buffers=20)
        expect_error("TokenInUse", alice.allocate, "same", count=1)
        inodes = {inode for _, inode, _, _ in allocation.layout}
        identities = {identity for identity, _, _, _ in allocation.layout}
        assert len(inodes) == 20 and not identities & seen
        seen |= identities
        alice.fetch_all(allocation)
        assert {os.fstat(fd).st_ino for fd in allocation.fds} == inodes
        alice.release(allocation.path)
        allocation.close()
    alice.wait_whole()
    # Two with one token in one breath: one of them wins.
    serials = [alice.start_allocate("twin", count=1) for _ in range(2)]
    alice.finish_allocate(serials[0]).close()
    try:
        alice.finish_allocate(serials[1]).close()
    except BusError as error:
        assert error.name == ERROR + "TokenInUse", error
    alice.wait_whole()


def no_reply_expected(bus):
    """A request whose reply nobody waits for leaves nothing behind, in any state."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=300ms\n")
    alice = user(bus)
    before = daemon.fds()
    for _ in range(20):
        alice.start_allocate(flags=NO_REPLY, count=40, buffers=40)
        alice.start_manager("ListPools", flags=NO_REPLY)
        alice.start_manager("Allocate", GLib.Variant("(s)", ("a",)), flags=NO_REPLY)
        alice.start(NAME, alice.path_of("t1"), ALLOCATION, "Fetch",
                    GLib.Variant("(ut)", (16, 0)), NO_REPLY)
    alice.wait_whole()
    eventually("no descriptor is left in the daemon", lambda: daemon.fds() <= before)
    alice.allocate(count=1).close()
    # While it waits behind another.
    holder = administrator(bus).allocate(count=48 * MIB // PAGE)
    alice.start_allocate(flags=NO_REPLY, count=32 * MIB // PAGE)
    alice.pools()
    holder.close()
    alice.wait_whole()


def nothing_that_is_not_there(bus):
    """Unknown objects, interfaces and members, and properties nobody may set."""
    daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    allowed = {f"{BUS}.Error.{name}" for name in (
        "UnknownObject", "UnknownInterface", "UnknownMethod", "UnknownProperty",
        "PropertyReadOnly", "InvalidArgs", "AccessDenied", "NotSupported")}
    allowed |= {ERROR + "NoSuchAllocation", ERROR + "NoSuchPool"}
    long = PATH + "/x" * 5000
    for client in (alice, root):
        for path in ("/", "/org", PATH, f"{PATH}/pool", f"{PATH}/pool/main", f"{PATH}/pool/none",
                     f"{PATH}/allocation", f"{PATH}/allocation/1_1", f"{PATH}/allocation/a/b/c",
                     client.path_of("none"), long):
            for interface, member in ((MANAGER, "Nothing"), (POOL, "Nothing"),
                                      (ALLOCATION, "Nothing"), ("org.example", "Allocate")):
                has_to_fail(client, client.start(NAME, path, interface, member), allowed)
        for interface, path, name in ((MANAGER, PATH, "Version"),
                                      (POOL, f"{PATH}/pool/main", "Size")):
            for value in (GLib.Variant("s", "0"), GLib.Variant("t", 1)):
                body = GLib.Variant("(ssv)", (interface, name, value))
                has_to_fail(client, client.start(NAME, path, f"{BUS}.Properties", "Set", body),
                            allowed)
    assert root.pool()["Size"] == 64 * MIB


def call_with_descriptors(client, path, interface, member, body=None):
    """As many as a message may have, and nothing in it says what for."""
    message = Gio.DBusMessage.new_method_call(NAME, path, interface, member)
    if body is not None:
        message.set_body(body)
    with open(os.devnull, "rb") as null:
        return client.send(message, [null.fileno()] * 16)


def accounts_of_all_kinds(bus):
    """Whatever it says, SetAccount is refused with a sentence, or does what it says; also for root."""
    daemon = daemon_with_clients(bus)
    root, alice = administrator(bus), user(bus)
    texts_ = ("", " ", "x" * 100_000, "ü", "ü" * 2000, "%s%n", "a\nb", "a\tb", "\x7f", "[Account a]",
              "1" * 1025, "-1", "0x10", "1e9", "99999999999999999999", "101%", "infinity", "\\n")
    keys = ("User", "Group", "Unit", "Shared", "MinBytes", "MaxBytes", "MaxBuffers", "MaxPending",
            "Weight", "RateLimitIntervalSec", "RateLimitBurst", "MaxTimeoutSec", "Efforts", "Pools",
            "weight", "", "x" * 100_000, "Weight=1", "a\nb")
    for persistent, key, text in itertools.product((False, True), keys, texts_):
        body = GLib.Variant("(sa{ss}b)", ("default", {key: text}, persistent))
        try:
            root.manager("SetAccount", body)
        except BusError as error:
            assert error.name == ERROR + "InvalidArgument" and " " in error.text, (key, text, error)
            assert len(error.text) < 1000, f"{key}: a sentence of {len(error.text)}"
        # What nobody could do is not worth asking polkit about.
        has_to_fail(alice, alice.start_manager("SetAccount", body),
                    (ERROR + "NotAuthorized", *INVALID[:1]))
    for text in texts_:
        has_to_fail(root, root.start_manager("UnsetAccount", GLib.Variant("(s)", (text,))),
                    INVALID[:1])
    twice = GLib.Variant.parse(None, "('default', {'Weight': '1', 'Weight': '2'}, false)", None, None)
    has_to_fail(root, root.start_manager("SetAccount", twice), INVALID[:1])
    many = GLib.Variant("(sa{ss}b)", ("default", {f"Key{i}": "1" for i in range(100_000)}, True))
    has_to_fail(root, root.start_manager("SetAccount", many), INVALID[:1])
    root.unset_account("default")
    daemon.stop()
    # What was kept in between, and is not any more, is no hindrance.
    daemon_with_clients(bus)
    assert not root.get_property(NAME, PATH, MANAGER, "ConfigurationProblems")
    alice.allocate(count=1).close()
    alice.wait_whole()


def thousands_of_accounts(bus):
    """There is an end to them; until then others are served, and afterwards all can be taken back."""
    written = "".join(f"[Account f{uid}]\nUser={100_000 + uid}\n" for uid in range(900))
    daemon = daemon_with_clients(bus, configuration=written)
    root, alice = administrator(bus), user(bus)
    refused = None
    for number in range(900, 1200):
        try:
            root.set_account(f"a{number}", User=str(100_000 + number), MaxBytes="1M")
        except BusError as error:
            refused = error
            break
    assert refused and refused.name == ERROR + "InvalidArgument", "there is no end to them"
    assert "accounts" in refused.text, refused
    assert 1000 < number < 1100, number
    assert len(root.accounts()) >= number
    expect_prompt(bus, "Allocate", lambda: alice.allocate(count=1).close())
    for each in range(900, number, 20):
        root.unset_account(f"a{each}")
    root.set_account("again", User="7")
    root.manager("Reload")
    assert daemon.status is None
    alice.wait_whole()


def many_objects_asked_for(bus):
    """Paths below /account are anybody's to make up: none tells what there is, and none stays."""
    daemon = daemon_with_clients(bus)
    root, alice = administrator(bus), user(bus)
    held = root.allocate(count=1)
    names = ["default_3a0", "default_3a", "_", "default_3a_31", "default_3a00", "default_3a4294967295",
             "x" * 255, "default_3a0/x", "_00", "_ff", "_3a", "_5b", "x" * 10_000,
             *(f"default_3a{uid}" for uid in range(1, 200))]
    for name, (member, body) in itertools.product(names, (
            ("Get", GLib.Variant("(ss)", (ACCOUNT, "Usage"))),
            ("GetAll", GLib.Variant("(s)", (ACCOUNT,))),
            ("GetAll", GLib.Variant("(s)", ("x" * 1000,))),
            ("Get", GLib.Variant("(s)", (ACCOUNT,))),
            ("Set", GLib.Variant("(ssv)", (ACCOUNT, "Uid", GLib.Variant("u", 1)))))):
        serial = alice.start(NAME, f"{PATH}/account/{name}", f"{BUS}.Properties", member, body)
        has_to_fail(alice, serial, (f"{BUS}.Error.UnknownObject", f"{BUS}.Error.UnknownInterface",
                                    f"{BUS}.Error.InvalidArgs", f"{BUS}.Error.PropertyReadOnly"))
    everything = alice.call(NAME, PATH, f"{BUS}.ObjectManager", "GetManagedObjects").arguments[0]
    assert not [path for path in everything if "account" in path], everything
    held.close()
    root.wait_whole()
    assert daemon.status is None


def descriptors_with_a_call(bus):
    """No method takes any, and the bus knows."""
    daemon = daemon_with_clients(bus)
    for client in user(bus), administrator(bus):
        before = daemon.fds()
        calls = [(PATH, MANAGER, "Allocate", allocate_body("a", count=1)),
                 (PATH, MANAGER, "ListPools", None),
                 (f"{PATH}/pool/main", POOL, "Survey", None),
                 (client.path_of("a"), ALLOCATION, "Release", GLib.Variant("(t)", (0,))),
                 (PATH, f"{BUS}.Introspectable", "Introspect", None)]
        for call in calls:
            serial = call_with_descriptors(client, *call)
            has_to_fail(client, serial, (f"{BUS}.Error.AccessDenied",))
        client.allocate("a", count=1).close()
        client.wait_whole()
        assert daemon.fds() == before


def descriptors_with_calls_that_wait(bus):
    """Where the policy lets them through, the daemon lets them go: long before it replies."""
    refusal = '<deny send_destination="org.cmabulk1" min_fds="1"/>'
    name = "org.cmabulk1.conf"
    with open(os.path.join(environment("CMABULK_DBUS"), name), encoding="utf-8") as file:
        policy = file.read()
    assert refusal in policy
    with open(os.path.join(bus.directory, name), "w", encoding="utf-8") as file:
        file.write(policy.replace(refusal, ""))
    os.environ["CMABULK_DBUS"] = bus.directory
    with Bus() as tolerant:
        daemon = daemon_with_clients(tolerant)
        root, alice = administrator(tolerant), user(tolerant)
        holder = root.allocate(count=48 * MIB // PAGE)
        alice.pools()  # so that nothing waits for who she is
        before = daemon.fds()
        serials = [call_with_descriptors(alice, PATH, MANAGER, "Allocate",
                                         allocate_body(f"t{i}", count=32 * MIB // PAGE,
                                                       timeout_usec=600_000_000))
                   for i in range(20)]
        root.wait_pending(20)
        eventually("the daemon has let go of them", lambda: daemon.fds() <= before)
        for number in range(20):
            alice.cancel(f"t{number}")
        for serial in serials:
            assert alice.finish_allocate(serial).status == "cancelled"
        holder.close()
        root.wait_whole()
        daemon.stop()


def broken_messages(bus):
    """Bytes that are no message: the bus deals with those. The daemon does not notice."""
    daemon = daemon_with_clients(bus)
    seed = int(os.environ.get("CMABULK_SEED") or random.randrange(2**32))
    print(f"seed {seed}")
    dice = random.Random(seed)
    alice = user(bus)
    for _ in range(100):
        hostile = user(bus, BOB)
        hostile.start_allocate(count=1)
        try:
            hostile.socket.sendall(b"l\1\0\1" + dice.randbytes(dice.randint(1, 400)))
        except OSError:
            pass
        hostile.close()
    alice.wait_whole()
    assert daemon.status is None


def death_in_the_middle_of_a_message(bus):
    daemon_with_clients(bus)
    alice, hostile = user(bus), user(bus, BOB)
    try:
        hostile.socket.sendall(b"l\1\0\1\0\x01\0\0\1\0\0\0\x40\0\0\0")
    except Disconnected:
        pass
    assert alice.pools()
    hostile.close()
    assert alice.pools()
