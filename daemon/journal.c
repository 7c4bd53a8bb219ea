// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the log is told of requests. */
#include <inttypes.h>
#include <string.h>

#include <glib.h>

#include "clock.h"
#include "journal.h"
#include "log.h"
#include "text.h"
#include "throttle.h"

/* Of an account; what it does then, the counters tell. */
#define BURST	    10
#define INTERVAL_NS (30 * NSEC_PER_SEC)

struct journal {
	struct throttle *throttle;
	struct throttle *of_all; /* of what concerns all accounts, as one */
	uint64_t (*now_ns)(void);
};

struct journal *journal_new(uint64_t (*now_ns)(void))
{
	struct journal *journal = g_new0(struct journal, 1);

	journal->throttle = throttle_new(BURST, INTERVAL_NS);
	journal->of_all = throttle_new(BURST, INTERVAL_NS);
	journal->now_ns = now_ns;
	return journal;
}

struct journal *journal_free(struct journal *journal)
{
	if (!journal)
		return NULL;
	throttle_free(journal->throttle);
	throttle_free(journal->of_all);
	g_free(journal);
	return NULL;
}

/* What a message is about; NULL and 0 are left out. */
struct event {
	int priority;
	const char *id;
	const char *pool;
	const char *account;
	const char *reason;
	uint64_t bytes; /* asked for, or what it is about */
	uint64_t granted_bytes;
	uint64_t left_out;
};

static void add_text(GPtrArray *fields, const char *name, const char *value)
{
	if (value)
		g_ptr_array_add(fields, g_strdup_printf("%s=%s", name, value));
}

static void add_number(GPtrArray *fields, const char *name, uint64_t value)
{
	if (value)
		g_ptr_array_add(fields, g_strdup_printf("%s=%" PRIu64, name, value));
}

static void say(const struct event *event, const char *text)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);

	add_text(fields, "MESSAGE_ID", event->id);
	add_text(fields, "CMABULK_POOL", event->pool);
	add_text(fields, "CMABULK_ACCOUNT", event->account);
	add_text(fields, "CMABULK_REASON", event->reason);
	add_number(fields, "CMABULK_BYTES", event->bytes);
	add_number(fields, "CMABULK_GRANTED_BYTES", event->granted_bytes);
	add_number(fields, "CMABULK_LEFT_OUT", event->left_out);
	log_with_fields(event->priority, (const char *const *)fields->pdata, fields->len, "%s",
			text);
}

/* Of accounts that are not told apart any more. */
static void say_left_out(struct journal *journal)
{
	struct event event = { .priority = LOG_INFO };
	char *account;

	while (throttle_take_left_out(journal->throttle, &account, &event.left_out)) {
		g_autofree char *name = account;
		g_autofree char *text =
			name ? g_strdup_printf("account %s: %" PRIu64 " messages were left out",
					       name, event.left_out) :
			       g_strdup_printf("%" PRIu64
					       " messages were left out, about accounts besides "
					       "%d others",
					       event.left_out, THROTTLE_ACCOUNTS_MAX);

		event.account = name;
		say(&event, text);
	}
}

static void say_unless_too_much(struct throttle *throttle, const char *whose, uint64_t now_ns,
				struct event *event, const char *text)
{
	g_autofree char *longer = NULL;

	if (!throttle_pass(throttle, whose, now_ns, &event->left_out))
		return;
	if (event->left_out)
		longer = g_strdup_printf("%s (%" PRIu64 " messages before were left out)", text,
					 event->left_out);
	say(event, longer ?: text);
}

/* Unless too much was said of its account. */
static void say_throttled(struct journal *journal, struct event *event, const char *text)
{
	say_unless_too_much(journal->throttle, event->account, journal->now_ns(), event, text);
	say_left_out(journal);
}

/* As much as can be counted. */
static uint64_t bytes_of(uint64_t page_size, unsigned int order, uint64_t chunks)
{
	uint64_t bytes;

	if (order >= 64 || __builtin_mul_overflow(chunks, UINT64_C(1) << order, &bytes) ||
	    __builtin_mul_overflow(bytes, page_size, &bytes))
		return UINT64_MAX;
	return bytes;
}

void journal_refused(struct journal *journal, const struct pool *pool,
		     const struct broker_refusal *refusal, const struct broker_ask *ask,
		     const char *sentence)
{
	bool is_quota = strcmp(refusal->reason, "quota") == 0 ||
			strcmp(refusal->reason, "buffers") == 0;
	struct event event = {
		.priority = is_quota ? LOG_NOTICE : LOG_INFO,
		.id = is_quota ? JOURNAL_ID_OVER_QUOTA : JOURNAL_ID_REFUSED,
		.pool = pool_get_name(pool),
		.account = refusal->account,
		.reason = refusal->reason,
		.bytes = bytes_of(pool_get_query(pool)->page_size, ask->order, ask->chunks),
	};
	g_autofree char *text = g_strdup_printf("pool %s: a request of account %s was refused: %s",
						event.pool, event.account, sentence);

	say_throttled(journal, &event, text);
}

void journal_ended(struct journal *journal, const char *account, const struct report *report)
{
	struct event event = {
		.priority = LOG_NOTICE,
		.id = report->status == BROKER_TIMED_OUT ? JOURNAL_ID_TIMED_OUT : JOURNAL_ID_SHORT,
		.pool = report->pool,
		.account = account,
		.reason = report_cause_name(report->cause),
		.bytes = bytes_of(report->page_size, report->order, report->requested),
		.granted_bytes = bytes_of(report->page_size, report->order, report->granted),
	};
	char asked[TEXT_SIZE_MAX], granted[TEXT_SIZE_MAX];
	g_autofree char *sentence = NULL;
	g_autofree char *text = NULL;

	if (report->status != BROKER_TIMED_OUT && report->status != BROKER_PARTIAL)
		return;
	sentence = report_get_sentence(report);
	text = g_strdup_printf("pool %s: a request of account %s %s, with %s of %s: %s", event.pool,
			       account,
			       report->status == BROKER_TIMED_OUT ? "timed out" : "came short",
			       text_size(granted, event.granted_bytes),
			       text_size(asked, event.bytes), sentence);
	say_throttled(journal, &event, text);
}

void journal_not_fetched(struct journal *journal, const char *account, const char *pool,
			 uint64_t bytes)
{
	struct event event = {
		.priority = LOG_INFO,
		.id = JOURNAL_ID_NOT_FETCHED,
		.pool = pool,
		.account = account,
		.bytes = bytes,
	};
	char size[TEXT_SIZE_MAX];
	g_autofree char *text = g_strdup_printf(
		"pool %s: account %s did not fetch the rest of what it was granted in time: %s "
		"went back",
		pool, account, text_size(size, bytes));

	say_throttled(journal, &event, text);
}

void journal_warning(struct journal *journal, const char *account, const char *pool,
		     const char *sentence)
{
	struct event event = {
		.priority = LOG_WARNING,
		.pool = pool,
		.account = account,
	};

	say_throttled(journal, &event, sentence);
}

void journal_warning_to_all(struct journal *journal, const char *sentence)
{
	struct event event = { .priority = LOG_WARNING };

	say_unless_too_much(journal->of_all, "", journal->now_ns(), &event, sentence);
}

void journal_guarantee(const char *pool, uint64_t bytes)
{
	struct event event = {
		.priority = bytes ? LOG_WARNING : LOG_INFO,
		.id = bytes ? JOURNAL_ID_GUARANTEE_AT_RISK : JOURNAL_ID_GUARANTEE_THERE,
		.pool = pool,
		.reason = "guarantee",
		.bytes = bytes,
	};
	char size[TEXT_SIZE_MAX];
	g_autofree char *text =
		bytes ? g_strdup_printf("pool %s: of what accounts are guaranteed and do not use, "
					"%s are in other hands; they get it as far as it is there",
					pool, text_size(size, bytes)) :
			g_strdup_printf("pool %s: what accounts are guaranteed is there again",
					pool);

	say(&event, text);
}

void journal_authority(const char *why)
{
	const struct event event = {
		.priority = LOG_WARNING,
		.id = JOURNAL_ID_AUTHORITY,
		.reason = "polkit",
	};
	g_autofree char *text = g_strdup_printf(
		"polkit was asked, and its answer is of no use: %s; who has to be asked about is denied",
		why);

	say(&event, text);
}
