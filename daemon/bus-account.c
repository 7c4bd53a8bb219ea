// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * org.cmabulk1.Account, and what the manager's methods change of accounts: vtable and marshalling.
 *
 * sd-bus answers for properties without asking who wants to know them. So it does not get to see these calls:
 * they are answered here, when it is known who the caller is. Otherwise every account that could be is an
 * object, so that no path tells which there are.
 */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "errors.h"
#include "journal.h"
#include "list.h"
#include "log.h"
#include "text.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

/* About what a pool takes in Usage. */
#define BYTES_PER_POOL UINT64_C(512)

/* As in "user 5 may not ...". */
#define CHANGE_ACCOUNTS "change accounts"

/* --- Changes --------------------------------------------------------------------------------- */

static int refuse(int r, char *problem, sd_bus_error *error)
{
	g_autofree char *sentence = problem;

	if (r == -EINVAL || r == -E2BIG)
		return sd_bus_error_set(error, CMABULK_ERROR_INVALID_ARGUMENT, sentence);
	/* Whoever asked may not be who looks after the disk; where there is no place to keep anything, nothing failed. */
	if (r != -EOPNOTSUPP)
		log_with_id(LOG_WARNING, JOURNAL_ID_NOT_KEPT, "%s", sentence);
	return sd_bus_error_set(error, CMABULK_ERROR_IO_ERROR, sentence);
}

/* What was done to whom has to be found later, and by whom. */
static void log_change(const struct client *client, const struct config_change *change)
{
	GString *text = g_string_new(NULL);

	for (unsigned int i = 0; i < change->count; i++)
		g_string_append_printf(text, " %s=%s", change->settings[i].key,
				       change->settings[i].value);
	log_notice("account %s: user %u sets%s%s", change->account, client->user->uid,
		   change->count ? text->str : " what the files say",
		   change->is_persistent ? ", to be kept" : "");
	g_string_free(text, TRUE);
}

static int apply(struct client *client, sd_bus_message *call, const struct config_change *change,
		 sd_bus_error *error)
{
	char *problem = NULL;
	int r = manager_change_account(client->manager, change, &problem);

	if (r < 0)
		return refuse(r, problem, error);
	log_change(client, change);
	return sd_bus_reply_method_return(call, NULL);
}

static int read_settings(sd_bus_message *call, struct config_change *change, sd_bus_error *error)
{
	int r = sd_bus_message_enter_container(call, 'a', "{ss}");
	const char *key, *value;
	char *problem = NULL;

	while (r >= 0 && (r = sd_bus_message_read(call, "{ss}", &key, &value)) > 0) {
		r = config_change_add(change, key, value, &problem);
		if (r < 0)
			return refuse(r, problem, error);
	}
	return r < 0 ? r : sd_bus_message_exit_container(call);
}

/*
 * 0: @client may make the change. Positive: the authority is asked, and @again runs when it says yes. What is refused
 * anyway is not kept meanwhile: a name may be as long as a message.
 */
static int check_change(struct client *client, sd_bus_message *call,
			const struct config_change *change, bool is_asked,
			client_since_function again, uint64_t since_ns, sd_bus_error *error)
{
	const struct authority_ask ask = {
		.action = AUTHORIZATION_MANAGE,
		.what = CHANGE_ACCOUNTS,
		.function = again,
		.since_ns = since_ns,
	};
	char *problem = NULL;
	int r;

	if (!is_asked)
		return 0;
	r = config_change_check_account(change->account, &problem);
	return r < 0 ? refuse(r, problem, error) : authority_ask(client, call, &ask, error);
}

static int set_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
		     sd_bus_error *error)
{
	struct config_change change = { 0 };
	int is_persistent;
	int r = access_check_manage(client, CHANGE_ACCOUNTS, error);
	bool is_asked = r > 0;

	if (r >= 0)
		r = sd_bus_message_read(call, "s", &change.account);
	if (r >= 0)
		r = read_settings(call, &change, error);
	if (r >= 0)
		r = sd_bus_message_read(call, "b", &is_persistent);
	if (r >= 0)
		r = check_change(client, call, &change, is_asked, set_since, since_ns, error);
	if (r != 0)
		return r;
	change.is_persistent = is_persistent;
	return apply(client, call, &change, error);
}

static int set(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return set_since(client, call, clock_now_ns(), error);
}

int bus_account_set(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, set, error);
}

static int unset_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
		       sd_bus_error *error)
{
	struct config_change change = { 0 };
	int r = access_check_manage(client, CHANGE_ACCOUNTS, error);
	bool is_asked = r > 0;

	if (r >= 0)
		r = sd_bus_message_read(call, "s", &change.account);
	if (r >= 0)
		r = check_change(client, call, &change, is_asked, unset_since, since_ns, error);
	return r != 0 ? r : apply(client, call, &change, error);
}

static int unset(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return unset_since(client, call, clock_now_ns(), error);
}

int bus_account_unset(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, unset, error);
}

/* --- What an account has --------------------------------------------------------------------- */

struct found {
	struct client *client;
	char account[CMABULK_ACCOUNT_LEN]; /* as the kernel's books write it */
	char rule[CMABULK_ACCOUNT_LEN];
	uid_t uid;
};

/* false: the path is none of an account. */
static bool read_path(const char *path, struct found *ret)
{
	struct found found = { 0 };
	char *decoded = NULL;
	bool is_valid;

	if (sd_bus_path_decode(path, BUS_PATH_ACCOUNT, &decoded) <= 0)
		return false;
	is_valid = strlen(decoded) < sizeof(found.account) && g_utf8_validate(decoded, -1, NULL) &&
		   account_parse(decoded, found.rule, &found.uid) >= 0;
	if (is_valid)
		strcpy(found.account, decoded);
	free(decoded);
	if (is_valid)
		*ret = found;
	return is_valid;
}

/* What it has of a pool; false: nothing is known of it there, or the caller may not know. */
static bool find_usage(const struct found *found, struct pool *pool, struct broker_usage *ret)
{
	struct broker_usage usage;

	if (!broker_find_usage(pool_get_broker(pool), found->account, &usage) ||
	    !access_see_usage(found->client, &usage))
		return false;
	*ret = usage;
	return true;
}

static bool is_anywhere(const struct found *found)
{
	const GPtrArray *pools = found->client->manager->pools;
	struct broker_usage usage;

	for (unsigned int i = 0; i < pools->len; i++)
		if (find_usage(found, g_ptr_array_index(pools, i), &usage))
			return true;
	return false;
}

static int append_pool(sd_bus_message *reply, const struct found *found, struct pool *pool)
{
	struct broker_usage usage;
	int r;

	if (!find_usage(found, pool, &usage))
		return 0;
	r = sd_bus_message_open_container(reply, 'e', "sa{sv}");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", pool_get_name(pool));
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r >= 0)
		r = list_append_usage(reply, &usage);
	for (unsigned int i = 0; i < 2 && r >= 0; i++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int append_name(sd_bus_message *reply, const struct found *found)
{
	return sd_bus_message_append(reply, "s", found->account);
}

static int append_uid(sd_bus_message *reply, const struct found *found)
{
	return sd_bus_message_append(reply, "u", found->uid);
}

static int append_rule(sd_bus_message *reply, const struct found *found)
{
	return sd_bus_message_append(reply, "s", found->rule);
}

static int append_usage(sd_bus_message *reply, const struct found *found)
{
	const GPtrArray *pools = found->client->manager->pools;
	int r = sd_bus_message_open_container(reply, 'a', "{sa{sv}}");

	for (unsigned int i = 0; i < pools->len && r >= 0; i++)
		r = append_pool(reply, found, g_ptr_array_index(pools, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* What was changed of one that it is not of any more, though of the same name, is no business of its user's. */
static int append_keys(sd_bus_message *reply, const struct found *found, bool is_persistent)
{
	const struct manager *manager = found->client->manager;
	const struct account_rule *rule =
		account_rules_find_of(manager->config->accounts, found->account);
	g_auto(GStrv) keys = NULL;

	if (rule && access_may_see_rule(found->client, rule))
		keys = config_runtime_get_keys(manager->runtime, found->rule, is_persistent);
	return sd_bus_message_append_strv(reply, keys);
}

static int append_runtime(sd_bus_message *reply, const struct found *found)
{
	return append_keys(reply, found, false);
}

static int append_persistent(sd_bus_message *reply, const struct found *found)
{
	return append_keys(reply, found, true);
}

/* As in the XML, in its order. */
static const struct property {
	const char *name;
	const char *type;
	int (*append)(sd_bus_message *reply, const struct found *found);
} properties[] = {
	{ "Name", "s", append_name },	     { "Uid", "u", append_uid },
	{ "Rule", "s", append_rule },	     { "Usage", "a{sa{sv}}", append_usage },
	{ "Runtime", "as", append_runtime }, { "Persistent", "as", append_persistent },
};

/* --- Properties ------------------------------------------------------------------------------ */

static int append_variant(sd_bus_message *reply, const struct property *property,
			  const struct found *found)
{
	int r = sd_bus_message_open_container(reply, 'v', property->type);

	if (r >= 0)
		r = property->append(reply, found);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_all(sd_bus_message *reply, const struct found *found)
{
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	for (size_t i = 0; i < G_N_ELEMENTS(properties) && r >= 0; i++) {
		r = sd_bus_message_open_container(reply, 'e', "sv");
		if (r >= 0)
			r = sd_bus_message_append(reply, "s", properties[i].name);
		if (r >= 0)
			r = append_variant(reply, &properties[i], found);
		if (r >= 0)
			r = sd_bus_message_close_container(reply);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* @property NULL: all of them. */
static int reply_properties(const struct found *found, sd_bus_message *call,
			    const struct property *property)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call, &reply);

	if (r >= 0)
		r = property ? append_variant(reply, property, found) : append_all(reply, found);
	if (r >= 0)
		r = delivery_reply(found->client, reply,
				   BYTES_PER_POOL * (found->client->manager->pools->len + 1));
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

/* What is not there looks no different from what is others'. */
static int find(struct client *client, sd_bus_message *call, struct found *ret, sd_bus_error *error)
{
	const char *path = sd_bus_message_get_path(call);
	char excerpt[TEXT_EXCERPT_MAX];
	struct found found;

	if (read_path(path, &found)) {
		found.client = client;
		if (is_anywhere(&found)) {
			*ret = found;
			return 0;
		}
	}
	sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
			  "there is no account at '%s' that user %u may see; see ListAccounts",
			  text_excerpt(excerpt, path), client->user->uid);
	return -ENOENT;
}

static int check_interface(const char *interface, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];

	if (strcmp(interface, BUS_ACCOUNT) == 0 || !interface[0])
		return 0;
	return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_INTERFACE,
				 "an account has properties of " BUS_ACCOUNT ", none of '%s'",
				 text_excerpt(excerpt, interface));
}

static int find_property(const char *name, const struct property **ret, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];

	for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
		if (strcmp(properties[i].name, name) != 0)
			continue;
		*ret = &properties[i];
		return 0;
	}
	return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_PROPERTY,
				 "an account has no property '%s'", text_excerpt(excerpt, name));
}

static int get(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	const struct property *property = NULL;
	const char *interface, *name;
	struct found found;
	int r = sd_bus_message_read(call, "ss", &interface, &name);

	if (r >= 0)
		r = check_interface(interface, error);
	if (r >= 0)
		r = find_property(name, &property, error);
	if (r >= 0)
		r = find(client, call, &found, error);
	return r < 0 ? r : reply_properties(&found, call, property);
}

static int get_all(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	const char *interface;
	struct found found;
	int r = sd_bus_message_read(call, "s", &interface);

	if (r >= 0)
		r = check_interface(interface, error);
	if (r >= 0)
		r = find(client, call, &found, error);
	return r < 0 ? r : reply_properties(&found, call, NULL);
}

static int set_nothing(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return sd_bus_error_set(error, SD_BUS_ERROR_PROPERTY_READ_ONLY,
				"properties of accounts are read-only; see SetAccount");
}

/* Before sd-bus, which would ask the vtable. */
static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	if (sd_bus_message_is_method_call(call, PROPERTIES, "Get") > 0)
		return sd_bus_message_has_signature(call, "ss") ?
			       client_call(userdata, call, get, error) :
			       -EINVAL;
	if (sd_bus_message_is_method_call(call, PROPERTIES, "GetAll") > 0)
		return sd_bus_message_has_signature(call, "s") ?
			       client_call(userdata, call, get_all, error) :
			       -EINVAL;
	if (sd_bus_message_is_method_call(call, PROPERTIES, "Set") > 0)
		return client_call(userdata, call, set_nothing, error);
	return 0;
}

/* Only so that it can be found what they are: on_call() has what they have. */
static int get_property(sd_bus *bus, const char *path, const char *interface, const char *name,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return -EACCES;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Uid", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Rule", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Usage", "a{sa{sv}}", get_property, 0, 0),
	SD_BUS_PROPERTY("Runtime", "as", get_property, 0, 0),
	SD_BUS_PROPERTY("Persistent", "as", get_property, 0, 0),
	SD_BUS_VTABLE_END,
};

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
		       void **ret, sd_bus_error *error)
{
	struct found found;

	if (!read_path(path, &found))
		return 0;
	*ret = userdata;
	return 1;
}

int bus_account_add(struct manager *manager)
{
	int r = sd_bus_add_fallback(manager->bus, NULL, BUS_PATH_ACCOUNT, on_call, manager);

	if (r < 0)
		return r;
	return sd_bus_add_fallback_vtable(manager->bus, NULL, BUS_PATH_ACCOUNT, BUS_ACCOUNT, vtable,
					  find_object, manager);
}

char *bus_account_format_path(const char *account)
{
	char *encoded = NULL;
	char *path;

	if (sd_bus_path_encode(BUS_PATH_ACCOUNT, account, &encoded) < 0)
		g_error("out of memory");
	path = g_strdup(encoded);
	free(encoded);
	return path;
}
