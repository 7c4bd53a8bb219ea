// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a request gets: buffers, made of the chunks that were claimed for it. */
#include <string.h>
#include <unistd.h>

#include "pool-state.h"

void pool_outcome_close(struct pool_outcome *outcome)
{
	for (unsigned int i = 0; i < outcome->n_buffers; i++)
		if (outcome->buffers[i].fd >= 0)
			close(outcome->buffers[i].fd);
	outcome->n_buffers = 0;
	outcome->granted = 0;
}

/* "LABEL-INDEX", as the library names the buffers it makes itself. */
static void name_buffer(char ret[CMABULK_BUFFER_NAME_LEN], const char *label, unsigned int index,
			unsigned int count)
{
	g_autofree char *suffix = label[0] && count > 1 ? g_strdup_printf("-%u", index) :
							  g_strdup("");
	size_t room = CMABULK_BUFFER_NAME_LEN - 1 - strlen(suffix);
	size_t length = strlen(label);

	if (length > room)
		for (length = room; length > 0 && ((unsigned char)label[length] & 0xc0) == 0x80;)
			length--;
	g_snprintf(ret, CMABULK_BUFFER_NAME_LEN, "%.*s%s", (int)length, label, suffix);
}

static int export_buffer(struct pool *pool, struct pool_request *request, uint64_t chunks,
			 struct pool_buffer *ret)
{
	const struct broker_ask *ask = broker_request_get_ask(request->request);
	struct backend_buffer buffer;
	struct cmabulk_buffer_info info = {
		.object = CMABULK_OBJECT_BUFFER,
		.state = CMABULK_STATE_EXPORTED,
		.order = ask->order,
		.align = ask->align,
		.chunks = chunks,
		.pages = chunks << ask->order,
		.reservation = request->reservation_id,
		.owner = request->reservation_owner,
	};
	int r = pool_ops(pool)->export(request->reservation, chunks, ret->name, &buffer);

	if (r < 0)
		return r;
	ret->fd = buffer.fd;
	ret->id = info.id = buffer.id;
	ret->inode = info.inode = buffer.inode;
	ret->chunks = chunks;
	g_strlcpy(info.name, ret->name, sizeof(info.name));
	broker_request_exported(pool->broker, request->request, &info);
	pool_add_live(pool, &info, request->owner.cookie);
	pool->is_snapshot_stale = true;
	return 0;
}

/* Chunks are spread evenly; the first buffers have one more of the rest. */
static uint64_t chunks_of(uint64_t chunks, unsigned int count, unsigned int index)
{
	return chunks / count + (index < chunks % count ? 1 : 0);
}

/* Who gets nothing hears of no release: nor do these count as what he has of the pool that he goes on in. */
static void give_up(struct pool *pool, struct pool_outcome *outcome)
{
	for (unsigned int i = 0; i < outcome->n_buffers; i++)
		g_hash_table_remove(pool->live, &outcome->buffers[i].id);
	pool_outcome_close(outcome);
}

void pool_export(struct pool *pool, struct pool_request *request, struct pool_outcome *outcome)
{
	const struct broker_ask *ask = broker_request_get_ask(request->request);
	/* None stays empty. */
	unsigned int count = (unsigned int)MIN(outcome->claimed, ask->buffers);
	int r = 0;

	outcome->buffers = g_new0(struct pool_buffer, count);
	for (unsigned int i = 0; i < count; i++) {
		struct pool_buffer *buffer = &outcome->buffers[i];

		name_buffer(buffer->name, request->owner.label, i, count);
		r = export_buffer(pool, request, chunks_of(outcome->claimed, count, i), buffer);
		if (r < 0)
			break;
		outcome->n_buffers++;
		outcome->granted += buffer->chunks;
	}
	if (r >= 0)
		return;
	pool_request_warn(pool, request, "only %u of %u buffers could be made: %s",
			  outcome->n_buffers, count, strerror(-r));
	outcome->error = r;
	outcome->cause = BROKER_CAUSE_FAILED;
	outcome->status = BROKER_PARTIAL;
	if (outcome->granted < ask->minimum)
		give_up(pool, outcome);
}
