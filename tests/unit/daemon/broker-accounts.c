// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which rule is whose, and what an account is called in the kernel's books. */
#include <glib.h>

#include "scene.h"
#include "suites.h"

static struct account_rule rule(const char *name)
{
	return (struct account_rule){ .name = g_strdup(name) };
}

static void assert_rule(const struct account_rules *rules, const struct identity *identity,
			const char *name)
{
	g_assert_cmpstr(account_rules_match(rules, identity)->name, ==, name);
}

/* Written in the reverse order of what they are worth. */
static struct account_rules *mixed_rules(void)
{
	struct account_rule *rules = g_new0(struct account_rule, 7);

	rules[0] = rule("default");
	rules[1] = rule("everybody");
	rules[2] = rule("group");
	rules[2].has_gid = true;
	rules[2].gid = 7;
	rules[3] = rule("second-group");
	rules[3].has_gid = true;
	rules[3].gid = 7;
	rules[4] = rule("user");
	rules[4].has_uid = true;
	rules[4].uid = 1000;
	rules[5] = rule("unit");
	rules[5].unit = g_strdup("media.service");
	rules[5].has_uid = true;
	rules[5].uid = 1000;
	rules[6] = rule("unit-of-nobody");
	rules[6].unit = g_strdup("other.service");
	return account_rules_new(rules, 7);
}

static void unit_user_group_everybody(void)
{
	struct account_rules *rules = mixed_rules();
	static const gid_t gids[] = { 3, 7 };

	assert_rule(rules, &(struct identity){ 1000, gids, 2, "media.service" }, "unit");
	assert_rule(rules, &(struct identity){ 1000, gids, 2, NULL }, "user");
	assert_rule(rules, &(struct identity){ 1001, gids, 2, NULL }, "group");
	assert_rule(rules, &(struct identity){ 1001, gids, 1, NULL }, "everybody");
	account_rules_unref(rules);
}

static void a_unit_proves_nothing(void)
{
	struct account_rules *rules = mixed_rules();

	assert_rule(rules, &(struct identity){ 1001, NULL, 0, "media.service" }, "everybody");
	assert_rule(rules, &(struct identity){ 1001, NULL, 0, "other.service" }, "everybody");
	account_rules_unref(rules);
}

static bool is_service(uid_t uid, const char *unit)
{
	return identity_is_service(&(struct identity){ uid, NULL, 0, unit });
}

static void a_person_in_a_unit_is_no_service(void)
{
	/* Root's, the last of the system's, and those of DynamicUser=. */
	g_assert_true(is_service(0, "cron.service"));
	g_assert_true(is_service(999, "media.service"));
	g_assert_true(is_service(61184, "media.service"));
	g_assert_true(is_service(65519, "media.service"));
	/* A crontab of somebody, of somebody in systemd-homed, of nobody, of a container's users. */
	g_assert_false(is_service(1000, "cron.service"));
	g_assert_false(is_service(60001, "atd.service"));
	g_assert_false(is_service(61183, "cron.service"));
	g_assert_false(is_service(65520, "cron.service"));
	g_assert_false(is_service(65534, "cron.service"));
	g_assert_false(is_service(524288, "cron.service"));
	g_assert_false(is_service(UINT32_MAX, "cron.service"));
	/* And who is in no unit is none, whoever it is. */
	g_assert_false(is_service(0, NULL));
	g_assert_false(is_service(61184, NULL));
}

static void there_is_always_a_default(void)
{
	struct account_rules *rules = account_rules_new(NULL, 0);
	struct account_rules *same = account_rules_ref(rules);

	account_rules_unref(rules);
	assert_rule(same, &(struct identity){ .uid = 5 }, "default");
	g_assert_cmpuint(account_rules_count(same), ==, 1);
	g_assert_null(account_rules_get(same, 1));
	g_assert_null(account_rules_find(same, "other"));
	g_assert_cmpuint(amount_resolve(&account_rules_get(same, 0)->maximum, 12345), ==, 12345);
	account_rules_unref(same);
}

static void assert_name(const struct account_rule *rule, uid_t uid, const char *expected)
{
	char text[64];
	char rule_name[64];
	uid_t parsed;

	account_rule_format(rule, uid, text);
	g_assert_cmpstr(text, ==, expected);
	g_assert_cmpint(account_parse(text, rule_name, &parsed), ==, 0);
	g_assert_cmpstr(rule_name, ==, rule->name);
	g_assert_cmpuint(parsed, ==, account_rule_get_uid(rule, uid));
}

#define LONGEST "1234567890123456789012345678901234567890"

static void names_come_back(void)
{
	char short_name[] = "media", long_name[] = LONGEST;
	struct account_rule rule = { .name = short_name };

	assert_name(&rule, 0, "media:0");
	assert_name(&rule, 4294967294, "media:4294967294");
	rule.is_shared = true;
	assert_name(&rule, 5, "media@all");
	rule.has_gid = true;
	rule.gid = 44;
	assert_name(&rule, 5, "media@44");
	/* Of one user it is his, whatever else is written. */
	rule.has_uid = true;
	rule.uid = 5;
	assert_name(&rule, 5, "media:5");
	rule = (struct account_rule){ .name = long_name };
	assert_name(&rule, 4294967294, LONGEST ":4294967294");
	rule.is_shared = rule.has_gid = true;
	rule.gid = 4294967294;
	assert_name(&rule, 0, LONGEST "@4294967294");
}

/* @rule is that of "crew". */
static void assert_account(const struct account_rule *rule, const char *account, bool is_its)
{
	struct account_rule *copy = g_memdup2(rule, sizeof(*rule));
	struct account_rules *rules;

	copy->name = g_strdup("crew");
	rules = account_rules_new(copy, 1);
	/* Adding a default may have moved it. */
	g_assert_true((account_rules_find_of(rules, account) == account_rules_get(rules, 0)) ==
		      is_its);
	account_rules_unref(rules);
}

/* A rule for others of the same name has none of the accounts that were. */
static void whose_it_was_is_in_the_name(void)
{
	static const char *const accounts[] = { "crew:5",  "crew:6",   "crew@50",
						"crew@51", "crew@all", "crew" };
	const struct account_rule user = { .has_uid = true, .uid = 5 };
	const struct account_rule group = { .has_gid = true, .gid = 50 };
	struct account_rule together = group;
	struct account_rule alone = user;
	struct account_rule everybody = { .is_shared = true };

	together.is_shared = alone.is_shared = true;
	for (size_t i = 0; i < G_N_ELEMENTS(accounts); i++) {
		assert_account(&user, accounts[i], i == 0);
		assert_account(&alone, accounts[i], i == 0);
		assert_account(&group, accounts[i], i <= 1);
		assert_account(&together, accounts[i], i == 2);
		assert_account(&everybody, accounts[i], i == 4);
	}
}

static void names_of_others_do_not(void)
{
	static const char *const names[] = {
		"",
		":",
		":5",
		"a:",
		"a:01",
		"a:-1",
		"a:+1",
		"a: 1",
		"a:1:2",
		"a:1 ",
		"a:x",
		"a",
		"a@",
		"a@x",
		"a@01",
		"a@1:2",
		"a:all",
		"a@alls",
		"a@4294967295",
		"@all",
		"a:4294967295",
		"a:99999999999",
		"a\n:1",
		"12345678901234567890123456789012345678901:5",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		char rule_name[64] = "untouched";
		uid_t uid = 77;

		g_assert_cmpint(account_parse(names[i], rule_name, &uid), ==, -EINVAL);
		g_assert_cmpstr(rule_name, ==, "untouched");
		g_assert_cmpuint(uid, ==, 77);
	}
}

static void shares_do_not_overflow(void)
{
	struct amount half = { .is_share = true, .bytes = 5000 };
	struct amount all = { .is_share = true, .bytes = 10000 };
	struct amount none = { .bytes = ACCOUNT_UNLIMITED };

	g_assert_cmpuint(amount_resolve(&half, 1001), ==, 500);
	g_assert_cmpuint(amount_resolve(&all, UINT64_MAX), ==, UINT64_MAX);
	g_assert_cmpuint(amount_resolve(&none, 1000), ==, ACCOUNT_UNLIMITED);
}

void add_accounts(void)
{
	g_test_add_func("/account/unit-user-group-everybody", unit_user_group_everybody);
	g_test_add_func("/account/a-unit-proves-nothing", a_unit_proves_nothing);
	g_test_add_func("/account/a-person-in-a-unit-is-no-service",
			a_person_in_a_unit_is_no_service);
	g_test_add_func("/account/there-is-always-a-default", there_is_always_a_default);
	g_test_add_func("/account/names-come-back", names_come_back);
	g_test_add_func("/account/names-of-others-do-not", names_of_others_do_not);
	g_test_add_func("/account/whose-it-was-is-in-the-name", whose_it_was_is_in_the_name);
	g_test_add_func("/account/shares-do-not-overflow", shares_do_not_overflow);
}
