// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What there is and what happened as metrics: family by family, as the formats want it, in each
 * all pools or accounts.
 */
#include <inttypes.h>
#include <string.h>

#include "metrics.h"

#define USEC_PER_SEC UINT64_C(1000000)

void metrics_clear(struct metrics *metrics)
{
	cmabulk_pool_array_free(metrics->pools);
	cmabulk_account_array_free(metrics->accounts);
	cmabulk_counters_array_free(metrics->counters);
}

/* --- Words ----------------------------------------------------------------------------------- */

enum type { TYPE_INFO, TYPE_GAUGE, TYPE_COUNTER, TYPE_HISTOGRAM };

struct family {
	const char *name;
	const char *unit; /* NULL: none; else the name ends with it */
	const char *help;
};

struct output {
	FILE *file;
	enum metrics_format format;
};

/* What the samples of a family are called more than the family. */
static const char *suffix_of(enum type type)
{
	switch (type) {
	case TYPE_INFO:
		return "_info";
	case TYPE_COUNTER:
		return "_total";
	default:
		return "";
	}
}

static const char *type_name(const struct output *output, enum type type)
{
	switch (type) {
	case TYPE_INFO:
		return output->format == METRICS_PROMETHEUS ? "gauge" : "info";
	case TYPE_GAUGE:
		return "gauge";
	case TYPE_COUNTER:
		return "counter";
	default:
		return "histogram";
	}
}

static void begin_family(const struct output *output, const char *prefix,
			 const struct family *family, enum type type)
{
	const char *suffix = output->format == METRICS_PROMETHEUS ? suffix_of(type) : "";

	fprintf(output->file, "# HELP %s%s%s %s.\n", prefix, family->name, suffix, family->help);
	fprintf(output->file, "# TYPE %s%s%s %s\n", prefix, family->name, suffix,
		type_name(output, type));
	if (family->unit && output->format == METRICS_OPENMETRICS)
		fprintf(output->file, "# UNIT %s%s %s\n", prefix, family->name, family->unit);
}

static void print_escaped(const struct output *output, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", output->file);
		else if (*text == '"' || *text == '\\')
			fprintf(output->file, "\\%c", *text);
		else
			fputc(*text, output->file);
	}
}

/* The first label of a sample is the pool. */
static void print_label(const struct output *output, const char *name, const char *value)
{
	fprintf(output->file, "%s%s=\"", strcmp(name, "pool") == 0 ? "{" : ",", name);
	print_escaped(output, value);
	fputc('"', output->file);
}

static void print_number(const struct output *output, uint64_t value)
{
	fprintf(output->file, "} %" PRIu64 "\n", value);
}

/* As seconds, with no more digits than it takes, but one after the point: that is how bounds are written. */
static void format_seconds(char text[32], uint64_t usec)
{
	size_t length = (size_t)snprintf(text, 32, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC,
					 usec % USEC_PER_SEC);

	while (text[length - 1] == '0' && text[length - 2] != '.')
		length--;
	text[length] = '\0';
}

static void print_seconds(const struct output *output, uint64_t usec)
{
	char text[32];

	format_seconds(text, usec);
	fprintf(output->file, "} %s\n", text);
}

/* --- Pools ----------------------------------------------------------------------------------- */

static uint64_t size_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t free_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_free_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t cached_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_cached_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t reserved_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_reserved_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t exported_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_exported_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t draining_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_draining_pages(pool) * cmabulk_pool_get_page_size(pool);
}

static uint64_t pending_of(const struct cmabulk_pool *pool)
{
	return cmabulk_pool_get_n_pending(pool);
}

static uint64_t risk_of(const struct cmabulk_pool *pool)
{
	return (uint64_t)cmabulk_pool_is_guarantee_at_risk(pool);
}

static const struct {
	struct family family;
	uint64_t (*get)(const struct cmabulk_pool *pool);
	bool is_daemons; /* only it knows */
} pool_gauges[] = {
	{ { "size_bytes", "bytes", "Memory of the pool" }, size_of, false },
	{ { "free_bytes", "bytes", "In no CMA user's hands, or cached" }, free_of, false },
	{ { "cached_bytes", "bytes", "Kept for a moment for the next small request" },
	  cached_of,
	  false },
	{ { "reserved_bytes", "bytes", "Claimed, and not yet in a buffer" }, reserved_of, false },
	{ { "exported_bytes", "bytes", "In live buffers" }, exported_of, false },
	{ { "draining_bytes", "bytes", "On its way back" }, draining_of, false },
	{ { "buffers", NULL, "Live buffers" }, cmabulk_pool_get_n_buffers, false },
	{ { "reservations", NULL, "Live reservations" }, cmabulk_pool_get_n_reservations, false },
	{ { "pending_requests", NULL, "Requests that wait or are being filled" }, pending_of, true },
	{ { "guarantee_at_risk", NULL, "1 when what accounts are guaranteed is not all there" },
	  risk_of,
	  true },
};

static void print_pool_info(const struct metrics *metrics, const struct output *output)
{
	static const struct family family = { "cmabulk_pool", NULL, "What a pool is" };

	begin_family(output, "", &family, TYPE_INFO);
	for (struct cmabulk_pool **pool = metrics->pools; pool && *pool; pool++) {
		fputs("cmabulk_pool_info", output->file);
		print_label(output, "pool", cmabulk_pool_get_name(*pool));
		print_label(output, "kind", cmabulk_pool_get_kind_name(*pool));
		print_label(output, "engine", cmabulk_pool_get_engine_name(*pool));
		print_number(output, 1);
	}
}

static void print_pools(const struct metrics *metrics, const struct output *output)
{
	print_pool_info(metrics, output);
	for (size_t i = 0; i < ARRAY_SIZE(pool_gauges); i++) {
		if (pool_gauges[i].is_daemons && metrics->is_direct)
			continue;
		begin_family(output, "cmabulk_pool_", &pool_gauges[i].family, TYPE_GAUGE);
		for (struct cmabulk_pool **pool = metrics->pools; pool && *pool; pool++) {
			fprintf(output->file, "cmabulk_pool_%s", pool_gauges[i].family.name);
			print_label(output, "pool", cmabulk_pool_get_name(*pool));
			print_number(output, pool_gauges[i].get(*pool));
		}
	}
}

/* --- Accounts -------------------------------------------------------------------------------- */

static const struct {
	struct family family;
	uint64_t (*get)(const struct cmabulk_account *account);
} account_gauges[] = {
	{ { "used_bytes", "bytes", "In its live buffers, and set aside for its requests" },
	  cmabulk_account_get_used },
	{ { "minimum_bytes", "bytes", "What it is guaranteed" }, cmabulk_account_get_minimum },
	{ { "maximum_bytes", "bytes", "What it may have" }, cmabulk_account_get_maximum },
	{ { "buffers", NULL, "Its live buffers" }, cmabulk_account_get_n_buffers },
	{ { "maximum_buffers", NULL, "Buffers it may have" }, cmabulk_account_get_maximum_buffers },
	{ { "pending_requests", NULL, "Its requests that wait or are being filled" },
	  cmabulk_account_get_n_pending },
	{ { "maximum_pending_requests", NULL, "Requests it may have waiting" },
	  cmabulk_account_get_maximum_pending },
};

static void print_account_labels(const struct output *output, const char *pool, const char *account,
				 const uid_t *uid)
{
	char text[16] = "";

	if (uid)
		snprintf(text, sizeof(text), "%u", *uid);
	print_label(output, "pool", pool);
	print_label(output, "account", account);
	print_label(output, "uid", text);
}

static void print_account(const struct output *output, const struct cmabulk_account *account)
{
	uid_t uid;
	bool has_uid = cmabulk_account_get_uid(account, &uid) >= 0;

	print_account_labels(output, cmabulk_account_get_pool(account),
			     cmabulk_account_get_name(account), has_uid ? &uid : NULL);
}

static void print_accounts(const struct metrics *metrics, const struct output *output)
{
	if (!metrics->accounts)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(account_gauges); i++) {
		begin_family(output, "cmabulk_account_", &account_gauges[i].family, TYPE_GAUGE);
		for (struct cmabulk_account **account = metrics->accounts; *account; account++) {
			fprintf(output->file, "cmabulk_account_%s", account_gauges[i].family.name);
			print_account(output, *account);
			print_number(output, account_gauges[i].get(*account));
		}
	}
}

/* --- Counters -------------------------------------------------------------------------------- */

/* Of pools, or of accounts. */
struct scope {
	const char *prefix;
	bool is_account;
};

static bool is_in_scope(const struct scope *scope, const struct cmabulk_counters *counters)
{
	return scope->is_account == (*cmabulk_counters_get_account(counters) != '\0');
}

/* Up to the labels that all of its samples have. */
static void begin_sample(const struct output *output, const struct scope *scope, const char *name,
			 const char *suffix, const struct cmabulk_counters *counters)
{
	const char *pool = cmabulk_counters_get_pool(counters);
	uid_t uid;

	fprintf(output->file, "%s%s%s", scope->prefix, name, suffix);
	if (!scope->is_account)
		print_label(output, "pool", pool);
	else if (cmabulk_counters_get_uid(counters, &uid) >= 0)
		print_account_labels(output, pool, cmabulk_counters_get_account(counters), &uid);
	else
		print_account_labels(output, pool, cmabulk_counters_get_account(counters), NULL);
}

#define VALUE(field) offsetof(struct cmabulk_counter_values, field)

static const struct plain_counter {
	struct family family;
	size_t value; /* microseconds, when the unit is seconds */
	bool is_pools; /* accounts have none */
} plain_counters[] = {
	{ { "requests_admitted", NULL, "Requests that were not refused" }, VALUE(admitted) },
	{ { "chunks_asked", NULL, "Chunks that admitted requests asked for" },
	  VALUE(chunks_asked) },
	{ { "asked_bytes", "bytes", "Memory that admitted requests asked for" },
	  VALUE(bytes_asked) },
	{ { "chunks_granted", NULL, "Chunks that were given out in buffers" },
	  VALUE(chunks_granted) },
	{ { "granted_bytes", "bytes", "Memory that was given out in buffers" },
	  VALUE(bytes_granted) },
	{ { "released_bytes", "bytes", "Memory of buffers that are gone" }, VALUE(bytes_released) },
	{ { "queued_seconds", "seconds", "Time that requests waited before they were filled" },
	  VALUE(queued_usec) },
	{ { "worker_seconds", "seconds", "Time that filling requests took" }, VALUE(worker_usec) },
	{ { "interrupts", NULL, "Fills that were interrupted" }, VALUE(interrupts) },
	{ { "give_backs", NULL, "Times a request gave back what it had, to others or to wait" },
	  VALUE(give_backs) },
	{ { "resyncs", NULL, "Times events were not enough, and the books were read anew" },
	  VALUE(resyncs),
	  true },
};

static uint64_t value_of(const struct cmabulk_counters *counters, size_t offset)
{
	struct cmabulk_counter_values values;

	cmabulk_counters_get_values(counters, &values, sizeof(values));
	return *(const uint64_t *)(const void *)((const char *)&values + offset);
}

static void print_plain(const struct metrics *metrics, const struct output *output,
			const struct scope *scope, const struct plain_counter *counter)
{
	const struct family *family = &counter->family;

	begin_family(output, scope->prefix, family, TYPE_COUNTER);
	for (struct cmabulk_counters **counters = metrics->counters; *counters; counters++) {
		if (!is_in_scope(scope, *counters))
			continue;
		begin_sample(output, scope, family->name, "_total", *counters);
		if (family->unit && strcmp(family->unit, "seconds") == 0)
			print_seconds(output, value_of(*counters, counter->value));
		else
			print_number(output, value_of(*counters, counter->value));
	}
}

static void print_finished_of(const struct output *output, const struct scope *scope,
			      const char *name, const struct cmabulk_counters *counters)
{
	static const struct {
		const char *status;
		size_t value;
	} statuses[] = {
		{ "complete", VALUE(complete) },
		{ "partial", VALUE(partial) },
		{ "timed-out", VALUE(timed_out) },
		{ "cancelled", VALUE(cancelled) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		begin_sample(output, scope, name, "_total", counters);
		print_label(output, "status", statuses[i].status);
		print_number(output, value_of(counters, statuses[i].value));
	}
}

static void print_refused_of(const struct output *output, const struct scope *scope,
			     const char *name, const struct cmabulk_counters *counters)
{
	const char *reason;
	uint64_t count;

	for (unsigned int i = 0; cmabulk_counters_get_refusal(counters, i, &reason, &count) >= 0;
	     i++) {
		begin_sample(output, scope, name, "_total", counters);
		print_label(output, "reason", reason);
		print_number(output, count);
	}
}

static void print_fills_of(const struct output *output, const struct scope *scope, const char *name,
			   const struct cmabulk_counters *counters)
{
	const char *effort, *result;
	uint64_t count;

	for (unsigned int i = 0;
	     cmabulk_counters_get_fill(counters, i, &effort, &result, &count) >= 0; i++) {
		begin_sample(output, scope, name, "_total", counters);
		print_label(output, "effort", effort);
		print_label(output, "result", result);
		print_number(output, count);
	}
}

static const struct {
	struct family family;
	void (*print)(const struct output *output, const struct scope *scope, const char *name,
		      const struct cmabulk_counters *counters);
} labelled_counters[] = {
	{ { "requests_finished", NULL, "Admitted requests that ended, by how" },
	  print_finished_of },
	{ { "requests_refused", NULL, "Requests that were refused, by why" }, print_refused_of },
	{ { "fills", NULL, "Tries to fill a request, by effort and by how they ended" },
	  print_fills_of },
};

static void print_labelled(const struct metrics *metrics, const struct output *output,
			   const struct scope *scope, size_t index)
{
	const struct family *family = &labelled_counters[index].family;

	begin_family(output, scope->prefix, family, TYPE_COUNTER);
	for (struct cmabulk_counters **counters = metrics->counters; *counters; counters++)
		if (is_in_scope(scope, *counters))
			labelled_counters[index].print(output, scope, family->name, *counters);
}

static void print_scope(const struct metrics *metrics, const struct output *output,
			const struct scope *scope)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_counters); i++)
		if (!(plain_counters[i].is_pools && scope->is_account))
			print_plain(metrics, output, scope, &plain_counters[i]);
	for (size_t i = 0; i < ARRAY_SIZE(labelled_counters); i++)
		print_labelled(metrics, output, scope, i);
}

/* --- Latency --------------------------------------------------------------------------------- */

static void print_bucket(const struct output *output, const struct scope *scope, const char *name,
			 const struct cmabulk_counters *counters, uint64_t usec, uint64_t count)
{
	char bound[32] = "+Inf";

	if (usec != UINT64_MAX)
		format_seconds(bound, usec);
	begin_sample(output, scope, name, "_bucket", counters);
	print_label(output, "le", bound);
	print_number(output, count);
}

static void print_latency_of(const struct output *output, const struct scope *scope,
			     const char *name, const struct cmabulk_counters *counters)
{
	uint64_t usec, count;
	uint64_t sum = 0;

	/* Here each bucket has all that took no longer, and the last is for all. */
	for (unsigned int i = 0; cmabulk_counters_get_bucket(counters, i, &usec, &count) >= 0;
	     i++) {
		sum += count;
		if (usec != UINT64_MAX)
			print_bucket(output, scope, name, counters, usec, sum);
	}
	print_bucket(output, scope, name, counters, UINT64_MAX, sum);
	begin_sample(output, scope, name, "_count", counters);
	print_number(output, sum);
	begin_sample(output, scope, name, "_sum", counters);
	print_seconds(output, value_of(counters, VALUE(latency_usec)));
}

static void print_latency(const struct metrics *metrics, const struct output *output,
			  const struct scope *scope)
{
	static const struct family family = { "request_duration_seconds", "seconds",
					      "Time from when a request was asked until it ended" };

	begin_family(output, scope->prefix, &family, TYPE_HISTOGRAM);
	for (struct cmabulk_counters **counters = metrics->counters; *counters; counters++)
		if (is_in_scope(scope, *counters))
			print_latency_of(output, scope, family.name, *counters);
}

void metrics_print(const struct metrics *metrics, FILE *file)
{
	static const struct scope pools = { "cmabulk_pool_", false };
	static const struct scope accounts = { "cmabulk_account_", true };
	const struct output output = { file, metrics->format };

	print_pools(metrics, &output);
	print_accounts(metrics, &output);
	if (metrics->counters) {
		print_scope(metrics, &output, &pools);
		print_latency(metrics, &output, &pools);
		print_scope(metrics, &output, &accounts);
	}
	if (metrics->format == METRICS_OPENMETRICS)
		fputs("# EOF\n", file);
}
