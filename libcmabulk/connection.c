// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A connection: checks what the caller gave, and that this is the process
 * that opened it; leaves the work to its backend.
 */
#include <string.h>

#include "allocation.h"
#include "connection.h"
#include "request.h"
#include "text.h"

int connection_new(const struct backend *backend, struct cmabulk_connection **ret)
{
	struct cmabulk_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return -ENOMEM;
	connection->references = 1;
	connection->opener = getpid();
	connection->backend = backend;
	*ret = connection;
	return 0;
}

static void connection_destroy(struct cmabulk_connection *connection)
{
	if (connection->backend->close)
		connection->backend->close(connection);
	free(connection);
}

DEFINE_REFERENCE(cmabulk_connection, connection_destroy)

EXPORT int cmabulk_connection_open(struct cmabulk_connection **ret)
{
	const char *bus = getenv("CMABULK_BUS");

	if (bus && strcmp(bus, "direct") == 0)
		return direct_open(ret);
	return -EHOSTUNREACH;
}

EXPORT int cmabulk_connection_open_direct(struct cmabulk_connection **ret)
{
	return direct_open(ret);
}

EXPORT const char *cmabulk_connection_get_mode(const struct cmabulk_connection *connection)
{
	return connection->backend->mode;
}

static int check_process(const struct cmabulk_connection *connection)
{
	return connection->opener == getpid() ? 0 : -ECHILD;
}

static int check_pool(const struct cmabulk_connection *connection, const char *pool_name)
{
	int r = check_process(connection);

	if (r < 0)
		return r;
	return pool_name && text_is_pool_name(pool_name) ? 0 : -EINVAL;
}

EXPORT int cmabulk_connection_get_pool(struct cmabulk_connection *connection, const char *name,
				       struct cmabulk_pool **ret)
{
	int r = check_pool(connection, name);

	return r < 0 ? r : connection->backend->get_pool(connection, name, ret);
}

EXPORT int cmabulk_connection_list_pools(struct cmabulk_connection *connection,
					 struct cmabulk_pool ***ret)
{
	int r = check_process(connection);

	return r < 0 ? r : connection->backend->list_pools(connection, ret);
}

EXPORT int cmabulk_connection_list_buffers(struct cmabulk_connection *connection,
					   const char *pool_name, struct cmabulk_entry ***ret)
{
	int r = check_pool(connection, pool_name);

	return r < 0 ? r : connection->backend->list_buffers(connection, pool_name, ret);
}

EXPORT int cmabulk_connection_survey_pool(struct cmabulk_connection *connection,
					  const char *pool_name, struct cmabulk_pool_survey *ret,
					  size_t size)
{
	struct cmabulk_pool_survey survey = { 0 };
	int r = check_pool(connection, pool_name);

	if (r < 0)
		return r;
	r = connection->backend->survey_pool(connection, pool_name, &survey);
	if (r < 0)
		return r;
	copy_versioned(ret, size, &survey, sizeof(survey));
	return 0;
}

EXPORT int cmabulk_connection_allocate(struct cmabulk_connection *connection,
				       struct cmabulk_request *request,
				       struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation = NULL;
	int r = check_process(connection);

	if (r < 0)
		return r;
	r = request_begin(request);
	if (r < 0)
		return r;
	r = request_check(request);
	if (r >= 0)
		r = connection->backend->allocate(connection, request, &allocation);
	request_end(request);
	if (r < 0)
		return r;
	*ret = allocation;
	return (int)allocation->status;
}
