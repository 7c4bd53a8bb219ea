# SPDX-License-Identifier: LGPL-2.1-or-later
"""cmabulkctl metrics: what monitoring systems read of the daemon."""

import openmetrics
from command_line import MEDIA, NOBODY, ROOT, expect, read_json
from installed import Application
from manager import BOB, CAROL, CLIENTS, MIB, administrator, daemon_with_clients
from openmetrics import value

# What one asks for that wants all of it comes short.
POOL = "main=128M,unmovable=8"
SHARED = "[Account vendor]\nGroup=staff\nShared=yes\nMaxBytes=50%\n"


def with_traffic(bus, application):
    """A request that got all, a refused one, and one that came short."""
    application.expect("allocate 16 4 0", "allocate: complete")
    expect(bus, 6, "alloc", "16M", stderr="account media")
    expect(bus, 0, "alloc", "128M", "--minimum=1", "--pool=main", uid=BOB)
    administrator(bus).wait_for_buffers(4)


def are_well_formed(bus):
    """Strictly OpenMetrics, and the numbers are those of the daemon."""
    daemon_with_clients(bus, POOL, "npu=32M", configuration=MEDIA + SHARED)
    with Application(bus) as application:
        with_traffic(bus, application)
        found = openmetrics.parse(expect(bus, 0, "metrics", **ROOT))
        pool = "cmabulk_pool_"
        assert value(found, "cmabulk_pool", "_info", pool="main", kind="sim",
                     engine="simulated") == 1
        for name, expected in (("size_bytes", 128 * MIB), ("exported_bytes", MIB), ("buffers", 4),
                               ("pending_requests", 0), ("guarantee_at_risk", 0)):
            assert value(found, pool + name, pool="main") == expected, name
        assert value(found, pool + "buffers", pool="npu") == 0
        for name, expected in (("requests_admitted", 2), ("resyncs", 0), ("give_backs", 0)):
            assert value(found, pool + name, "_total", pool="main") == expected, name
        assert value(found, pool + "requests_refused", "_total", pool="main", reason="quota") == 1
        for status, expected in (("complete", 1), ("partial", 1), ("cancelled", 0)):
            assert value(found, pool + "requests_finished", "_total", pool="main",
                         status=status) == expected, status
        assert value(found, pool + "fills", "_total", pool="main", effort="fast",
                     result="complete") == 1
        assert value(found, pool + "request_duration_seconds", "_count", pool="main") == 2
        assert found[pool + "worker_seconds"].unit == "seconds"
        account = {"pool": "main", "account": "media", "uid": "5"}
        assert value(found, "cmabulk_account_used_bytes", **account) == MIB
        assert value(found, "cmabulk_account_granted_bytes", "_total", **account) == MIB
        shared = {"pool": "npu", "account": "vendor", "uid": ""}
        assert value(found, "cmabulk_account_maximum_bytes", **shared) == 16 * MIB


def in_the_older_format(bus):
    """The same samples; counters are described by the names that these have."""
    daemon_with_clients(bus, POOL, configuration=MEDIA)
    with Application(bus) as application:
        with_traffic(bus, application)
        new = expect(bus, 0, "metrics", **ROOT).splitlines()
        old = expect(bus, 0, "metrics", "--format=prometheus", **ROOT).splitlines()
        assert new.pop() == "# EOF"
        assert [line for line in new if line[0] != "#"] == [line for line in old if line[0] != "#"]
        types = {}
        for line in old:
            assert not line.startswith("# UNIT"), line
            if line.startswith("# TYPE"):
                _, _, name, kind = line.split()
                assert name not in types and name.endswith("_total") == (kind == "counter"), line
                types[name] = kind
            elif line[0] != "#":
                name = line.partition("{")[0]
                family = max((known for known in types if name.startswith(known)), key=len)
                assert name == family or types[family] == "histogram", line


def promtool_is_content(bus):
    daemon_with_clients(bus, POOL, configuration=MEDIA + SHARED)
    with Application(bus) as application:
        with_traffic(bus, application)
        for who in ROOT, NOBODY, {}:
            openmetrics.check_with_promtool(
                expect(bus, 0, "metrics", "--format=prometheus", **who))


def show_ones_own(bus):
    daemon_with_clients(bus, POOL, configuration=MEDIA)
    with Application(bus) as application, \
            Application(bus, uid=BOB, groups=(CLIENTS,)) as other:
        for program in application, other:
            program.expect("allocate 16 4 0", "allocate: complete")

        def users(**who):
            found = openmetrics.parse(expect(bus, 0, "metrics", **who))
            samples = [labels for family in found.values() for _, labels in family.samples]
            assert ("pool", "main") in {pair for labels in samples for pair in labels}
            return {dict(labels)["uid"] for labels in samples if "uid" in dict(labels)}

        assert users() == {"5"}
        assert users(uid=BOB) == {str(BOB)}
        assert users(**ROOT) == {"5", str(BOB)}
        assert users(uid=CAROL) == users(**NOBODY) == set()


def as_json(bus):
    daemon_with_clients(bus, POOL, configuration=MEDIA)
    with Application(bus) as application:
        with_traffic(bus, application)
        found = read_json(bus, "metrics", **ROOT)
        assert [pool["name"] for pool in found["pools"]] == ["main"], found
        assert found["pools"][0]["guarantee_at_risk"] is False, found
        assert {account["account"] for account in found["accounts"]} == {"media"}, found
        whole, *accounts = found["counters"]
        assert (whole["account"], whole["uid"], whole["refused"]) == (None, None, {"quota": 1})
        assert whole["latency"][-1]["most_us"] is None, whole
        assert sum(bucket["requests"] for bucket in whole["latency"]) == whole["admitted"] == 2
        media = next(account for account in accounts if account["account"] == "media")
        assert (media["uid"], media["bytes_granted"]) == (5, MIB), media
        assert "latency" not in media and media["fills"] == [
            {"effort": "fast", "result": "complete", "fills": 1}], media
