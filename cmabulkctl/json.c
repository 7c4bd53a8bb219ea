// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library's objects as JSON; the fields are documented in cmabulkctl(1). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "printable.h"

void json_add_string(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, json_object_new_string(value));
}

void json_add_number(struct json_object *object, const char *name, uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

/* "EBUSY", or null for none. */
static void add_error(struct json_object *object, const char *name, int error)
{
	json_object_object_add(object, name,
			       error ? json_object_new_string(error_name(error)) : NULL);
}

void json_print_line(struct json_object *object, FILE *file)
{
	printable_write_json(json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE),
			     file);
	json_object_put(object);
}

void json_print(struct json_object *object, FILE *file)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	if (isatty(fileno(file)))
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	printable_write_json(json_object_to_json_string_ext(object, flags), file);
	json_object_put(object);
}

const char *effort_name(unsigned int effort)
{
	static const char *const names[] = {
		[CMABULK_REQUEST_EFFORT_FAST] = "fast",
		[CMABULK_REQUEST_EFFORT_NORMAL] = "normal",
		[CMABULK_REQUEST_EFFORT_HARD] = "hard",
	};

	return effort < ARRAY_SIZE(names) ? names[effort] : "unknown";
}

const char *error_name(int error)
{
	const char *name = strerrorname_np(abs(error));

	return name ? name : "unknown";
}

/* A text, or null for none. */
static void add_text(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, *value ? json_object_new_string(value) : NULL);
}

static struct json_object *features_of(const struct cmabulk_pool *pool)
{
	struct json_object *features = json_object_new_array();
	uint64_t bits = cmabulk_pool_get_features(pool);

	if (bits & CMABULK_POOL_FEATURE_KERNEL_ZEROED)
		json_object_array_add(features, json_object_new_string("kernel-zeroed"));
	if (bits & CMABULK_POOL_FEATURE_BITMAP_UNAWARE)
		json_object_array_add(features, json_object_new_string("bitmap-unaware"));
	return features;
}

static struct json_object *states_of(const struct cmabulk_pool *pool)
{
	struct json_object *states = json_object_new_object();

	json_add_number(states, "cached", cmabulk_pool_get_cached_pages(pool));
	json_add_number(states, "reserved", cmabulk_pool_get_reserved_pages(pool));
	json_add_number(states, "exported", cmabulk_pool_get_exported_pages(pool));
	json_add_number(states, "draining", cmabulk_pool_get_draining_pages(pool));
	return states;
}

struct json_object *json_from_pool(const struct cmabulk_pool *pool)
{
	struct json_object *object = json_object_new_object();
	uint64_t page_size = cmabulk_pool_get_page_size(pool);

	json_add_string(object, "name", cmabulk_pool_get_name(pool));
	json_add_string(object, "area", cmabulk_pool_get_area(pool));
	json_add_string(object, "kind", cmabulk_pool_get_kind_name(pool));
	json_add_string(object, "engine", cmabulk_pool_get_engine_name(pool));
	json_object_object_add(object, "features", features_of(pool));
	json_add_number(object, "page_size", page_size);
	json_add_number(object, "pageblock_order", cmabulk_pool_get_pageblock_order(pool));
	json_add_number(object, "min_order", cmabulk_pool_get_min_order(pool));
	json_add_number(object, "max_order", cmabulk_pool_get_max_order(pool));
	json_add_number(object, "bytes", cmabulk_pool_get_pages(pool) * page_size);
	json_add_number(object, "pages", cmabulk_pool_get_pages(pool));
	json_add_number(object, "free_pages", cmabulk_pool_get_free_pages(pool));
	json_object_object_add(object, "states", states_of(pool));
	json_add_number(object, "buffers", cmabulk_pool_get_n_buffers(pool));
	json_add_number(object, "reservations", cmabulk_pool_get_n_reservations(pool));
	json_add_number(object, "pending", cmabulk_pool_get_n_pending(pool));
	json_object_object_add(object, "guarantee_at_risk",
			       json_object_new_boolean(cmabulk_pool_is_guarantee_at_risk(pool)));
	return object;
}

struct json_object *json_from_survey(const struct cmabulk_pool_survey *survey)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "pages_free", survey->pages_free);
	json_add_number(object, "pages_movable", survey->pages_movable);
	json_add_number(object, "pages_suspect", survey->pages_suspect);
	json_add_number(object, "pages_taken", survey->pages_taken);
	json_add_number(object, "blocks", survey->blocks);
	json_add_number(object, "blocks_free", survey->blocks_free);
	json_add_number(object, "blocks_movable", survey->blocks_movable);
	json_add_number(object, "blocks_suspect", survey->blocks_suspect);
	json_add_number(object, "blocks_taken", survey->blocks_taken);
	return object;
}

struct json_object *json_from_entry(const struct cmabulk_entry *entry, const char *pool_name)
{
	struct json_object *object = json_object_new_object();
	pid_t pid = cmabulk_entry_get_owner_pid(entry);

	json_add_string(object, "pool", pool_name);
	json_add_number(object, "id", cmabulk_entry_get_id(entry));
	json_add_number(object, "inode", cmabulk_entry_get_inode(entry));
	json_add_string(object, "kind", cmabulk_entry_get_kind_name(entry));
	json_add_string(object, "state", cmabulk_entry_get_state_name(entry));
	json_add_string(object, "name", cmabulk_entry_get_name(entry));
	json_add_number(object, "order", cmabulk_entry_get_order(entry));
	json_add_number(object, "chunks", cmabulk_entry_get_chunks(entry));
	json_add_number(object, "bytes", cmabulk_entry_get_size(entry));
	json_add_number(object, "age_us", cmabulk_entry_get_age_usec(entry));
	json_add_number(object, "reservation", cmabulk_entry_get_reservation(entry));
	json_add_number(object, "uid", cmabulk_entry_get_owner_uid(entry));
	json_add_number(object, "pid", (uint64_t)pid);
	json_add_number(object, "cookie", cmabulk_entry_get_cookie(entry));
	json_add_string(object, "account", cmabulk_entry_get_account(entry));
	json_add_string(object, "label", cmabulk_entry_get_label(entry));
	add_text(object, "standing", cmabulk_entry_get_standing_name(entry));
	return object;
}

struct json_object *json_from_holders(const struct holder *holders, size_t count)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_number(object, "pid", (uint64_t)holders[i].pid);
		json_add_number(object, "uid", holders[i].uid);
		json_add_string(object, "command", holders[i].command);
		json_add_number(object, "descriptors", holders[i].descriptors);
		json_add_number(object, "mappings", holders[i].mappings);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_from_report(const struct cmabulk_step *step)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "blocks_surveyed", step->blocks_surveyed);
	json_add_number(object, "blocks_free", step->blocks_free);
	json_add_number(object, "blocks_movable", step->blocks_movable);
	json_add_number(object, "blocks_suspect", step->blocks_suspect);
	json_add_number(object, "blocks_taken", step->blocks_taken);
	json_add_number(object, "pages_to_migrate", step->pages_to_migrate);
	json_add_number(object, "ranges_planned", step->ranges_planned);
	json_add_number(object, "ranges_tried", step->ranges_tried);
	json_add_number(object, "ranges_failed", step->ranges_failed);
	json_add_number(object, "chunks_free", step->chunks_free);
	json_add_number(object, "chunks_moved", step->chunks_moved);
	json_add_number(object, "chunks_salvaged", step->chunks_salvaged);
	json_add_number(object, "skipped_suspect", step->skipped_suspect);
	json_add_number(object, "skipped_busy", step->skipped_busy);
	json_add_number(object, "skipped_taken", step->skipped_taken);
	json_add_number(object, "skipped_no_memory", step->skipped_no_memory);
	json_add_number(object, "skipped_isolated", step->skipped_isolated);
	json_add_number(object, "survey_ns", step->survey_ns);
	json_add_number(object, "plan_ns", step->plan_ns);
	json_add_number(object, "drain_ns", step->drain_ns);
	json_add_number(object, "claim_ns", step->claim_ns);
	json_add_number(object, "salvage_ns", step->salvage_ns);
	json_add_number(object, "total_ns", step->total_ns);
	return object;
}

static struct json_object *json_from_step(const struct cmabulk_step *step)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "effort", effort_name(step->effort));
	json_add_number(object, "requested", step->requested);
	json_add_number(object, "granted", step->granted);
	add_error(object, "error", step->error);
	json_add_number(object, "elapsed_us", step->elapsed_usec);
	json_object_object_add(object, "report", json_from_report(step));
	return object;
}

static struct json_object *json_from_buffer(const struct cmabulk_buffer *buffer)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "id", cmabulk_buffer_get_id(buffer));
	json_add_number(object, "inode", cmabulk_buffer_get_inode(buffer));
	json_add_string(object, "name", cmabulk_buffer_get_name(buffer));
	json_add_number(object, "chunks", cmabulk_buffer_get_chunks(buffer));
	json_add_number(object, "bytes", cmabulk_buffer_get_size(buffer));
	return object;
}

static struct json_object *buffers_of(const struct cmabulk_allocation *allocation)
{
	struct json_object *buffers = json_object_new_array();
	unsigned int count = cmabulk_allocation_get_n_buffers(allocation);

	for (unsigned int i = 0; i < count; i++)
		json_object_array_add(
			buffers, json_from_buffer(cmabulk_allocation_get_buffer(allocation, i)));
	return buffers;
}

static struct json_object *steps_of(const struct cmabulk_allocation *allocation)
{
	struct json_object *steps = json_object_new_array();
	struct cmabulk_step step;

	for (unsigned int i = 0;
	     cmabulk_allocation_get_step(allocation, i, &step, sizeof(step)) >= 0; i++)
		json_object_array_add(steps, json_from_step(&step));
	return steps;
}

struct json_object *json_from_allocation(const struct cmabulk_allocation *allocation)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "status", cmabulk_allocation_get_status_name(allocation));
	add_error(object, "error", cmabulk_allocation_get_error(allocation));
	add_text(object, "reason", cmabulk_allocation_get_reason(allocation));
	add_text(object, "cause", cmabulk_allocation_get_cause_name(allocation));
	add_text(object, "hint", cmabulk_allocation_get_hint(allocation));
	json_add_string(object, "pool", cmabulk_allocation_get_pool(allocation));
	json_add_string(object, "kind", cmabulk_allocation_get_kind_name(allocation));
	json_add_number(object, "order", cmabulk_allocation_get_order(allocation));
	json_add_number(object, "requested", cmabulk_allocation_get_requested(allocation));
	json_add_number(object, "granted", cmabulk_allocation_get_granted(allocation));
	json_add_number(object, "claimed", cmabulk_allocation_get_claimed(allocation));
	json_add_number(object, "prepared", cmabulk_allocation_get_prepared(allocation));
	json_add_number(object, "bytes", cmabulk_allocation_get_size(allocation));
	json_object_object_add(object, "buffers", buffers_of(allocation));
	json_object_object_add(object, "steps", steps_of(allocation));
	json_add_number(object, "elapsed_us", cmabulk_allocation_get_elapsed_usec(allocation));
	json_add_number(object, "queued_us", cmabulk_allocation_get_queued_usec(allocation));
	return object;
}

/* Those that were changed, or of these those that are kept. */
static struct json_object *changes_of(const struct cmabulk_account *account, bool is_persistent)
{
	struct json_object *changes = json_object_new_array();
	const char *key;

	for (unsigned int i = 0; (key = cmabulk_account_get_change(account, i)); i++)
		if (!is_persistent || cmabulk_account_is_change_persistent(account, i))
			json_object_array_add(changes, json_object_new_string(key));
	return changes;
}

struct json_object *json_from_account(const struct cmabulk_account *account)
{
	struct json_object *object = json_object_new_object();
	bool is_default = cmabulk_account_is_default(account);
	uid_t uid;

	json_add_string(object, "account", cmabulk_account_get_name(account));
	if (cmabulk_account_get_uid(account, &uid) >= 0)
		json_add_number(object, "uid", uid);
	else
		json_object_object_add(object, "uid", NULL);
	json_add_string(object, "pool", cmabulk_account_get_pool(account));
	json_add_number(object, "used", cmabulk_account_get_used(account));
	json_add_number(object, "minimum", cmabulk_account_get_minimum(account));
	json_add_number(object, "maximum", cmabulk_account_get_maximum(account));
	json_add_number(object, "buffers", cmabulk_account_get_n_buffers(account));
	json_add_number(object, "maximum_buffers", cmabulk_account_get_maximum_buffers(account));
	json_add_number(object, "pending", cmabulk_account_get_n_pending(account));
	json_add_number(object, "maximum_pending", cmabulk_account_get_maximum_pending(account));
	json_add_number(object, "weight", cmabulk_account_get_weight(account));
	json_object_object_add(object, "runtime", changes_of(account, false));
	json_object_object_add(object, "persistent", changes_of(account, true));
	json_object_object_add(object, "default", json_object_new_boolean(is_default));
	return object;
}

static struct json_object *refusals_of(const struct cmabulk_counters *counters)
{
	struct json_object *object = json_object_new_object();
	const char *reason;
	uint64_t count;

	for (unsigned int i = 0; cmabulk_counters_get_refusal(counters, i, &reason, &count) >= 0;
	     i++)
		json_add_number(object, reason, count);
	return object;
}

static struct json_object *fills_of(const struct cmabulk_counters *counters)
{
	struct json_object *array = json_object_new_array();
	const char *effort, *result;
	uint64_t count;

	for (unsigned int i = 0;
	     cmabulk_counters_get_fill(counters, i, &effort, &result, &count) >= 0; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "effort", effort);
		json_add_string(object, "result", result);
		json_add_number(object, "fills", count);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *latency_of(const struct cmabulk_counters *counters)
{
	struct json_object *array = json_object_new_array();
	uint64_t usec, count;

	for (unsigned int i = 0; cmabulk_counters_get_bucket(counters, i, &usec, &count) >= 0;
	     i++) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "most_us",
				       usec == UINT64_MAX ? NULL : json_object_new_uint64(usec));
		json_add_number(object, "requests", count);
		json_object_array_add(array, object);
	}
	return array;
}

static void add_values(struct json_object *object, const struct cmabulk_counter_values *values)
{
	json_add_number(object, "admitted", values->admitted);
	json_add_number(object, "complete", values->complete);
	json_add_number(object, "partial", values->partial);
	json_add_number(object, "timed_out", values->timed_out);
	json_add_number(object, "cancelled", values->cancelled);
	json_add_number(object, "chunks_asked", values->chunks_asked);
	json_add_number(object, "bytes_asked", values->bytes_asked);
	json_add_number(object, "chunks_granted", values->chunks_granted);
	json_add_number(object, "bytes_granted", values->bytes_granted);
	json_add_number(object, "bytes_released", values->bytes_released);
	json_add_number(object, "queued_us", values->queued_usec);
	json_add_number(object, "worker_us", values->worker_usec);
	json_add_number(object, "interrupts", values->interrupts);
	json_add_number(object, "give_backs", values->give_backs);
}

struct json_object *json_from_counters(const struct cmabulk_counters *counters)
{
	struct json_object *object = json_object_new_object();
	bool is_account = *cmabulk_counters_get_account(counters) != '\0';
	struct cmabulk_counter_values values;
	uid_t uid;

	cmabulk_counters_get_values(counters, &values, sizeof(values));
	json_add_string(object, "pool", cmabulk_counters_get_pool(counters));
	add_text(object, "account", cmabulk_counters_get_account(counters));
	json_object_object_add(
		object, "uid",
		cmabulk_counters_get_uid(counters, &uid) >= 0 ? json_object_new_uint64(uid) : NULL);
	add_values(object, &values);
	json_object_object_add(object, "refused", refusals_of(counters));
	json_object_object_add(object, "fills", fills_of(counters));
	if (is_account)
		return object;
	json_add_number(object, "resyncs", values.resyncs);
	json_add_number(object, "latency_us", values.latency_usec);
	json_object_object_add(object, "latency", latency_of(counters));
	return object;
}

struct json_object *json_from_problems(const struct cmabulk_daemon *daemon)
{
	struct json_object *problems = json_object_new_array();
	unsigned int count = cmabulk_daemon_get_n_problems(daemon);

	for (unsigned int i = 0; i < count; i++)
		json_object_array_add(
			problems, json_object_new_string(cmabulk_daemon_get_problem(daemon, i)));
	return problems;
}
