// SPDX-License-Identifier: LGPL-2.1-or-later
/* The [Account NAME] groups of the configuration, while its files are read. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config-account.h"
#include "config-file.h"
#include "config-name.h"
#include "effort.h"
#include "size.h"

#define DEFAULT_ACCOUNT "default"

#define MAX_ACCOUNTS	    1024
#define DEFAULT_MAX_BUFFERS 4096
#define LIMIT_MAX_BUFFERS   (1 << 20)
#define DEFAULT_MAX_PENDING 64
#define LIMIT_MAX_PENDING   (1 << 16)
#define DEFAULT_WEIGHT	    100
#define LIMIT_WEIGHT	    10000
#define LIMIT_RATE_BURST    1000000

#define DEFAULT_RATE_INTERVAL_USEC UINT64_C(1000000)

#define LEFT_OUT     "the account is left out"
#define RIGHT_COUNTS "only what is right of it is allowed"
#define WRONG_AMOUNT "neither bytes, with K, M, G or T, nor a percentage up to 100%"

/* What an account matches; a value that is wrong must not make it match more. */
enum match {
	MATCH_USER = 1 << 0,
	MATCH_GROUP = 1 << 1,
	MATCH_UNIT = 1 << 2,
};

struct draft {
	struct account_rule rule;
	unsigned int wrong; /* enum match */
	char *group; /* as it is written */
	char *unit_file; /* where the unit comes from */
	char *minimum_file; /* where the minimum comes from */
	bool is_of_files; /* not only changed at run time */
};

struct config_accounts {
	GPtrArray *drafts; /* in the order of their first appearance */
	struct draft *current; /* NULL: of a group that is skipped */
};

static void draft_free(void *data)
{
	struct draft *draft = data;

	g_free(draft->rule.name);
	g_free(draft->rule.unit);
	g_strfreev(draft->rule.pools);
	g_free(draft->group);
	g_free(draft->unit_file);
	g_free(draft->minimum_file);
	g_free(draft);
}

static struct draft *draft_new(const char *name)
{
	struct draft *draft = g_new0(struct draft, 1);

	draft->group = g_strdup_printf("Account %s", name);
	draft->rule = (struct account_rule){
		.name = g_strdup(name),
		.maximum = { .is_share = true, .bytes = 10000 },
		.max_buffers = DEFAULT_MAX_BUFFERS,
		.max_pending = DEFAULT_MAX_PENDING,
		.weight = DEFAULT_WEIGHT,
		.rate_interval_usec = DEFAULT_RATE_INTERVAL_USEC,
	};
	return draft;
}

struct config_accounts *config_accounts_new(void)
{
	struct config_accounts *accounts = g_new0(struct config_accounts, 1);

	accounts->drafts = g_ptr_array_new_with_free_func(draft_free);
	return accounts;
}

void config_accounts_free(struct config_accounts *accounts)
{
	if (!accounts)
		return;
	g_ptr_array_unref(accounts->drafts);
	g_free(accounts);
}

/* It stands in the kernel's books before a colon, and in sentences. */
bool config_account_name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-.");

	return length > 0 && !name[length] && length <= ACCOUNT_NAME_MAX;
}

static bool is_default(const struct draft *draft)
{
	return strcmp(draft->rule.name, DEFAULT_ACCOUNT) == 0;
}

static struct draft *find_draft(const struct config_accounts *accounts, const char *name)
{
	for (guint i = 0; i < accounts->drafts->len; i++) {
		struct draft *draft = accounts->drafts->pdata[i];

		if (strcmp(draft->rule.name, name) == 0)
			return draft;
	}
	return NULL;
}

void config_accounts_begin(struct config_accounts *accounts, const struct config_place *place,
			   const char *name)
{
	accounts->current = NULL;
	if (!config_account_name_is_valid(name)) {
		config_problem(
			place->problems,
			"%s: [%s]: \"%s\" is no name for an account: 1 to %d letters, digits, "
			"'_', '-' and '.'; the group is ignored",
			place->file, place->group, name, ACCOUNT_NAME_MAX);
		return;
	}
	accounts->current = find_draft(accounts, name);
	if (!accounts->current && accounts->drafts->len == MAX_ACCOUNTS) {
		config_problem(place->problems,
			       "%s: [%s]: more than %d accounts; the group is ignored", place->file,
			       place->group, MAX_ACCOUNTS);
		return;
	}
	if (!accounts->current) {
		accounts->current = draft_new(name);
		g_ptr_array_add(accounts->drafts, accounts->current);
	}
	if (!place->is_runtime)
		accounts->current->is_of_files = true;
}

/*
 * Keys: each returns NULL, or what is wrong with the value
 */

static const char *set_user(struct draft *draft, const struct config_place *place,
			    const char *value)
{
	draft->rule.has_uid = user_parse(place->names, value, &draft->rule.uid) >= 0;
	return draft->rule.has_uid ? NULL : "there is no such user";
}

static const char *set_group(struct draft *draft, const struct config_place *place,
			     const char *value)
{
	draft->rule.has_gid = group_parse(place->names, value, &draft->rule.gid) >= 0;
	return draft->rule.has_gid ? NULL : "there is no such group";
}

static const char *set_unit(struct draft *draft, const struct config_place *place,
			    const char *value)
{
	if (!unit_name_is_valid(value))
		return "no full name of a unit, such as video.service";
	g_free(draft->rule.unit);
	g_free(draft->unit_file);
	draft->rule.unit = g_strdup(value);
	draft->unit_file = g_strdup(place->file);
	return NULL;
}

static const char *set_shared(struct draft *draft, const struct config_place *place,
			      const char *value)
{
	return boolean_parse(value, &draft->rule.is_shared) < 0 ? "neither yes nor no" : NULL;
}

static const char *set_min_bytes(struct draft *draft, const struct config_place *place,
				 const char *value)
{
	if (amount_parse(value, &draft->rule.minimum) < 0)
		return WRONG_AMOUNT;
	g_free(draft->minimum_file);
	draft->minimum_file = g_strdup(place->file);
	return NULL;
}

static const char *set_max_bytes(struct draft *draft, const struct config_place *place,
				 const char *value)
{
	return amount_parse(value, &draft->rule.maximum) < 0 ? WRONG_AMOUNT : NULL;
}

static const char *set_max_buffers(struct draft *draft, const struct config_place *place,
				   const char *value)
{
	return number_parse(value, 0, LIMIT_MAX_BUFFERS, &draft->rule.max_buffers) < 0 ?
		       "no number from 0 to 1048576" :
		       NULL;
}

static const char *set_max_pending(struct draft *draft, const struct config_place *place,
				   const char *value)
{
	return number_parse(value, 0, LIMIT_MAX_PENDING, &draft->rule.max_pending) < 0 ?
		       "no number from 0 to 65536" :
		       NULL;
}

static const char *set_weight(struct draft *draft, const struct config_place *place,
			      const char *value)
{
	uint64_t weight;

	if (number_parse(value, 1, LIMIT_WEIGHT, &weight) < 0)
		return "no number from 1 to 10000";
	draft->rule.weight = (unsigned int)weight;
	return NULL;
}

static const char *set_rate_interval(struct draft *draft, const struct config_place *place,
				     const char *value)
{
	return duration_parse(value, &draft->rule.rate_interval_usec) < 0 ?
		       "no time: write 1, 1s, 500ms, 2min, or 0 for no limit" :
		       NULL;
}

static const char *set_rate_burst(struct draft *draft, const struct config_place *place,
				  const char *value)
{
	return number_parse(value, 0, LIMIT_RATE_BURST, &draft->rule.rate_burst) < 0 ?
		       "no number from 0 to 1000000" :
		       NULL;
}

static const char *set_max_timeout(struct draft *draft, const struct config_place *place,
				   const char *value)
{
	uint64_t usec;

	if (duration_parse(value, &usec) < 0 || usec == 0)
		return "no time above 0: write 20, 20s, 500ms, 2min or infinity";
	draft->rule.max_timeout_usec = usec;
	return NULL;
}

/* Words between blanks, without those that are empty. */
static char **split(const char *value)
{
	GStrvBuilder *builder = g_strv_builder_new();
	g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
	char **result;

	for (char **word = words; *word; word++)
		if (**word)
			g_strv_builder_add(builder, *word);
	result = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return result;
}

/*
 * Lists of what it may use, of which nothing means all: of one that is wrong counts what is right, so that a slip of
 * the pen allows no more than was meant.
 */

static const char *set_efforts(struct draft *draft, const struct config_place *place,
			       const char *value)
{
	g_auto(GStrv) words = split(value);
	unsigned int efforts = 0, effort;
	bool is_wrong = false;

	for (char **word = words; *word; word++)
		if (effort_parse(*word, &effort) < 0)
			is_wrong = true;
		else
			efforts |= 1U << effort;
	draft->rule.efforts = is_wrong && !efforts ? ACCOUNT_NO_EFFORTS : efforts;
	return is_wrong ? "efforts are fast, normal and hard, with blanks between" : NULL;
}

/* They may come later: whether there are such pools is not asked. */
static const char *set_pools(struct draft *draft, const struct config_place *place,
			     const char *value)
{
	GStrvBuilder *pools = g_strv_builder_new();
	g_auto(GStrv) words = split(value);
	bool is_wrong = false;

	for (char **word = words; *word; word++)
		if (pool_name_is_valid(*word))
			g_strv_builder_add(pools, *word);
		else
			is_wrong = true;
	g_strfreev(draft->rule.pools);
	draft->rule.pools = words[0] ? g_strv_builder_end(pools) : NULL;
	g_strv_builder_unref(pools);
	return is_wrong ? "no names of pools, with blanks between" : NULL;
}

static const struct key {
	const char *name;
	const char *(*set)(struct draft *draft, const struct config_place *place,
			   const char *value);
	enum match match; /* 0: it is not about whom it matches */
	const char *instead; /* what becomes of a wrong value; NULL: it is ignored */
} keys[] = {
	{ "User", set_user, MATCH_USER, LEFT_OUT },
	{ "Group", set_group, MATCH_GROUP, LEFT_OUT },
	{ "Unit", set_unit, MATCH_UNIT, LEFT_OUT },
	{ "Shared", set_shared, 0 },
	{ "MinBytes", set_min_bytes, 0 },
	{ "MaxBytes", set_max_bytes, 0 },
	{ "MaxBuffers", set_max_buffers, 0 },
	{ "MaxPending", set_max_pending, 0 },
	{ "Weight", set_weight, 0 },
	{ "RateLimitIntervalSec", set_rate_interval, 0 },
	{ "RateLimitBurst", set_rate_burst, 0 },
	{ "MaxTimeoutSec", set_max_timeout, 0 },
	{ "Efforts", set_efforts, 0, RIGHT_COUNTS },
	{ "Pools", set_pools, 0, RIGHT_COUNTS },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool decides_whom(const struct key *key)
{
	return key->match || key->set == set_shared;
}

bool config_account_has_key(const char *name)
{
	return find_key(name);
}

bool config_account_key_decides_whom(const char *name)
{
	const struct key *key = find_key(name);

	return key && decides_whom(key);
}

/* Whom an account of the files is for, they alone say: else a change would outlive what it was made for. */
static bool is_fixed(const struct draft *draft, const struct config_place *place,
		     const struct key *key)
{
	return place->is_runtime && decides_whom(key) && (draft->is_of_files || is_default(draft));
}

static void set(struct draft *draft, const struct config_place *place, const struct key *key,
		const char *value)
{
	const char *wrong = key->set(draft, place, value);

	draft->wrong &= ~(unsigned int)key->match;
	if (!wrong)
		return;
	draft->wrong |= key->match;
	config_problem(place->problems, "%s: [%s] %s: \"%s\" is wrong: %s; %s", place->file,
		       place->group, key->name, value, wrong,
		       key->instead ? key->instead : "the value is ignored");
}

void config_accounts_set(struct config_accounts *accounts, const struct config_place *place,
			 const char *key_name, const char *value)
{
	const struct key *key = find_key(key_name);

	if (!accounts->current)
		return;
	if (!key)
		config_problem(place->problems, "%s: [%s] %s: unknown key; it is ignored",
			       place->file, place->group, key_name);
	else if (key->match && is_default(accounts->current))
		config_problem(
			place->problems,
			"%s: [%s] %s: this account is everybody's who has no other; the key is "
			"ignored",
			place->file, place->group, key_name);
	else if (is_fixed(accounts->current, place, key))
		config_problem(
			place->problems,
			"%s: [%s] %s: whom an account of the files matches cannot be changed "
			"at run time; the key is ignored",
			place->file, place->group, key_name);
	else
		set(accounts->current, place, key, value);
}

/*
 * Finishing
 */

static bool matches_everybody(const struct draft *draft)
{
	return !draft->rule.has_uid && !draft->rule.has_gid && !draft->rule.unit;
}

static bool is_kept(const struct draft *draft, GPtrArray *problems)
{
	if (draft->wrong)
		return false;
	/* Its name is a slip of the pen, or the files do not have it any more. */
	if (!draft->is_of_files && matches_everybody(draft)) {
		config_problem(
			problems,
			"[%s]: no file has such an account, and what was changed at run time "
			"has neither User= nor Group= for a new one; the account is left out",
			draft->group);
		return false;
	}
	if (draft->rule.unit && !draft->rule.has_uid) {
		config_problem(
			problems,
			"%s: [%s] Unit: a unit selects a quota, and User= must say whose; the "
			"account is left out",
			draft->unit_file, draft->group);
		return false;
	}
	return true;
}

/* What can be said without knowing the pools; bytes are held against these when they are there. */
static void check_minimum(struct draft *draft, GPtrArray *problems)
{
	struct account_rule *rule = &draft->rule;
	char account[64];

	if (amount_is_zero(&rule->minimum))
		return;
	if (!account_rule_is_single(rule, account)) {
		config_problem(problems,
			       "%s: [%s] MinBytes: only an account that there is once can be "
			       "guaranteed memory, with User= or Shared=yes; the value is ignored",
			       draft->minimum_file, draft->group);
		rule->minimum = (struct amount){ 0 };
	} else if (rule->minimum.is_share == rule->maximum.is_share &&
		   rule->minimum.bytes > rule->maximum.bytes) {
		config_problem(problems,
			       "%s: [%s] MinBytes: more than MaxBytes, which applies instead",
			       draft->minimum_file, draft->group);
	}
}

static void take_rule(struct draft *draft, GArray *rules, GPtrArray *problems)
{
	check_minimum(draft, problems);
	g_array_append_val(rules, draft->rule);
	draft->rule.name = NULL;
	draft->rule.unit = NULL;
	draft->rule.pools = NULL;
}

struct account_rules *config_accounts_finish(struct config_accounts *accounts, GPtrArray *problems)
{
	GArray *rules = g_array_new(FALSE, FALSE, sizeof(struct account_rule));
	struct draft *last = NULL;
	guint count;

	for (guint i = 0; i < accounts->drafts->len; i++) {
		struct draft *draft = accounts->drafts->pdata[i];

		if (is_default(draft))
			last = draft;
		else if (is_kept(draft, problems))
			take_rule(draft, rules, problems);
	}
	if (!last) {
		last = draft_new(DEFAULT_ACCOUNT);
		g_ptr_array_add(accounts->drafts, last);
	}
	take_rule(last, rules, problems);
	g_ptr_array_set_size(accounts->drafts, 0);
	count = rules->len;
	return account_rules_new((struct account_rule *)g_array_free(rules, FALSE), count);
}
