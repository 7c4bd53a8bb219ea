// SPDX-License-Identifier: LGPL-2.1-or-later
/* One change of an account at run time: tried, kept, and then in force. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "config-account.h"
#include "config-change.h"
#include "text.h"

static int refuse(int error, char **ret_problem, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(int error, char **ret_problem, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	*ret_problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	return error;
}

/* It is to be a line of a file. */
static bool is_line(const char *value)
{
	for (; *value; value++)
		if (g_ascii_iscntrl(*value))
			return false;
	return true;
}

int config_change_add(struct config_change *change, const char *key, const char *value,
		      char **ret_problem)
{
	char excerpt[TEXT_EXCERPT_MAX];

	if (!config_account_has_key(key))
		return refuse(-EINVAL, ret_problem,
			      "\"%s\" is no key of an account; see cmabulkd.conf(5)",
			      text_excerpt(excerpt, key));
	for (unsigned int i = 0; i < change->count; i++)
		if (strcmp(change->settings[i].key, key) == 0)
			return refuse(-EINVAL, ret_problem, "%s comes twice; say it once", key);
	if (strlen(value) > CONFIG_CHANGE_VALUE_MAX)
		return refuse(-EINVAL, ret_problem,
			      "the value of %s has %zu bytes, of at most %d; make it shorter", key,
			      strlen(value), CONFIG_CHANGE_VALUE_MAX);
	if (!is_line(value) || !g_utf8_validate(value, -1, NULL))
		return refuse(
			-EINVAL, ret_problem,
			"the value of %s is no line of UTF-8 text; leave control characters out",
			key);
	/* A key has its place but once: there are no more than fit. */
	g_assert(change->count < CONFIG_CHANGE_KEYS_MAX);
	change->settings[change->count].key = key;
	change->settings[change->count++].value = value;
	return 0;
}

int config_change_check_account(const char *account, char **ret_problem)
{
	char excerpt[TEXT_EXCERPT_MAX];

	if (config_account_name_is_valid(account))
		return 0;
	return refuse(-EINVAL, ret_problem,
		      "\"%s\" is no name for an account: 1 to %d letters, digits, '_', '-' and '.'",
		      text_excerpt(excerpt, account), ACCOUNT_NAME_MAX);
}

/* Whoever has memory by it would be somebody else's. */
static int check_whom(const struct config_change *change, const struct config *config,
		      char **ret_problem)
{
	if (!account_rules_find(config->accounts, change->account))
		return 0;
	for (unsigned int i = 0; i < change->count; i++)
		if (config_account_key_decides_whom(change->settings[i].key))
			return refuse(
				-EINVAL, ret_problem,
				"%s: there is an account %s, and whom it matches cannot be "
				"changed at run time; change the files, or make another account",
				change->settings[i].key, change->account);
	return 0;
}

static void apply_settings(const struct config_change *change, struct config_runtime *runtime)
{
	if (change->count == 0)
		config_runtime_take_back(runtime, change->account, NULL);
	for (unsigned int i = 0; i < change->count; i++) {
		const char *key = change->settings[i].key;
		const char *value = change->settings[i].value;

		if (value[0])
			config_runtime_set(runtime, change->account, key, value,
					   change->is_persistent);
		else
			config_runtime_take_back(runtime, change->account, key);
	}
}

static bool sets_something(const struct config_change *change)
{
	for (unsigned int i = 0; i < change->count; i++)
		if (change->settings[i].value[0])
			return true;
	return false;
}

static bool decides_whom(char **keys)
{
	for (; keys && *keys; keys++)
		if (config_account_key_decides_whom(*keys))
			return true;
	return false;
}

/*
 * One that was made until the daemon ends is kept as a whole: without whom it matches it would be nobody's after the
 * next start, without its limits it could have all there is.
 */
static void keep_rest(const struct config_change *change, struct config_runtime *runtime)
{
	g_autofree char *group = g_strdup_printf("Account %s", change->account);
	GKeyFile *passing = runtime->layers[CONFIG_LAYER_PASSING];
	g_auto(GStrv) keys = g_key_file_get_keys(passing, group, NULL, NULL);

	if (!decides_whom(keys))
		return;
	for (char **key = keys; *key; key++) {
		g_autofree char *value = g_key_file_get_value(passing, group, *key, NULL);

		config_runtime_set(runtime, change->account, *key, value, true);
	}
}

/* What is wrong with the account now, and was not before. NULL: nothing. */
static char *find_problem(const struct config_change *change, const struct config *config,
			  const struct config_runtime *before, const struct config_runtime *after)
{
	g_autoptr(GPtrArray) old = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) new = g_ptr_array_new_with_free_func(g_free);
	struct account_rules *rules = config_try_account(config, before, change->account, old);
	bool is_there;

	account_rules_unref(rules);
	rules = config_try_account(config, after, change->account, new);
	is_there = account_rules_find(rules, change->account);
	account_rules_unref(rules);
	for (guint i = 0; i < new->len; i++)
		if (!g_ptr_array_find_with_equal_func(old, new->pdata[i], g_str_equal, NULL))
			return g_strdup_printf("%s; nothing is changed", (char *)new->pdata[i]);
	/* It was left out before. */
	if (!is_there && new->len > 0)
		return g_strdup_printf("%s; nothing is changed", (char *)new->pdata[0]);
	return NULL;
}

/* What the files say of all of it cannot be refused, and neither what makes it no worse than it is. */
static int check_guarantees(const struct config_change *change, const struct config *before,
			    const struct config *after, const GArray *pools, char **ret_problem)
{
	for (unsigned int i = 0; change->count > 0 && i < pools->len; i++) {
		const struct guarantee_pool *pool = &g_array_index(pools, struct guarantee_pool, i);
		g_autofree char *problem = guarantee_find_problem(after->accounts, pool);

		if (problem && guarantee_has_grown(after->accounts, before->accounts, pool))
			return refuse(-EINVAL, ret_problem,
				      "with this, %s; make MinBytes smaller, or first that of the "
				      "others; nothing is changed",
				      problem);
	}
	return 0;
}

static int try(const struct config_change *change, const struct config *config,
	       const struct config_runtime *before, const struct config_runtime *after,
	       const GArray *pools, struct config **ret, char **ret_problem)
{
	g_autoptr(Config) changed = NULL;
	char *problem = NULL;
	int r;

	/* What the files say cannot be refused. */
	if (change->count > 0)
		problem = find_problem(change, config, before, after);
	if (problem) {
		*ret_problem = problem;
		return -EINVAL;
	}
	changed = config_rebuild(config, after);
	/* One of which nothing is left need not be there. */
	if (sets_something(change) && !account_rules_find(changed->accounts, change->account))
		return refuse(
			-E2BIG, ret_problem,
			"there are %zu accounts, and no more can be made; take back those that "
			"are not needed",
			account_rules_count(changed->accounts));
	r = check_guarantees(change, config, changed, pools, ret_problem);
	if (r < 0)
		return r;
	*ret = g_steal_pointer(&changed);
	return 0;
}

int config_change_apply(const struct config_change *change, const struct config *config,
			const GArray *pools, struct config_runtime **runtime, struct config **ret,
			char **ret_problem)
{
	g_autoptr(ConfigRuntime) changed = config_runtime_copy(*runtime);
	g_autoptr(Config) result = NULL;
	int r = config_change_check_account(change->account, ret_problem);

	if (r < 0)
		return r;
	if (!sets_something(change) && !config_runtime_has(*runtime, change->account) &&
	    !account_rules_find(config->accounts, change->account))
		return refuse(-EINVAL, ret_problem,
			      "there is no account %s, and nothing of one to take back",
			      change->account);
	r = check_whom(change, config, ret_problem);
	if (r < 0)
		return r;
	apply_settings(change, changed);
	if (change->is_persistent && sets_something(change) &&
	    !config_has_account(config, change->account))
		keep_rest(change, changed);
	r = try(change, config, *runtime, changed, pools, &result, ret_problem);
	if (r >= 0)
		r = config_runtime_write(changed, *runtime, ret_problem);
	if (r < 0)
		return r;
	config_runtime_free(*runtime);
	*runtime = g_steal_pointer(&changed);
	*ret = g_steal_pointer(&result);
	return 0;
}
