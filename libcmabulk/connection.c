// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A connection: checks what the caller gave, and that this is the process
 * that opened it; leaves the work to its backend, and keeps how it ended.
 */
#include <string.h>

#include "allocation.h"
#include "call.h"
#include "connection.h"
#include "request.h"
#include "text.h"

/* Far more than names and values of accounts have. */
#define ACCOUNT_NAME_SIZE 1024
#define SETTING_SIZE	  4096

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
	free(connection->events);
	free(connection->sentence);
	free(connection);
}

DEFINE_REFERENCE(cmabulk_connection, connection_destroy)

EXPORT int cmabulk_connection_open(struct cmabulk_connection **ret)
{
	/* Not in a setuid program, whose caller would choose whom it believes. */
	const char *address = secure_getenv("CMABULK_BUS");

	if (!address || !*address)
		address = "system";
	return strcmp(address, "direct") == 0 ? direct_open(ret) : bus_open(address, ret);
}

EXPORT int cmabulk_connection_open_direct(struct cmabulk_connection **ret)
{
	return direct_open(ret);
}

EXPORT const char *cmabulk_connection_get_mode(const struct cmabulk_connection *connection)
{
	return connection->backend->mode;
}

void connection_explain(struct cmabulk_connection *connection, const char *sentence)
{
	free(connection->sentence);
	connection->sentence = strdup(sentence);
}

EXPORT const char *cmabulk_connection_get_error_message(const struct cmabulk_connection *connection)
{
	if (connection->error == 0)
		return "";
	return connection->sentence ? connection->sentence :
				      cmabulk_error_get_message(connection->error);
}

int connection_begin(struct cmabulk_connection *connection)
{
	free(connection->sentence);
	connection->sentence = NULL;
	return connection->opener == getpid() ? 0 : -ECHILD;
}

static int begin_with_pool(struct cmabulk_connection *connection, const char *pool_name)
{
	int r = connection_begin(connection);

	if (r < 0)
		return r;
	return pool_name && text_is_pool_name(pool_name) ? 0 : -EINVAL;
}

int connection_end(struct cmabulk_connection *connection, int result)
{
	connection->error = result < 0 ? result : 0;
	return result;
}

EXPORT int cmabulk_connection_get_pool(struct cmabulk_connection *connection, const char *name,
				       struct cmabulk_pool **ret)
{
	int r = begin_with_pool(connection, name);

	return connection_end(connection,
			      r < 0 ? r : connection->backend->get_pool(connection, name, ret));
}

EXPORT int cmabulk_connection_list_pools(struct cmabulk_connection *connection,
					 struct cmabulk_pool ***ret)
{
	int r = connection_begin(connection);

	return connection_end(connection,
			      r < 0 ? r : connection->backend->list_pools(connection, ret));
}

EXPORT int cmabulk_connection_list_buffers(struct cmabulk_connection *connection,
					   const char *pool_name, struct cmabulk_entry ***ret)
{
	int r = begin_with_pool(connection, pool_name);

	if (r >= 0)
		r = connection->backend->list_buffers(connection, pool_name, ret);
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_survey_pool(struct cmabulk_connection *connection,
					  const char *pool_name, struct cmabulk_pool_survey *ret,
					  size_t size)
{
	struct cmabulk_pool_survey survey = { 0 };
	int r = begin_with_pool(connection, pool_name);

	if (r >= 0)
		r = connection->backend->survey_pool(connection, pool_name, &survey);
	if (r >= 0)
		copy_versioned(ret, size, &survey, sizeof(survey));
	return connection_end(connection, r);
}

static int list_device_pools(struct cmabulk_connection *connection, const char *device, char ***ret)
{
	if (!connection->backend->list_device_pools)
		return -EOPNOTSUPP;
	if (!device || !text_is_device(device)) {
		connection_explain(connection, "no device has such a name");
		return -EINVAL;
	}
	return connection->backend->list_device_pools(connection, device, ret);
}

EXPORT int cmabulk_connection_list_device_pools(struct cmabulk_connection *connection,
						const char *device, char ***ret)
{
	int r = connection_begin(connection);

	return connection_end(connection, r < 0 ? r : list_device_pools(connection, device, ret));
}

EXPORT int cmabulk_connection_list_accounts(struct cmabulk_connection *connection,
					    struct cmabulk_account ***ret)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->list_accounts ?
			    connection->backend->list_accounts(connection, ret) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_get_counters(struct cmabulk_connection *connection,
					   struct cmabulk_counters ***ret)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->get_counters ?
			    connection->backend->get_counters(connection, ret) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

/* What the bus could not carry the daemon cannot refuse with a sentence. */
static int begin_with_account(struct cmabulk_connection *connection, const char *name)
{
	int r = connection_begin(connection);

	if (r < 0)
		return r;
	return name && text_is_label(name, ACCOUNT_NAME_SIZE) ? 0 : -EINVAL;
}

static bool are_texts(const char *const *settings)
{
	for (; *settings; settings++)
		if (!text_is_label(*settings, SETTING_SIZE))
			return false;
	return true;
}

EXPORT int cmabulk_connection_set_account(struct cmabulk_connection *connection, const char *name,
					  const char *const *settings, int persistent)
{
	int r = begin_with_account(connection, name);

	if (r >= 0 && (!settings || !are_texts(settings)))
		r = -EINVAL;
	if (r >= 0)
		r = connection->backend->set_account ?
			    connection->backend->set_account(connection, name, settings,
							     persistent) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_wait(struct cmabulk_connection *connection, uint64_t timeout_usec)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->wait ?
			    connection->backend->wait(connection, timeout_usec) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_unset_account(struct cmabulk_connection *connection, const char *name)
{
	int r = begin_with_account(connection, name);

	if (r >= 0)
		r = connection->backend->unset_account ?
			    connection->backend->unset_account(connection, name) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_get_daemon(struct cmabulk_connection *connection,
					 struct cmabulk_daemon **ret)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->get_daemon ?
			    connection->backend->get_daemon(connection, ret) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_reload(struct cmabulk_connection *connection)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->reload ? connection->backend->reload(connection) :
						  -EOPNOTSUPP;
	return connection_end(connection, r);
}

EXPORT int
cmabulk_connection_set_allow_interactive_authorization(struct cmabulk_connection *connection,
						       int allow)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = connection->backend->set_allow_interactive_authorization ?
			    connection->backend->set_allow_interactive_authorization(connection,
										     allow) :
			    -EOPNOTSUPP;
	return connection_end(connection, r);
}

/* 0: nobody else uses it until request_end(). */
static int begin_request(struct cmabulk_connection *connection, struct cmabulk_request *request)
{
	int r = request_begin(request);

	if (r < 0) {
		connection_explain(connection, "another allocate is running with this request");
		return r;
	}
	r = request_check(request);
	if (r < 0) {
		connection_explain(connection,
				   "a request needs a count, at most as many buffers as chunks, "
				   "a minimum not above the count, and not both pool and device");
		request_end(request);
	}
	return r;
}

static int allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		    struct cmabulk_allocation **ret)
{
	int r = begin_request(connection, request);

	if (r < 0)
		return r;
	r = connection->backend->allocate(connection, request, ret);
	request_end(request);
	return r;
}

static int start_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
			  struct cmabulk_call **ret)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	int r;

	if (!connection->backend->start_allocate) {
		connection_explain(connection, "in direct mode an allocate is waited for: use a "
					       "thread, or the daemon");
		return -EOPNOTSUPP;
	}
	r = call_new(&call);
	if (r >= 0)
		r = begin_request(connection, request);
	if (r < 0)
		return r;
	/* From here on it gives the request free. */
	call->request = cmabulk_request_ref(request);
	r = connection->backend->start_allocate(connection, request, call);
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

EXPORT int cmabulk_connection_start_allocate(struct cmabulk_connection *connection,
					     struct cmabulk_request *request,
					     struct cmabulk_call **ret)
{
	int r = connection_begin(connection);

	return connection_end(connection, r < 0 ? r : start_allocate(connection, request, ret));
}

static int prepare(struct cmabulk_connection *connection, struct cmabulk_request *request,
		   uint64_t expire_usec)
{
	int r;

	if (!connection->backend->prepare)
		return -EOPNOTSUPP;
	r = begin_request(connection, request);
	if (r < 0)
		return r;
	r = connection->backend->prepare(connection, request, expire_usec);
	request_end(request);
	return r;
}

EXPORT int cmabulk_connection_prepare(struct cmabulk_connection *connection,
				      struct cmabulk_request *request, uint64_t expire_usec)
{
	int r = connection_begin(connection);

	if (r >= 0)
		r = prepare(connection, request, expire_usec);
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_allocate(struct cmabulk_connection *connection,
				       struct cmabulk_request *request,
				       struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation = NULL;
	int r = connection_begin(connection);

	if (r >= 0)
		r = allocate(connection, request, &allocation);
	connection_end(connection, r);
	if (r < 0)
		return r;
	*ret = allocation;
	return (int)allocation->status;
}
