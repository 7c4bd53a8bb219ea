// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asking polkit, without waiting for it. */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "journal.h"
#include "manager.h"

#define AUTHORITY_NAME	    "org.freedesktop.PolicyKit1"
#define AUTHORITY_PATH	    "/org/freedesktop/PolicyKit1/Authority"
#define AUTHORITY_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* Of CheckAuthorization. */
#define ALLOW_INTERACTION 1u

/* Who has a broken authority hears of it so often. */
#define SAY_NS (60 * NSEC_PER_SEC)

struct asking_call {
	sd_bus_message *call;
	struct authority_ask ask;
};

/*
 * One that is under way. Whatever else its client wants to do of the same kind waits for its answer, too.
 *
 * It stays until the bus has its answer, even when nobody waits for that any more: so long it is one of the
 * replies that the bus lets the daemon wait for, and a user who leaves and comes again must not have more.
 */
struct question {
	struct authority *authority;
	struct client *client; /* NULL: nobody waits */
	uid_t uid; /* whom it counts for */
	enum authorization_action action;
	bool is_interactive;
	char id[32]; /* to take it back by */
	sd_bus_slot *asking;
	sd_event_source *timer;
	GQueue calls; /* struct asking_call */
};

struct authority {
	struct manager *manager;
	GQueue questions; /* struct question */
	uint32_t next_id;
	uint64_t say_ns; /* from when on it is worth saying again that it is broken */
};

static void asking_call_free(struct asking_call *asking)
{
	sd_bus_message_unref(asking->call);
	g_free(asking);
}

/* --- Questions ------------------------------------------------------------------------------- */

/* It is taken out of the list. */
static void question_free(struct question *question)
{
	sd_bus_slot_unref(question->asking);
	sd_event_source_unref(question->timer);
	g_queue_clear_full(&question->calls, (GDestroyNotify)asking_call_free);
	g_free(question);
}

static void count_questions(const struct authority *authority, uid_t uid,
			    struct authorization_load *ret_of_user,
			    struct authorization_load *ret_of_all)
{
	struct authorization_load of_user = { 0 };
	struct authorization_load of_all = { 0 };

	for (const GList *link = authority->questions.head; link; link = link->next) {
		const struct question *question = link->data;

		of_all.n++;
		of_all.n_interactive += question->is_interactive;
		if (question->uid != uid)
			continue;
		of_user.n++;
		of_user.n_interactive += question->is_interactive;
	}
	*ret_of_user = of_user;
	*ret_of_all = of_all;
}

static unsigned int count_calls(const struct authority *authority, uid_t uid)
{
	unsigned int count = 0;

	for (const GList *link = authority->questions.head; link; link = link->next) {
		const struct question *question = link->data;

		if (question->client && question->uid == uid)
			count += question->calls.length;
	}
	return count;
}

static struct question *find_question(const struct authority *authority,
				      const struct client *client, enum authorization_action action,
				      bool is_interactive)
{
	for (const GList *link = authority->questions.head; link; link = link->next) {
		struct question *question = link->data;

		if (question->client == client && question->action == action &&
		    question->is_interactive == is_interactive)
			return question;
	}
	return NULL;
}

/* Nobody wants to know any more: a person must not be asked on. */
static void take_back(const struct question *question)
{
	sd_bus *bus = question->authority->manager->bus;
	sd_bus_message *message = NULL;
	int r = bus ? sd_bus_message_new_method_call(bus, &message, AUTHORITY_NAME, AUTHORITY_PATH,
						     AUTHORITY_INTERFACE,
						     "CancelCheckAuthorization") :
		      -ENOTCONN;

	if (r >= 0)
		r = sd_bus_message_append(message, "s", question->id);
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(message, false);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(message, false);
	if (r >= 0)
		sd_bus_send(bus, message, NULL);
	sd_bus_message_unref(message);
}

/* Nobody waits for it any more, and it for its answer alone. */
static void question_drop(struct question *question)
{
	question->client = NULL;
	question->timer = sd_event_source_unref(question->timer);
	g_queue_clear_full(&question->calls, (GDestroyNotify)asking_call_free);
	if (question->is_interactive)
		take_back(question);
}

/* --- Answers --------------------------------------------------------------------------------- */

static void say_broken(struct authority *authority, const char *why)
{
	uint64_t now = clock_now_ns();

	if (now < authority->say_ns)
		return;
	authority->say_ns = now + SAY_NS;
	journal_authority(why);
}

static enum authorization_answer read_answer(struct authority *authority, sd_bus_message *message)
{
	const sd_bus_error *problem = sd_bus_message_get_error(message);
	enum authorization_answer answer = AUTHORIZATION_BROKEN;
	int is_authorized, is_challenge;

	if (problem)
		answer = authorization_judge_error(problem->name);
	else if (sd_bus_message_has_signature(message, "(bba{ss})") &&
		 sd_bus_message_enter_container(message, 'r', "bba{ss}") >= 0 &&
		 sd_bus_message_read(message, "bb", &is_authorized, &is_challenge) >= 0)
		answer = authorization_judge(is_authorized, is_challenge);
	if (answer == AUTHORIZATION_BROKEN)
		say_broken(authority, problem ? problem->message ?: problem->name :
						"it is of another type than the interface says");
	/* Of a connection that ended the library says the same. */
	else if (answer == AUTHORIZATION_SILENT && sd_bus_is_open(authority->manager->bus) > 0)
		say_broken(authority, sd_bus_error_has_name(problem, SD_BUS_ERROR_NO_REPLY) ?
					      "it left without one" :
					      "none came in time");
	return answer;
}

static void refuse(struct client *client, const struct asking_call *asking,
		   enum authorization_answer answer)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	access_refuse(client, asking->ask.action, asking->ask.what, answer, &error);
	sd_bus_reply_method_error(asking->call, &error);
	sd_bus_error_free(&error);
}

static void finish(struct client *client, const struct asking_call *asking,
		   enum authorization_answer answer)
{
	/* What it was sent since it asked counts, too. */
	if (bus_refuse_behind(client, asking->call))
		return;
	if (answer == AUTHORIZATION_YES)
		client_run_since(client, asking->call, asking->ask.function, asking->ask.since_ns);
	else
		refuse(client, asking, answer);
}

static void question_finish(struct question *question, enum authorization_answer answer)
{
	struct asking_call *asking;

	while ((asking = g_queue_pop_head(&question->calls))) {
		finish(question->client, asking, answer);
		asking_call_free(asking);
	}
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct question *question = userdata;
	enum authorization_answer answer;

	g_queue_remove(&question->authority->questions, question);
	if (question->client) {
		answer = read_answer(question->authority, message);
		if (answer == AUTHORIZATION_YES)
			authorization_grant(&question->client->grants, question->action,
					    clock_now_ns());
		question_finish(question, answer);
	}
	question_free(question);
	return 1;
}

/* The answer may still come, and is nobody's then. */
static int on_time(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct question *question = userdata;

	/* A person who does not answer is no fault of polkit's. */
	if (!question->is_interactive)
		say_broken(question->authority, "none came in time");
	question_finish(question, AUTHORIZATION_SILENT);
	question_drop(question);
	return 0;
}

/* --- Asking ---------------------------------------------------------------------------------- */

/* The bus tells it whose connection that is; nothing that the caller says gets there. */
static int append_question(sd_bus_message *message, const struct question *question)
{
	return sd_bus_message_append(message, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
				     question->client->name,
				     authorization_get_name(question->action), 0,
				     question->is_interactive ? ALLOW_INTERACTION : 0,
				     question->id);
}

static int question_send(struct question *question)
{
	sd_bus *bus = question->authority->manager->bus;
	sd_bus_message *message = NULL;
	int r = sd_bus_message_new_method_call(bus, &message, AUTHORITY_NAME, AUTHORITY_PATH,
					       AUTHORITY_INTERFACE, "CheckAuthorization");

	if (r >= 0)
		r = append_question(message, question);
	if (r >= 0)
		r = sd_bus_call_async(bus, &question->asking, message, on_answer, question,
				      UINT64_MAX);
	sd_bus_message_unref(message);
	return r;
}

/* Not the library's: that would forget a reply which the bus still expects. */
static int question_set_timer(struct question *question)
{
	return sd_event_add_time_relative(
		question->authority->manager->event, &question->timer, CLOCK_MONOTONIC,
		question->is_interactive ? AUTHORIZATION_INTERACT_USEC : AUTHORIZATION_WAIT_USEC, 1,
		on_time, question);
}

static int question_new(struct client *client, enum authorization_action action,
			bool is_interactive, struct question **ret)
{
	struct authority *authority = client->manager->authority;
	struct question *question = g_new0(struct question, 1);
	int r;

	question->authority = authority;
	question->client = client;
	question->uid = client->user->uid;
	question->action = action;
	question->is_interactive = is_interactive;
	g_snprintf(question->id, sizeof(question->id), "cmabulkd-%u", authority->next_id++);
	g_queue_init(&question->calls);
	r = question_set_timer(question);
	if (r >= 0)
		r = question_send(question);
	if (r < 0) {
		question_free(question);
		return r;
	}
	g_queue_push_tail(&authority->questions, question);
	*ret = question;
	return 0;
}

static int refuse_too_many(const struct client *client, sd_bus_error *error)
{
	const struct authority *authority = client->manager->authority;
	struct authorization_load of_user, of_all;

	count_questions(authority, client->user->uid, &of_user, &of_all);
	return sd_bus_error_setf(
		error, SD_BUS_ERROR_LIMITS_EXCEEDED,
		"polkit is asked too much at once: of user %u about %u calls, of at most %u, with "
		"%u questions, of at most %u, %u of them for a person to answer, of at most %u; and "
		"of all users with %u, of at most %u, %u of them for a person, of at most %u; wait for "
		"the answers",
		client->user->uid, count_calls(authority, client->user->uid),
		AUTHORIZATION_USER_CALLS_MAX, of_user.n, AUTHORIZATION_USER_QUESTIONS_MAX,
		of_user.n_interactive, AUTHORIZATION_USER_INTERACTIVE_MAX, of_all.n,
		AUTHORIZATION_QUESTIONS_MAX, of_all.n_interactive, AUTHORIZATION_INTERACTIVE_MAX);
}

static bool has_room(const struct client *client, bool is_interactive)
{
	struct authorization_load of_user, of_all;

	count_questions(client->manager->authority, client->user->uid, &of_user, &of_all);
	return authorization_has_room(&of_user, &of_all, is_interactive);
}

/* The one that the call waits for, which is asked if nobody has asked it. */
static int question_get(struct client *client, sd_bus_message *call,
			enum authorization_action action, struct question **ret,
			sd_bus_error *error)
{
	struct authority *authority = client->manager->authority;
	bool is_interactive = sd_bus_message_get_allow_interactive_authorization(call) > 0;
	struct question *question = find_question(authority, client, action, is_interactive);
	int r;

	if (count_calls(authority, client->user->uid) >= AUTHORIZATION_USER_CALLS_MAX)
		return refuse_too_many(client, error);
	if (!question) {
		if (!has_room(client, is_interactive))
			return refuse_too_many(client, error);
		r = question_new(client, action, is_interactive, &question);
		if (r < 0)
			return r;
	}
	*ret = question;
	return 0;
}

int authority_ask(struct client *client, sd_bus_message *call, const struct authority_ask *ask,
		  sd_bus_error *error)
{
	struct question *question = NULL;
	struct asking_call *asking;
	int r;

	if (client->manager->is_stopping)
		return client_refuse_restarting(client, call, ask->since_ns, error);
	r = question_get(client, call, ask->action, &question, error);
	if (r < 0)
		return r;
	asking = g_new(struct asking_call, 1);
	*asking = (struct asking_call){ sd_bus_message_ref(call), *ask };
	g_queue_push_tail(&question->calls, asking);
	return 1;
}

/* --- What others ask of it ------------------------------------------------------------------- */

static sd_bus_message *question_take(struct question *question, const char *token,
				     uint64_t *ret_since_ns)
{
	for (GList *link = question->calls.head; link; link = link->next) {
		struct asking_call *asking = link->data;
		sd_bus_message *call;

		if (!bus_request_is(asking->call, token))
			continue;
		call = sd_bus_message_ref(asking->call);
		*ret_since_ns = asking->ask.since_ns;
		g_queue_delete_link(&question->calls, link);
		asking_call_free(asking);
		return call;
	}
	return NULL;
}

sd_bus_message *authority_take(struct client *client, const char *token, uint64_t *ret_since_ns)
{
	const struct authority *authority = client->manager->authority;
	sd_bus_message *call = NULL;

	for (GList *link = authority->questions.head; link && !call; link = link->next) {
		struct question *question = link->data;

		if (question->client != client)
			continue;
		call = question_take(question, token, ret_since_ns);
		if (call && g_queue_is_empty(&question->calls))
			question_drop(question);
	}
	return call;
}

void authority_stop(struct authority *authority)
{
	for (GList *link = authority->questions.head; link; link = link->next) {
		struct question *question = link->data;
		struct asking_call *asking;

		if (!question->client)
			continue;
		while ((asking = g_queue_pop_head(&question->calls))) {
			client_run_since(question->client, asking->call, client_refuse_restarting,
					 asking->ask.since_ns);
			asking_call_free(asking);
		}
		question_drop(question);
	}
}

void authority_forget_client(struct authority *authority, const struct client *client)
{
	for (GList *link = authority->questions.head; link; link = link->next) {
		struct question *question = link->data;

		if (question->client == client)
			question_drop(question);
	}
}

void authority_disconnected(struct authority *authority)
{
	g_queue_clear_full(&authority->questions, (GDestroyNotify)question_free);
}

struct authority *authority_new(struct manager *manager)
{
	struct authority *authority = g_new0(struct authority, 1);

	authority->manager = manager;
	g_queue_init(&authority->questions);
	return authority;
}

/* All clients are gone. */
struct authority *authority_free(struct authority *authority)
{
	if (!authority)
		return NULL;
	authority_disconnected(authority);
	g_free(authority);
	return NULL;
}
