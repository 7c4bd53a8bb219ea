# SPDX-License-Identifier: LGPL-2.1-or-later
"""Much at once on the module's memory: in a VM. Live buffers by the thousand through restarts and lost
events, weights that hold, and a crowd of connections of which some are killed all the time."""

import mmap
import os
import random
import select
import signal
import struct
import time

import kernel_pool
from client import PATIENCE, BusError, Disconnected, readable
from counters import counters
from fixture import NAME, EndedTooEarly, eventually
from kernel import start_daemon
from kills import Load
from manager import (ALICE, BOB, CAROL, CLIENTS, ERROR, MIB, PAGE, User, administrator, user)

RMEM_MAX = "/proc/sys/net/core/rmem_max"
GENERIC = "16"  # as /proc/net/netlink has the protocol


def dropped_events():
    """What netlink sockets of the generic protocol lost, by their inodes."""
    with open("/proc/net/netlink", encoding="ascii") as table:
        lines = [line.split() for line in table][1:]
    return {line[9]: int(line[8]) for line in lines if line[1] == GENERIC}


def thousand_buffers(manager):
    """Four allocations, as none has more buffers than the bus hands out in time."""
    allocations = [manager.allocate(count=250, buffers=250, label="many") for _ in range(4)]
    for allocation in allocations:
        manager.fetch_all(allocation)
    return allocations


def check_served_at_once(bus):
    """Who asks while the daemon still reads what lives waits for that, and is served."""
    with user(bus, BOB) as bob:
        allocation = bob.allocate(count=16)
        assert allocation.status == "complete", allocation.report
        allocation.close()


def thousand_buffers_through_restarts(bus):
    daemon = start_daemon(bus)
    alice = user(bus)
    allocations = thousand_buffers(alice)
    for how in ("stop", "kill"):
        getattr(daemon, how)()
        kernel_pool.wait_for_buffers(1000)
        daemon = start_daemon(bus)
        check_served_at_once(bus)
        root = administrator(bus)
        root.wait_for_buffers(1000)
        account = root.account("default", ALICE)
        assert (account["buffers"], account["used"]) == (1000, 1000 * PAGE), account
        root.close()
    for allocation in allocations:
        allocation.close()
    kernel_pool.expect_whole(administrator(bus))


def thousand_buffers_through_lost_events(bus):
    """A socket that holds hardly anything, and a daemon that does not read it."""
    before = kernel_pool.read(RMEM_MAX)
    kernel_pool.write(RMEM_MAX, "2304")
    try:
        daemon = start_daemon(bus)
    finally:
        kernel_pool.write(RMEM_MAX, before)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    allocations = thousand_buffers(alice)
    root.wait_for_buffers(1000)
    lost = dropped_events()
    released = {buffer[0] for allocation in allocations[:2] for buffer in allocation.layout}
    daemon.signal(signal.SIGSTOP)
    for allocation in allocations[:2]:
        allocation.close()
    kernel_pool.wait_for_buffers(500)
    eventually("events were lost",
               lambda: any(drops > lost.get(inode, 0) for inode, drops in dropped_events().items()))
    serial = bob.start_allocate(count=60 * MIB // PAGE)
    daemon.signal(signal.SIGCONT)
    allocation = bob.finish_allocate(serial)
    assert allocation.status == "complete", allocation.report
    root.wait_for_buffers(501)
    told = {alice.wait_signal("BufferReleased").arguments[1] for _ in released}
    assert told == released, "not every release was told"
    for each in (allocation, *allocations[2:]):
        each.close()
    kernel_pool.expect_whole(root)


# --- Weights --------------------------------------------------------------------------------------

# Beside what somebody keeps two of them do not fit at the same time: the queue says who is next. Three
# are within an account's maximum: nobody is refused for what he has closed and the daemon not yet seen.
KEPT = 52 * MIB // PAGE
LARGE = 8 * MIB // PAGE
PENDING = 4


class Asker:
    """One who asks for the same again and again, several times at once, and keeps nothing."""

    def __init__(self, bus, uid):
        self.client = user(bus, uid)
        self.served = 0
        self.waiting = [self.ask() for _ in range(PENDING)]

    def ask(self):
        return self.client.start_allocate(count=LARGE, timeout_usec=600_000_000)

    def look(self):
        while readable(self.client, 0):
            self.client.process(time.monotonic())
        for serial in [s for s in self.waiting if self.client.has_reply(s)]:
            self.waiting.remove(serial)
            self.take(serial)
        # Before the memory is back: it has something in the queue all the time.
        assert self.waiting, "its queue ran empty"
        self.waiting += [self.ask() for _ in range(PENDING - len(self.waiting))]

    def take(self, serial):
        allocation = self.client.finish_allocate(serial)
        assert allocation.status == "complete", allocation.report
        allocation.close()
        self.served += 1


WEIGHTS = {ALICE: 1, BOB: 2, CAROL: 4}


def shares_of(served):
    """What each has of what his weight gives him."""
    total = sum(served.values()) / sum(WEIGHTS.values())
    return {uid: served[uid] / total / weight for uid, weight in WEIGHTS.items()}


def are_close(shares):
    return all(0.9 <= share <= 1.1 for share in shares.values())


def rounded(shares):
    return [round(share, 3) for share in shares.values()]


def serve(askers, grants):
    """Until there were so many more."""
    until = sum(asker.served for asker in askers) + grants
    while (total := sum(asker.served for asker in askers)) < until:
        ready, _, _ = select.select([asker.client for asker in askers], [], [], 60)
        assert ready, f"nobody was served for a minute, after {total}"
        for asker in askers:
            asker.look()


def worker_usec(root):
    return {uid: counters(root, f"w{weight}", uid)["worker-usec"] for uid, weight in WEIGHTS.items()}


def served_by_weight(bus):
    """Accounts of weights 1, 2 and 4 that ask without end get bytes in that proportion, within 10 %.

    Where others have the CPUs, too, a FILL takes longer now and then, and that is paid for: so the worker's
    time is exact, and the bytes are in the long run.
    """
    rules = [f"[Account w{weight}]\nUser={uid}\nWeight={100 * weight}\n"
             for uid, weight in WEIGHTS.items()]
    start_daemon(bus, "".join(rules))
    root = administrator(bus)
    kept = root.allocate(count=KEPT)
    askers = {uid: Asker(bus, uid) for uid in WEIGHTS}
    # Who comes goes first, once: then they are what they will be.
    serve(askers.values(), 3 * len(WEIGHTS) * PENDING)
    before = worker_usec(root)
    for asker in askers.values():
        asker.served = 0
    for turn in range(10):
        serve(askers.values(), 210)
        bytes_served = shares_of({uid: asker.served for uid, asker in askers.items()})
        time_taken = shares_of({uid: usec - before[uid] for uid, usec in worker_usec(root).items()})
        print(f"{210 * (turn + 1)} grants, to their weights: bytes {rounded(bytes_served)}, "
              f"worker {rounded(time_taken)}", flush=True)
        if are_close(bytes_served) and are_close(time_taken):
            break
    assert are_close(bytes_served), bytes_served
    assert are_close(time_taken), time_taken
    for asker in askers.values():
        asker.client.close()
    kept.close()
    kernel_pool.expect_whole(root)


# --- A crowd --------------------------------------------------------------------------------------

PROCESSES, CONNECTIONS = 20, 10
UIDS = (ALICE, BOB, CAROL)
# A request's own time is at most two seconds, but the machine may be slow: who waits is not forgotten for as long
# as others are not answered so often meanwhile, each of them twenty times.
ANSWERS = 20 * PROCESSES * CONNECTIONS
# For a daemon that starts among all these.
START_SECONDS = 600
TURNED_AWAY = "on the bus: Connection terminated"
FLAT_BYTES = 1 << 20
MOST_BYTES = 16 * MIB
LOOKS = 10  # at its size, since it was killed last
# So many answers at most until the next process is killed: more often, and most of the time goes into connecting anew.
KILL_ANSWERS = 20


class Member(User):
    """One connection, whose calls are waited for as its requests are."""

    def __init__(self, count, *arguments):
        self._count = count
        super().__init__(*arguments)
        self.socket.settimeout(None)

    def wait_for(self, what, found, patience=PATIENCE):
        before = self._count.total()
        while True:
            deadline = time.monotonic() + patience
            try:
                return super().wait_for(what, found, patience)
            except AssertionError:
                if time.monotonic() < deadline or self._count.total() - before >= ANSWERS:
                    raise


class Herd:
    """A process with some connections, each of which asks for anything, over and over."""

    EXPECTED = (*Load.EXPECTED, ERROR + "QueueFull")

    def __init__(self, bus, seed, count):
        self.path = bus.path
        self.dice = random.Random(seed)
        self.uid = self.dice.choice(UIDS)
        self.count = count  # in memory that all share
        self.child = bus.child(self.run, self.uid, (CLIENTS,))
        before = count.total()
        while not readable(self.child.socket, PATIENCE):
            assert count.total() - before < ANSWERS, "a process gets nowhere, and the others do"
        self.child.hear()

    def ask(self, client):
        buffers = self.dice.randint(1, 20)
        return client.start_allocate(count=self.dice.randint(buffers, 4 * MIB // PAGE),
                                     buffers=buffers,
                                     timeout_usec=self.dice.randint(1, 2_000_000))

    def answer(self, client, serial):
        try:
            allocation = client.finish_allocate(serial)
        except BusError as error:
            if error.name not in self.EXPECTED:
                raise
            time.sleep(0.01)
            return
        try:
            if allocation.granted and self.dice.random() < 0.5:
                client.fetch_all(allocation)
            elif allocation.buffers > len(allocation.fds):
                client.release(allocation.path, allocation.report["serial"])
        except BusError as error:
            # The daemon was killed in between, or took back what was not fetched in time.
            if error.name not in self.EXPECTED + (ERROR + "NoSuchAllocation",):
                raise
        finally:
            allocation.close()
        self.count.add()

    def check_forgotten(self, since, before):
        others = self.count.total() - before
        waited = time.monotonic() - since
        assert waited < PATIENCE or others < ANSWERS, \
            f"a request got no answer in {waited:.0f} s, and others {others}"

    def turn(self, asked):
        poll = select.poll()
        for client in asked:
            poll.register(client, select.POLLIN)
        poll.poll(1000)
        for client, (serial, since, before) in list(asked.items()):
            while readable(client, 0) and not client.has_reply(serial):
                client.process(time.monotonic())
            if client.has_reply(serial):
                self.count.waited(self.count.total() - before)
                self.answer(client, serial)
                asked[client] = self.begin(client)
            else:
                self.check_forgotten(since, before)

    def begin(self, client):
        """What was asked, when, and how many were answered before."""
        return self.ask(client), time.monotonic(), self.count.total()

    def connect(self):
        while True:
            try:
                return Member(self.count, self.path, self.uid, (CLIENTS,))
            except (Disconnected, TimeoutError):
                pass  # the bus gives it half a minute to say who it is, which may be too little

    def run(self, child):
        asked = {}
        for _ in range(CONNECTIONS):
            client = self.connect()
            asked[client] = self.begin(client)
        child.say("begin")
        try:
            while True:
                self.turn(asked)
        except BaseException as error:
            child.say(f"{type(error).__name__}: {error}")
            raise

    kill = Load.kill


class Count:
    """What processes count together: each has a place of its own, for its answers and for how many
    others had while one of its own was waited for, at most."""

    def __init__(self, places):
        self.memory = mmap.mmap(-1, 16 * places)

    def place(self, index):
        return Place(self, index)

    def _numbers(self):
        return struct.unpack(f"{len(self.memory) // 8}Q", self.memory[:])

    def total(self):
        return sum(self._numbers()[::2])

    def longest(self):
        return max(self._numbers()[1::2])


class Place:
    def __init__(self, count, index):
        self.memory = count.memory
        self.total = count.total
        self.offset = 16 * index

    def add(self):
        value, = struct.unpack_from("Q", self.memory, self.offset)
        struct.pack_into("Q", self.memory, self.offset, value + 1)

    def waited(self, others):
        longest, = struct.unpack_from("Q", self.memory, self.offset + 8)
        struct.pack_into("Q", self.memory, self.offset + 8, max(longest, others))


def start_among_many(bus, configuration):
    """Whom a bus turns away because it had no time for him in half a minute, systemd would start again."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return start_daemon(bus, configuration, START_SECONDS)
        except EndedTooEarly as error:
            # Its log goes on with that of the one before: the last two lines are its own.
            if time.monotonic() > deadline or TURNED_AWAY not in "".join(str(error).splitlines()[-2:]):
                raise


def two_hundred_connections(bus):
    """Of three users; CMABULK_REQUESTS requests. Some are killed all the time, and the daemon twice."""
    seed = int(os.environ.get("CMABULK_SEED") or random.randrange(2**32))
    requests = int(os.environ.get("CMABULK_REQUESTS") or 500)
    dice = random.Random(seed)
    configuration = "FetchTimeoutSec=2\n[Account default]\nMaxBytes=75%\n"
    print(f"seed {seed}, {requests} requests", flush=True)
    daemon = start_among_many(bus, configuration)
    count = Count(PROCESSES)
    herds = [Herd(bus, dice.randrange(2**32), count.place(index)) for index in range(PROCESSES)]
    daemon_kills = [requests // 3, requests * 2 // 3]
    killed = 0
    sizes = []
    answered = count.total(), time.monotonic()
    next_kill = dice.randint(1, KILL_ANSWERS)
    while daemon_kills or count.total() < requests or len(sizes) < LOOKS:
        # A moment, not a delay: when is what is random here.
        time.sleep(dice.random() * 0.1)
        if count.total() > answered[0]:
            if count.total() * 10 // requests > answered[0] * 10 // requests:
                print(f"{count.total()} answered", flush=True)
            answered = count.total(), time.monotonic()
        assert time.monotonic() - answered[1] < START_SECONDS, "nobody is answered any more"
        if daemon_kills and count.total() >= daemon_kills[0]:
            daemon_kills.pop(0)
            sizes.clear()
            daemon.kill()
            daemon = start_among_many(bus, configuration)
            answered = count.total(), time.monotonic()
            continue
        if count.total() < next_kill:
            continue
        next_kill = count.total() + dice.randint(1, KILL_ANSWERS)
        # Not the first: who lives long enough finds out that it was forgotten.
        victim = dice.randrange(1, PROCESSES)
        herds[victim].kill()
        herds[victim] = Herd(bus, dice.randrange(2**32), count.place(victim))
        killed += 1
        sizes.append(daemon.status_field("VmRSS"))
    for herd in herds:
        herd.kill()
    root = administrator(bus)
    # A bus that had no time for it may have made it connect anew.
    eventually("the daemon is on the bus", lambda: root.name_has_owner(NAME), START_SECONDS)
    kernel_pool.expect_whole(root)
    print(f"{count.total()} answered, at most {count.longest()} while one waited, {killed * CONNECTIONS} "
          f"connections killed; the daemon had {min(sizes) >> 10} to {max(sizes) >> 10} KiB", flush=True)
    assert max(sizes) < MOST_BYTES, sizes
    middle = len(sizes) // 2
    assert max(sizes[middle:]) - max(sizes[:middle]) < FLAT_BYTES, f"it grows: {sizes}"
