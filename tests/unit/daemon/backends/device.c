// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a device may be named, which rule is its, and what the system knows of it. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "fixture.h"
#include "udev-device.h"

/* A device that every machine has. */
#define NODE	  "/dev/null"
#define SYSPATH	  "/sys/devices/virtual/mem/null"
#define CLASSPATH "/sys/class/mem/null"
#define SYSNAME	  "mem:null"
#define DATABASE  "/run/udev/data"
/* Its number. */
#define RECORD	  DATABASE "/c1:3"

static void assert_form(const char *text, enum device_form form)
{
	struct device_text parsed;

	g_assert_cmpint(device_text_parse(text, &parsed), ==, 0);
	g_assert_cmpint(parsed.form, ==, form);
}

static void it_has_four_names(void)
{
	struct device_text parsed;

	assert_form("camera", DEVICE_NAME);
	assert_form("sys.class-1_2", DEVICE_NAME);
	assert_form("/dev/video0", DEVICE_NODE);
	assert_form("/dev/v4l/by-id/a:b c", DEVICE_NODE);
	assert_form("/sys/class/video4linux/video0", DEVICE_SYSPATH);
	assert_form("/sys/devices/pci0000:00/0000:00:01.0", DEVICE_SYSPATH);
	assert_form("/sys/bus/pci/devices/0000:00:01.0", DEVICE_SYSPATH);
	assert_form("video4linux:video0", DEVICE_SYSNAME);
	g_assert_cmpint(device_text_parse("pci:0000:00:01.0", &parsed), ==, 0);
	g_assert_cmpstr(parsed.subsystem, ==, "pci");
	g_assert_cmpstr(parsed.sysname, ==, "0000:00:01.0");
}

static void nothing_else_is_one(void)
{
	static const char *const texts[] = {
		"",
		"/",
		"/dev",
		"/dev/",
		"/dev//null",
		"/dev/null/",
		"/dev/./null",
		"/dev/../dev/null",
		"/dev/shm/..",
		"/devices/null",
		"dev/null",
		"../dev/null",
		"/etc/passwd",
		"/sys",
		"/sys/class/mem/../mem/null",
		"/sys/devices/..",
		"/sys/kernel/debug/x",
		"/sys/fs/cgroup/x",
		"/proc/self/fd/0",
		"/dev/null\n",
		"two words",
		":",
		"mem:",
		":null",
		"mem:..",
		"mem:.",
		"mem:a/b",
		"m m:null",
		"../mem:null",
		"mem:nu\x1bll",
		"caf\xc3\xa9",
	};
	g_autofree char *subsystem = g_strnfill(DEVICE_SUBSYSTEM_MAX + 1, 's');
	g_autofree char *pair = g_strdup_printf("%s:null", subsystem);
	g_autofree char *filler = g_strnfill(DEVICE_TEXT_MAX, 'x');
	g_autofree char *path = g_strdup_printf("/dev/%s", filler);
	struct device_text untouched = { .text = "untouched" };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (device_text_parse(texts[i], &untouched) != -EINVAL)
			g_error("\"%s\" is taken for a device", texts[i]);
	g_assert_cmpint(device_text_parse(pair, &untouched), ==, -EINVAL);
	g_assert_cmpint(device_text_parse(filler, &untouched), ==, -EINVAL);
	g_assert_cmpint(device_text_parse(path, &untouched), ==, -EINVAL);
	g_assert_cmpstr(untouched.text, ==, "untouched");
	path[DEVICE_TEXT_MAX] = '\0';
	g_assert_cmpint(device_text_parse(path, &untouched), ==, 0);
}

/*
 * Rules
 */

static struct device_rules *make_rules(void)
{
	static const struct {
		const char *name;
		const char *node;
		const char *syspath;
		const char *subsystem;
		const char *sysname;
	} rules[] = {
		{ .name = "front", .node = "/dev/video0" },
		{ .name = "back", .syspath = "/sys/devices/back" },
		{ .name = "both", .node = "/dev/both", .subsystem = "video4linux" },
		{ .name = "some", .subsystem = "video4linux", .sysname = "*deo*1*" },
		{ .name = "all", .subsystem = "video4linux" },
		{ .name = "none" },
	};
	struct device_rule *copies = g_new0(struct device_rule, G_N_ELEMENTS(rules));

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		g_autofree char *pools = g_strdup_printf("%s reserve", rules[i].name);

		copies[i].name = g_strdup(rules[i].name);
		copies[i].node = g_strdup(rules[i].node);
		copies[i].syspath = g_strdup(rules[i].syspath);
		copies[i].subsystem = g_strdup(rules[i].subsystem);
		copies[i].sysname = g_strdup(rules[i].sysname);
		copies[i].pools = device_parse_pools(pools);
	}
	return device_rules_new(copies, G_N_ELEMENTS(rules));
}

/* Of a device that is named like that, and of which @facts are known. */
static void assert_pools(const char *named, const struct device_facts *facts, const char *expected)
{
	struct device_rules *rules = make_rules();
	g_autofree char *joined = NULL;
	g_auto(GStrv) pools = NULL;
	struct device_text text;

	g_assert_cmpint(device_text_parse(named, &text), ==, 0);
	pools = device_rules_get_pools(rules, &text, facts);
	joined = pools ? g_strjoinv(" ", pools) : NULL;
	g_assert_cmpstr(joined, ==, expected);
	device_rules_free(rules);
}

static void assert_pools_of_text(const char *named, const char *expected)
{
	struct device_facts facts;
	struct device_text text;

	g_assert_cmpint(device_text_parse(named, &text), ==, 0);
	device_facts_from_text(&text, &facts);
	assert_pools(named, &facts, expected);
	device_facts_clear(&facts);
}

static void the_first_rule_counts(void)
{
	char *links[] = { (char *)"/dev/a", (char *)"/dev/video0", NULL };
	const struct device_facts linked = { .node = (char *)"/dev/video7", .links = links };
	const struct device_facts both = {
		.node = (char *)"/dev/both",
		.subsystem = (char *)"video4linux",
		.sysname = (char *)"video1",
	};

	assert_pools_of_text("/dev/video0", "front reserve");
	assert_pools_of_text("/sys/devices/back", "back reserve");
	assert_pools_of_text("video4linux:video21", "some reserve");
	assert_pools_of_text("video4linux:video2", "all reserve");
	assert_pools("/dev/video7", &linked, "front reserve");
	assert_pools("/dev/both", &both, "both reserve");
}

/* A rule has all that it says; one that says nothing matches nothing. */
static void what_is_not_known_does_not_match(void)
{
	assert_pools_of_text("/dev/both", NULL);
	assert_pools_of_text("/dev/video", NULL);
	assert_pools_of_text("/dev/video00", NULL);
	assert_pools_of_text("mem:video1", NULL);
	assert_pools_of_text("/sys/class/back", NULL);
}

static void its_name_is_enough(void)
{
	assert_pools_of_text("front", "front reserve");
	assert_pools_of_text("none", "none reserve");
	assert_pools_of_text("nobody", NULL);
}

static void the_configuration_comes_first(void)
{
	struct device_facts facts = {
		.node = (char *)"/dev/video0",
		.pools = (char *)"other  main\t",
	};

	assert_pools("/dev/video0", &facts, "front reserve");
	facts.node = (char *)"/dev/video1";
	assert_pools("/dev/video1", &facts, "other main");
	facts.pools = (char *)"other ../main";
	assert_pools("/dev/video1", &facts, NULL);
}

static void pools_are_limited(void)
{
	static const char *const wrong[] = { "", " \t", "a b a", "a,b", "a/b", "a \xc3\xa9" };
	GString *text = g_string_new(NULL);
	g_auto(GStrv) pools = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(device_parse_pools(wrong[i]));
	for (unsigned int i = 0; i < DEVICE_POOLS_MAX; i++)
		g_string_append_printf(text, " p%u", i);
	pools = device_parse_pools(text->str);
	g_assert_cmpuint(g_strv_length(pools), ==, DEVICE_POOLS_MAX);
	g_string_append(text, " more");
	g_assert_null(device_parse_pools(text->str));
	g_string_free(text, TRUE);
}

/* What takes other matchers as long as the stars have ways to be spread. */
static void a_pattern_takes_no_time(void)
{
	g_autofree char *name = g_strnfill(1000, 'a');
	g_autofree char *named = g_strdup_printf("s:%s", name);
	struct device_rule *rule = g_new0(struct device_rule, 1);
	g_auto(GStrv) stars = g_new0(char *, 201);
	struct device_rules *rules;
	struct device_facts facts;
	struct device_text text;

	for (int i = 0; i < 200; i++)
		stars[i] = g_strdup("*a");
	rule->name = g_strdup("slow");
	rule->subsystem = g_strdup("s");
	rule->sysname = g_strjoinv("", stars);
	rule->sysname[399] = 'b';
	rule->pools = device_parse_pools("main");
	rules = device_rules_new(rule, 1);
	g_assert_cmpint(device_text_parse(named, &text), ==, 0);
	device_facts_from_text(&text, &facts);
	g_assert_null(device_rules_get_pools(rules, &text, &facts));
	device_facts_clear(&facts);
	device_rules_free(rules);
}

/*
 * What was read
 */

static void put(struct device_cache *cache, unsigned int number, uint64_t now_usec)
{
	g_autofree char *syspath = g_strdup_printf("/sys/devices/%u", number);
	const struct device_facts facts = {
		.syspath = syspath,
		.pools = (char *)"main",
		.links = (char *[]){ NULL },
	};

	device_cache_put(cache, &facts, 1, now_usec);
}

static bool knows(struct device_cache *cache, unsigned int number, uint64_t version,
		  uint64_t now_usec)
{
	g_autofree char *syspath = g_strdup_printf("/sys/devices/%u", number);
	struct device_facts facts;

	if (!device_cache_find(cache, syspath, version, now_usec, &facts))
		return false;
	g_assert_cmpstr(facts.syspath, ==, syspath);
	g_assert_cmpstr(facts.pools, ==, "main");
	device_facts_clear(&facts);
	return true;
}

/* For a while, until udevd has written something, and not more than so many. */
static void what_was_read_is_known(void)
{
	struct device_cache *cache = device_cache_new();

	g_assert_false(knows(cache, 0, 1, 0));
	for (unsigned int i = 0; i < DEVICE_CACHE_MAX; i++)
		put(cache, i, i);
	put(cache, 0, DEVICE_CACHE_MAX);
	put(cache, 0, DEVICE_CACHE_MAX);
	g_assert_true(knows(cache, 1, 1, DEVICE_CACHE_MAX));
	put(cache, DEVICE_CACHE_MAX, DEVICE_CACHE_MAX);
	g_assert_false(knows(cache, 1, 1, DEVICE_CACHE_MAX));
	g_assert_true(knows(cache, 2, 1, DEVICE_CACHE_USEC + 1));
	g_assert_false(knows(cache, 2, 1, DEVICE_CACHE_USEC + 2));
	g_assert_true(knows(cache, 0, 1, DEVICE_CACHE_USEC + 2));
	g_assert_false(knows(cache, 0, 2, DEVICE_CACHE_USEC + 2));
	g_assert_false(knows(cache, 0, 1, DEVICE_CACHE_USEC + 2));
	device_cache_free(cache);
}

/*
 * The system
 */

static int find_cached(struct device_cache *cache, const char *named, uint64_t now_usec,
		       struct device_facts *ret)
{
	struct device_text text;

	g_assert_cmpint(device_text_parse(named, &text), ==, 0);
	return udev_device_find(cache, &text, now_usec, ret);
}

static int find(const char *named, struct device_facts *ret)
{
	struct device_cache *cache = device_cache_new();
	int r = find_cached(cache, named, 0, ret);

	device_cache_free(cache);
	return r;
}

static bool is_there(void)
{
	if (access(CLASSPATH, F_OK) == 0)
		return true;
	g_test_skip("there is no " CLASSPATH);
	return false;
}

static void the_system_knows_it(void)
{
	static const char *const names[] = { NODE, SYSPATH, CLASSPATH, SYSNAME };

	if (!is_there())
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct device_facts facts;

		g_assert_cmpint(find(names[i], &facts), ==, 0);
		g_assert_cmpstr(facts.node, ==, NODE);
		g_assert_cmpstr(facts.syspath, ==, SYSPATH);
		g_assert_cmpstr(facts.subsystem, ==, "mem");
		g_assert_cmpstr(facts.sysname, ==, "null");
		g_assert_null(facts.pools);
		device_facts_clear(&facts);
	}
}

static void nobody_is_led_elsewhere(void)
{
	static const char *const names[] = {
		"/dev/no-such-device",
		"/dev/shm",
		"/dev/fd/0",
		"/dev/stdin",
		"/sys/devices/virtual",
		"/sys/class/mem",
		"/sys/bus/platform",
		"mem:no-such-device",
		"no-such-subsystem:null",
		"subsystem:mem",
		"drivers:platform",
		"camera",
	};
	struct device_facts facts;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (find(names[i], &facts) != -ENODEV)
			g_error("\"%s\" is taken for a device", names[i]);
}

/* A link that a user may make, to a device of whoever looks. */
static void links_of_users_are_not_followed(void)
{
	g_autofree char *link = g_strdup_printf("/dev/shm/cmabulk-test-%d", (int)getpid());
	struct device_facts facts;

	if (symlink(NODE, link) < 0) {
		g_test_skip("there is no /dev/shm");
		return;
	}
	g_assert_cmpint(find(link, &facts), ==, -ENODEV);
	unlink(link);
}

enum { FOUND, NOT_FOUND, NOT_PERMITTED };

/* In a process that sees another /run than all others. */
static int find_with_property(void)
{
	struct device_facts facts;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) < 0 || g_mkdir_with_parents(DATABASE, 0755) < 0)
		return NOT_PERMITTED;
	if (!g_file_set_contents(RECORD, "S:test-link\nE:CMABULK_POOLS=video reserve\n", -1, NULL))
		return NOT_PERMITTED;
	if (find(NODE, &facts) < 0)
		return NOT_FOUND;
	if (g_strcmp0(facts.pools, "video reserve") != 0 ||
	    !g_strv_contains((const char *const *)facts.links, "/dev/test-link"))
		return NOT_FOUND;
	device_facts_clear(&facts);
	return FOUND;
}

static bool has_pools(struct device_cache *cache, const char *named, uint64_t now_usec,
		      const char *pools)
{
	struct device_facts facts;
	bool is_so;

	if (find_cached(cache, named, now_usec, &facts) < 0)
		return false;
	is_so = g_strcmp0(facts.pools, pools) == 0;
	device_facts_clear(&facts);
	return is_so;
}

/* As udevd does; later than a tick of the clock that files are stamped by. */
static bool write_record(const char *text)
{
	g_usleep(20000);
	return g_file_set_contents(RECORD, text, -1, NULL);
}

/* As nobody does: in place, so that nothing says that it is another one. */
static bool change_record(const char *text)
{
	FILE *file = fopen(RECORD, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* What was read a moment ago is not read again, whatever the device is called; what udevd wrote since is. */
static int find_again(void)
{
	struct device_cache *cache = device_cache_new();
	bool is_right =
		change_record("E:CMABULK_POOLS=one\n") && has_pools(cache, NODE, 0, "one") &&
		change_record("E:CMABULK_POOLS=two\n") && has_pools(cache, CLASSPATH, 1, "one") &&
		has_pools(cache, SYSNAME, DEVICE_CACHE_USEC - 1, "one") &&
		has_pools(cache, NODE, DEVICE_CACHE_USEC, "two") &&
		write_record("E:CMABULK_POOLS=three\n") &&
		has_pools(cache, NODE, DEVICE_CACHE_USEC, "three");

	device_cache_free(cache);
	return is_right ? FOUND : NOT_FOUND;
}

static int find_with_record(void)
{
	int found = find_with_property();

	return found == FOUND ? find_again() : found;
}

static void its_property_is_read(void)
{
	int status;
	pid_t child;

	if (!is_there())
		return;
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(find_with_record());
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_PERMITTED)
		g_test_skip("only root can have another /run");
	else
		g_assert_cmpint(WEXITSTATUS(status), ==, FOUND);
}

void add_device_tests(void)
{
	g_test_add_func("/device/it-has-four-names", it_has_four_names);
	g_test_add_func("/device/nothing-else-is-one", nothing_else_is_one);
	g_test_add_func("/device/the-first-rule-counts", the_first_rule_counts);
	g_test_add_func("/device/what-is-not-known-does-not-match",
			what_is_not_known_does_not_match);
	g_test_add_func("/device/its-name-is-enough", its_name_is_enough);
	g_test_add_func("/device/the-configuration-comes-first", the_configuration_comes_first);
	g_test_add_func("/device/pools-are-limited", pools_are_limited);
	g_test_add_func("/device/a-pattern-takes-no-time", a_pattern_takes_no_time);
	g_test_add_func("/device/what-was-read-is-known", what_was_read_is_known);
	g_test_add_func("/device/the-system-knows-it", the_system_knows_it);
	g_test_add_func("/device/nobody-is-led-elsewhere", nobody_is_led_elsewhere);
	g_test_add_func("/device/links-of-users-are-not-followed", links_of_users_are_not_followed);
	g_test_add_func("/device/its-property-is-read", its_property_is_read);
}
