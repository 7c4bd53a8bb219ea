/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the model know of each other. */
#ifndef DAEMON_MODEL_STATE_H
#define DAEMON_MODEL_STATE_H

#include "model.h"

#define WAIT_NS UINT64_C(1000000000)

static inline struct model_request *model_request_at(const struct model *model, unsigned int index)
{
	return &g_array_index(model->requests, struct model_request, index);
}

static inline struct model_buffer *model_buffer_at(const struct model *model, unsigned int index)
{
	return &g_array_index(model->buffers, struct model_buffer, index);
}

uint64_t model_exported_pages(const struct model *model, unsigned int account, uint64_t *ret_count);
/* What of it was given back and has not arrived. */
uint64_t model_draining_pages(const struct model *model, unsigned int account, uint64_t *ret_count);
/* What it has or may get. */
uint64_t model_promised_pages(const struct model_request *request);
uint64_t model_promised_buffers(const struct model_request *request);
uint64_t model_held_pages(const struct model_request *request);
/* Not done, and not kept: of those ahead, or of the others. */
uint64_t model_pending_of(const struct model *model, unsigned int account, bool is_ahead);
/* Within its limits with all of this on top of what it has and is getting? */
bool model_is_allowed(const struct model *model, const struct model_request *request);
/* Pages that nobody is promised, when @free are free. */
uint64_t model_pages_left(const struct model *model, uint64_t free_pages);
/* What an account has and is promised; and what it does not, of its guarantee. */
uint64_t model_used_pages(const struct model *model, unsigned int account);
uint64_t model_lacking(const struct model *model, unsigned int account);
uint64_t model_others_lack(const struct model *model, unsigned int account);
/* Of those, what this account may be promised: what no other is guaranteed, or what it is itself. */
uint64_t model_pages_for(const struct model *model, unsigned int account, uint64_t free_pages);
bool model_is_anybody_promised(const struct model *model);
/* The first of its steps from @position on that is an effort it may use; as many as there are: none. */
unsigned int model_next_position(const struct model_request *request, unsigned int position);
unsigned int model_first_effort(const struct model_request *request);
bool model_has_waits(const struct model_request *request);
/* Is there any of the account that is not freed, and not ahead? */
bool model_has_requests(const struct model *model, unsigned int account);
/* What broker and model know of those ahead must be the same. */
void model_look_ahead(struct model *model);
/* What runs of the account, or the oldest that is not done, and not kept; of those ahead only when there is no other; NULL for none. */
struct model_request *model_head(const struct model *model, unsigned int account);
/* Does it run, or are all older ones of its account done, or waiting for what somebody releases, and none runs? */
bool model_is_first(const struct model *model, const struct model_request *request);
/* It waits for memory that is not there. */
bool model_lacks_memory(const struct model *model, const struct model_request *request);
/* Surely could have a fill now, whatever the broker waits for; never one that is ahead. */
bool model_is_ready(const struct model *model, const struct model_request *request,
		    uint64_t free_pages, uint64_t now_ns);
bool model_is_other_ready(const struct model *model, unsigned int but, uint64_t free_pages,
			  uint64_t now_ns);
void model_happened(struct model *model, enum model_happening_kind kind, int account, int detail,
		    uint64_t amount);
/* Of the buffers that were there, those that a snapshot does not have. */
void model_missing(struct model *model, const GArray *before);
int model_account_of(const struct model *model, const char *name);
bool model_is_over(const struct model *model, const struct model_request *request, uint64_t now_ns);

#endif
