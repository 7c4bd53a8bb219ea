// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A broker of 1000 pages of 4 KiB and what it is expected to say, a line each. One
 * chunk is one page, a turn 125 of them.
 */
#include <inttypes.h>

#include <glib.h>
#include <string.h>

#include "scene.h"

#define RULES 9

static struct account_rule rule(const char *name, bool has_uid, uid_t uid)
{
	return (struct account_rule){
		.name = g_strdup(name),
		.has_uid = has_uid,
		.uid = uid,
		.maximum = { .is_share = true, .bytes = 10000 },
		.max_buffers = 4096,
		.max_pending = 64,
		.weight = 100,
	};
}

/* What differs from scene to scene, in pages. */
struct limits {
	int64_t half; /* -1: there is no such rule */
	uint64_t half_minimum;
	uint64_t team_minimum;
};

static struct amount pages(uint64_t count)
{
	return (struct amount){ .bytes = count * SCENE_PAGE };
}

static struct account_rules *make_rules(const struct limits *limits)
{
	struct account_rule *rules = g_new0(struct account_rule, RULES);
	size_t count = 0;

	if (limits->half >= 0) {
		rules[count] = rule("half", true, 1001);
		rules[count].minimum = pages(limits->half_minimum);
		rules[count++].maximum = pages((uint64_t)limits->half);
	}
	rules[count] = rule("buffers", true, 1002);
	rules[count++].max_buffers = 2;
	rules[count] = rule("pending", true, 1003);
	rules[count++].max_pending = 1;
	rules[count] = rule("heavy", true, 1004);
	rules[count++].weight = 300;
	rules[count] = rule("light", true, 1005);
	rules[count++].weight = 50;
	rules[count] = rule("seldom", true, 1007);
	rules[count].rate_burst = 2;
	rules[count++].rate_interval_usec = 1000000;
	rules[count] = rule("gentle", true, 1008);
	rules[count++].efforts = 1U << CMABULK_EFFORT_NORMAL;
	rules[count] = rule("team", false, 0);
	rules[count].has_gid = true;
	rules[count].gid = 7;
	rules[count].minimum = pages(limits->team_minimum);
	rules[count++].is_shared = true;
	rules[count++] = rule("default", false, 0);
	return account_rules_new(rules, count);
}

void scene_init(struct scene *scene)
{
	static const struct broker_geometry geometry = { SCENE_PAGES, SCENE_PAGE, 0, 4, "main" };

	*scene = (struct scene){
		.rules = make_rules(&(struct limits){ .half = SCENE_PAGES / 2 }),
		.now_ns = 5 * SCENE_SECOND,
		.last_id = 100,
		.asked = g_string_new(NULL),
	};
	scene->broker = broker_new(&geometry, scene->rules);
	scene_free_pages(scene, SCENE_PAGES);
}

void scene_clear(struct scene *scene)
{
	scene_expect_nothing(scene);
	broker_free(scene->broker);
	account_rules_unref(scene->rules);
	g_string_free(scene->asked, TRUE);
}

static void reload(struct scene *scene, const struct limits *limits)
{
	account_rules_unref(scene->rules);
	scene->rules = make_rules(limits);
	broker_set_rules(scene->broker, scene->rules);
}

void scene_limit(struct scene *scene, int64_t pages)
{
	reload(scene, &(struct limits){ .half = pages });
}

void scene_guarantee(struct scene *scene, uint64_t half, uint64_t team)
{
	reload(scene, &(struct limits){ SCENE_PAGES / 2, half, team });
}

const struct account_rule *scene_rule(const struct scene *scene, uid_t uid)
{
	static const gid_t team = 7;
	struct identity identity = { .uid = uid };

	if (uid == 1006) {
		identity.gids = &team;
		identity.n_gids = 1;
	}
	return account_rules_match(scene->rules, &identity);
}

struct broker_ask scene_ask(const struct scene *scene, uint64_t chunks)
{
	return (struct broker_ask){
		.chunks = chunks,
		.minimum = chunks,
		.buffers = 1,
		.effort = CMABULK_EFFORT_HARD,
		.deadline_ns = scene->now_ns + 20 * SCENE_SECOND,
	};
}

struct broker_request *scene_submit_ask(struct scene *scene, uid_t uid,
					const struct broker_ask *ask)
{
	struct broker_request *request;

	g_assert_cmpint(broker_submit(scene->broker, scene_rule(scene, uid), uid, ask,
				      scene->now_ns, scene, &request, NULL),
			==, 0);
	g_assert_true(broker_request_get_userdata(request) == scene);
	return request;
}

struct broker_request *scene_submit(struct scene *scene, uid_t uid, uint64_t chunks)
{
	struct broker_ask ask = scene_ask(scene, chunks);

	return scene_submit_ask(scene, uid, &ask);
}

int scene_refused(struct scene *scene, uid_t uid, const struct broker_ask *ask,
		  struct broker_refusal *ret)
{
	struct broker_request *request = NULL;
	int r = broker_submit(scene->broker, scene_rule(scene, uid), uid, ask, scene->now_ns, NULL,
			      &request, ret);

	g_assert_null(request);
	return r;
}

void scene_free_pages(struct scene *scene, uint64_t pages)
{
	scene->free_pages = pages;
	broker_set_free(scene->broker, pages);
}

/* Who is asked to give back is written down, for scene_expect_asked(). */
static struct broker_action next(struct scene *scene)
{
	struct broker_action action;

	for (;;) {
		broker_next(scene->broker, scene->now_ns, &action);
		if (action.type != BROKER_ASK_BACK)
			return action;
		g_assert_null(action.request);
		if (g_strcmp0(action.account, scene->deaf) == 0) {
			broker_not_heard(scene->broker, action.bytes);
			continue;
		}
		g_string_append_printf(scene->asked, "%s%s %" PRIu64 "%s",
				       scene->asked->len ? ", " : "", action.account,
				       action.bytes / SCENE_PAGE,
				       action.pressure == BROKER_PRESSURE_CRITICAL ? "!" : "");
	}
}

void scene_sleep_until(struct scene *scene, uint64_t time_ns)
{
	scene->now_ns = time_ns - 1;
	scene_expect_nothing(scene);
	g_assert_cmpuint(broker_wakeup(scene->broker), ==, time_ns);
	scene->now_ns = time_ns;
}

void scene_expect_asked(struct scene *scene, const char *expected)
{
	scene_expect_nothing(scene);
	g_assert_cmpstr(scene->asked->str, ==, expected);
	g_string_truncate(scene->asked, 0);
}

static struct broker_action expect(struct scene *scene, enum broker_action_type type,
				   struct broker_request *request)
{
	struct broker_action action = next(scene);

	g_assert_cmpint(action.type, ==, type);
	g_assert_true(action.request == request);
	return action;
}

void scene_expect_nothing(struct scene *scene)
{
	expect(scene, BROKER_NOTHING, NULL);
	g_assert_cmpuint(broker_wakeup(scene->broker), >, scene->now_ns);
}

void scene_expect_fill(struct scene *scene, struct broker_request *request, unsigned int effort,
		       uint64_t chunks)
{
	struct broker_action action = expect(scene, BROKER_FILL, request);
	uint64_t deadline_ns = broker_request_get_ask(request)->deadline_ns;

	g_assert_cmpuint(action.effort, ==, effort);
	g_assert_cmpuint(action.chunks, ==, chunks);
	g_assert_cmpuint(action.budget_ns, ==,
			 deadline_ns == UINT64_MAX ? 0 : deadline_ns - scene->now_ns);
}

void scene_expect_interrupt(struct scene *scene, struct broker_request *request)
{
	expect(scene, BROKER_INTERRUPT, request);
}

void scene_expect_give_back(struct scene *scene, struct broker_request *request)
{
	expect(scene, BROKER_GIVE_BACK, request);
}

static void expect_end(struct scene *scene, struct broker_request *request,
		       enum broker_status status, int error, uint64_t claimed)
{
	expect(scene, BROKER_FINISH, request);
	g_assert_cmpint(broker_request_get_status(request), ==, status);
	g_assert_cmpint(broker_request_get_error(request), ==, error);
	g_assert_cmpuint(broker_request_get_claimed(request), ==, claimed);
}

void scene_expect_finish(struct scene *scene, struct broker_request *request,
			 enum broker_status status, int error, uint64_t claimed)
{
	expect_end(scene, request, status, error, claimed);
	broker_request_free(scene->broker, request);
}

uint64_t scene_expect_export(struct scene *scene, struct broker_request *request,
			     enum broker_status status, int error, uint64_t claimed)
{
	struct cmabulk_buffer_info info = {
		.id = ++scene->last_id,
		.object = CMABULK_OBJECT_BUFFER,
		.state = CMABULK_STATE_EXPORTED,
		.chunks = claimed,
		.pages = claimed << broker_request_get_ask(request)->order,
		.owner.cookie = scene->last_id * 10,
	};

	expect_end(scene, request, status, error, claimed);
	g_assert_true(broker_request_is_kept(request));
	broker_request_exported(scene->broker, request, &info);
	broker_request_free(scene->broker, request);
	g_assert_cmpint(scene_event(scene, CMABULK_CMD_EXPORTED, info.id, info.pages), ==, 0);
	return info.id;
}

void scene_filled_slowly(struct scene *scene, struct broker_request *request, int result,
			 uint64_t granted, uint64_t elapsed_ns)
{
	struct cmabulk_fill fill = { .nr_allocated = granted, .report.blocks_surveyed = 10 };

	scene->now_ns += elapsed_ns;
	broker_filled(scene->broker, request, result, &fill, elapsed_ns, scene->now_ns);
	scene_free_pages(scene,
			 scene->free_pages - (granted << broker_request_get_ask(request)->order));
}

void scene_filled(struct scene *scene, struct broker_request *request, int result, uint64_t granted)
{
	scene_filled_slowly(scene, request, result, granted, 0);
}

uint64_t scene_give(struct scene *scene, uid_t uid, uint64_t chunks)
{
	struct broker_request *request = scene_submit(scene, uid, chunks);

	scene_expect_fill(scene, request, CMABULK_EFFORT_FAST, chunks);
	scene_filled(scene, request, 0, chunks);
	return scene_expect_export(scene, request, BROKER_COMPLETE, 0, chunks);
}

int scene_event(struct scene *scene, enum cmabulk_genl_command command, uint64_t id, uint64_t pages)
{
	uint64_t cookie;

	return broker_event(scene->broker, command, ++scene->sequence, id, pages, &cookie);
}

void scene_released(struct scene *scene, uint64_t id, uint64_t pages)
{
	uint64_t cookie = 0;

	g_assert_cmpint(broker_event(scene->broker, CMABULK_CMD_RELEASED, ++scene->sequence, id,
				     pages, &cookie),
			==, 0);
	g_assert_cmpuint(cookie, ==, id * 10);
	scene_free_pages(scene, scene->free_pages + pages);
}

struct broker_usage scene_usage(const struct scene *scene, const char *account)
{
	g_autofree struct broker_usage *usages = NULL;
	size_t count = broker_get_usage(scene->broker, &usages);
	struct broker_usage found = { 0 };
	bool is_there = broker_find_usage(scene->broker, account, &found);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(usages[i].account, account) != 0)
			continue;
		g_assert_true(is_there);
		g_assert_cmpmem(&found, sizeof(found), &usages[i], sizeof(usages[i]));
		return found;
	}
	g_assert_false(is_there);
	return (struct broker_usage){ 0 };
}

struct broker_request *scene_begin(struct scene *scene, uid_t uid, uint64_t chunks)
{
	struct broker_request *request;

	scene_init(scene);
	request = scene_submit(scene, uid, chunks);
	scene_expect_fill(scene, request, CMABULK_EFFORT_FAST, chunks);
	return request;
}
