// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is charged: an instance (rule, uid) of a quota rule, and what it uses per
 * pool. Pure: no I/O, no clock.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "account.h"

#define SHARES_IN_ALL 10000
#define DEFAULT_RULE  "default"
#define SHARED_BY_ALL "@all"

/* As systemd has them: users of the system, and those that DynamicUser= makes up. */
#define SYSTEM_UID_MAX	999
#define DYNAMIC_UID_MIN 61184
#define DYNAMIC_UID_MAX 65519

struct account_rules {
	unsigned int references;
	struct account_rule *rules;
	size_t count;
};

uint64_t amount_resolve(const struct amount *amount, uint64_t pool_bytes)
{
	if (!amount->is_share)
		return amount->bytes;
	return (uint64_t)((unsigned __int128)pool_bytes * amount->bytes / SHARES_IN_ALL);
}

bool amount_is_zero(const struct amount *amount)
{
	return !amount->bytes;
}

bool account_rule_allows_pool(const struct account_rule *rule, const char *pool)
{
	return !rule->pools || !pool[0] || g_strv_contains((const char *const *)rule->pools, pool);
}

unsigned int account_rule_get_efforts(const struct account_rule *rule, unsigned int ceiling)
{
	unsigned int up_to = (2U << ceiling) - 1;

	return rule->efforts ? rule->efforts & up_to : up_to;
}

static bool is_of_several(const struct account_rule *rule)
{
	return rule->is_shared && !rule->has_uid;
}

uid_t account_rule_get_uid(const struct account_rule *rule, uid_t uid)
{
	return is_of_several(rule) ? ACCOUNT_UID_SHARED : uid;
}

void account_rule_format(const struct account_rule *rule, uid_t uid, char ret[64])
{
	if (!is_of_several(rule))
		snprintf(ret, 64, "%.*s:%u", ACCOUNT_NAME_MAX, rule->name, (unsigned int)uid);
	else if (rule->has_gid)
		snprintf(ret, 64, "%.*s@%u", ACCOUNT_NAME_MAX, rule->name, (unsigned int)rule->gid);
	else
		snprintf(ret, 64, "%.*s" SHARED_BY_ALL, ACCOUNT_NAME_MAX, rule->name);
}

bool account_rule_is_single(const struct account_rule *rule, char ret_account[64])
{
	if (!rule->is_shared && !rule->has_uid)
		return false;
	account_rule_format(rule, rule->uid, ret_account);
	return true;
}

/* Whoever writes no default still has one: nobody is without a limit. */
static void add_default(struct account_rules *rules)
{
	rules->rules = g_renew(struct account_rule, rules->rules, rules->count + 1);
	rules->rules[rules->count++] = (struct account_rule){
		.name = g_strdup(DEFAULT_RULE),
		.maximum = { .is_share = true, .bytes = SHARES_IN_ALL },
		.max_buffers = 4096,
		.max_pending = 64,
		.weight = 100,
	};
}

struct account_rules *account_rules_new(struct account_rule *rules, size_t count)
{
	struct account_rules *new = g_new0(struct account_rules, 1);

	new->references = 1;
	new->rules = rules;
	new->count = count;
	if (!account_rules_find(new, DEFAULT_RULE))
		add_default(new);
	return new;
}

struct account_rules *account_rules_ref(struct account_rules *rules)
{
	rules->references++;
	return rules;
}

struct account_rules *account_rules_unref(struct account_rules *rules)
{
	if (!rules || --rules->references)
		return NULL;
	for (size_t i = 0; i < rules->count; i++) {
		g_free(rules->rules[i].name);
		g_free(rules->rules[i].unit);
		g_strfreev(rules->rules[i].pools);
	}
	g_free(rules->rules);
	g_free(rules);
	return NULL;
}

static bool has_group(const struct identity *identity, gid_t gid)
{
	for (size_t i = 0; i < identity->n_gids; i++)
		if (identity->gids[i] == gid)
			return true;
	return false;
}

/* A unit's name is no proof of anything: it must be the user's that the rule names too. */
static bool matches_unit(const struct account_rule *rule, const struct identity *identity)
{
	if (!rule->unit)
		return true;
	return rule->has_uid && identity->unit && strcmp(rule->unit, identity->unit) == 0;
}

bool account_rule_is_for(const struct account_rule *rule, const struct identity *identity)
{
	return (!rule->has_uid || rule->uid == identity->uid) &&
	       (!rule->has_gid || has_group(identity, rule->gid));
}

static bool matches(const struct account_rule *rule, const struct identity *identity)
{
	return matches_unit(rule, identity) && account_rule_is_for(rule, identity);
}

/* What goes first: unit, user, group, everybody; of those for everybody, "default" comes last. */
static unsigned int rank(const struct account_rule *rule)
{
	if (rule->unit)
		return 0;
	if (rule->has_uid)
		return 1;
	if (rule->has_gid)
		return 2;
	return strcmp(rule->name, DEFAULT_RULE) == 0 ? 4 : 3;
}

const struct account_rule *account_rules_match(const struct account_rules *rules,
					       const struct identity *identity)
{
	const struct account_rule *best = NULL;

	for (size_t i = 0; i < rules->count; i++) {
		const struct account_rule *rule = &rules->rules[i];

		if (matches(rule, identity) && (!best || rank(rule) < rank(best)))
			best = rule;
	}
	return best;
}

const struct account_rule *account_rules_find(const struct account_rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->rules[i].name, name) == 0)
			return &rules->rules[i];
	return NULL;
}

const struct account_rule *account_rules_find_of(const struct account_rules *rules,
						 const char *account)
{
	const struct account_rule *rule;
	char name[64];
	uid_t uid;

	if (account_parse(account, name, &uid) < 0)
		return NULL;
	rule = account_rules_find(rules, name);
	if (!rule || (rule->has_uid && rule->uid != uid) ||
	    is_of_several(rule) != (uid == ACCOUNT_UID_SHARED))
		return NULL;
	account_rule_format(rule, uid, name);
	return strcmp(name, account) == 0 ? rule : NULL;
}

size_t account_rules_count(const struct account_rules *rules)
{
	return rules->count;
}

const struct account_rule *account_rules_get(const struct account_rules *rules, size_t index)
{
	return index < rules->count ? &rules->rules[index] : NULL;
}

uint64_t account_rules_get_guaranteed(const struct account_rules *rules, const char *pool,
				      uint64_t pool_bytes, char **ret_names)
{
	GString *names = g_string_new(NULL);
	uint64_t sum = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct account_rule *rule = &rules->rules[i];
		uint64_t bytes = MIN(amount_resolve(&rule->minimum, pool_bytes),
				     amount_resolve(&rule->maximum, pool_bytes));
		char account[64];

		if (!bytes || !account_rule_is_single(rule, account) ||
		    !account_rule_allows_pool(rule, pool))
			continue;
		g_string_append_printf(names, "%s%s", names->len ? ", " : "", rule->name);
		if (__builtin_add_overflow(sum, bytes, &sum))
			sum = UINT64_MAX;
	}
	*ret_names = g_string_free(names, FALSE);
	return sum;
}

static bool uid_is_system(uid_t uid)
{
	return uid <= SYSTEM_UID_MAX || (uid >= DYNAMIC_UID_MIN && uid <= DYNAMIC_UID_MAX);
}

bool identity_is_service(const struct identity *identity)
{
	return identity->unit && uid_is_system(identity->uid);
}

/* As we write them: no sign, no leading zero, not the one that means "none". */
static int parse_id(const char *text, uint32_t *ret)
{
	uint64_t id;

	if (!g_ascii_isdigit(text[0]) || (text[0] == '0' && text[1]) || strlen(text) > 10)
		return -EINVAL;
	if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX - 1, &id, NULL))
		return -EINVAL;
	*ret = (uint32_t)id;
	return 0;
}

/* Whose it is, behind the name of the rule. */
static int parse_holder(const char *text, uid_t *ret_uid)
{
	uint32_t id = 0;

	if (text[0] == ':' && parse_id(text + 1, &id) >= 0) {
		*ret_uid = id;
		return 0;
	}
	if (strcmp(text, SHARED_BY_ALL) != 0 && (text[0] != '@' || parse_id(text + 1, &id) < 0))
		return -EINVAL;
	*ret_uid = ACCOUNT_UID_SHARED;
	return 0;
}

int account_parse(const char *text, char ret_rule_name[64], uid_t *ret_uid)
{
	size_t length = strcspn(text, ":@");
	uid_t uid;

	if (!length || length > ACCOUNT_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (g_ascii_iscntrl(text[i]))
			return -EINVAL;
	if (parse_holder(text + length, &uid) < 0)
		return -EINVAL;
	memcpy(ret_rule_name, text, length);
	ret_rule_name[length] = '\0';
	*ret_uid = uid;
	return 0;
}
