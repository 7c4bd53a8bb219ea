// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a client had claimed ahead. */
#include <errno.h>

#include "manager.h"
#include "preparation.h"

/* Belongs to the manager, as its client may leave before. */
struct preparation {
	struct manager *manager;
	struct client *client; /* NULL: it left */
	char *token;
	struct pool *pool;
	struct pool_request *request;
};

static void preparation_free(void *data)
{
	struct preparation *preparation = data;

	g_free(preparation->token);
	g_free(preparation);
}

GHashTable *preparations_new(void)
{
	return g_hash_table_new_full(NULL, NULL, preparation_free, NULL);
}

static struct preparation *find(const struct client *client, const char *token)
{
	return g_hash_table_lookup(client->preparations, token);
}

bool preparation_has_token(const struct client *client, const char *token)
{
	return find(client, token);
}

int preparation_new(struct client *client, struct pool *pool, const struct account_rule *rule,
		    const struct allocation_ask *ask, sd_bus_error *error)
{
	struct cmabulk_owner owner = client_make_owner(client, ask->label);
	struct preparation *preparation = g_new0(struct preparation, 1);
	struct broker_refusal refusal = { 0 };
	int r = pool_submit(pool, rule, &owner, &ask->ask, ask->since_ns, preparation,
			    &preparation->request, &refusal);

	if (r < 0) {
		g_free(preparation);
		return r == -ESTALE ? r : allocation_refuse(client, pool, ask, &refusal, r, error);
	}
	preparation->manager = client->manager;
	preparation->client = client;
	preparation->token = g_strdup(ask->token);
	preparation->pool = pool;
	g_hash_table_insert(client->preparations, preparation->token, preparation);
	g_hash_table_add(client->manager->preparations, preparation);
	return 0;
}

int preparation_cancel(struct client *client, const char *token)
{
	struct preparation *preparation = find(client, token);

	if (!preparation)
		return -ESRCH;
	pool_cancel(preparation->pool, preparation->request);
	return 0;
}

void preparation_forget_client(struct client *client)
{
	GHashTableIter iterator;
	void *value;

	g_hash_table_iter_init(&iterator, client->preparations);
	while (g_hash_table_iter_next(&iterator, NULL, &value))
		((struct preparation *)value)->client = NULL;
	g_hash_table_remove_all(client->preparations);
}

void preparation_ended(void *userdata)
{
	struct preparation *preparation = userdata;

	if (preparation->client)
		g_hash_table_remove(preparation->client->preparations, preparation->token);
	g_hash_table_remove(preparation->manager->preparations, preparation);
}
