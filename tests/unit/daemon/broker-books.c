// SPDX-License-Identifier: LGPL-2.1-or-later
/* What lives, by snapshot and events in whatever order they come. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "scene.h"
#include "suites.h"

static struct cmabulk_buffer_info buffer(uint64_t id, uint64_t pages, const char *account)
{
	struct cmabulk_buffer_info info = {
		.id = id,
		.object = CMABULK_OBJECT_BUFFER,
		.state = CMABULK_STATE_EXPORTED,
		.chunks = pages,
		.pages = pages,
		.owner.cookie = id * 10,
	};

	strcpy(info.owner.account, account);
	return info;
}

static struct broker_books books(const struct scene *scene)
{
	struct broker_books ret;

	broker_get_books(scene->broker, &ret);
	return ret;
}

static void a_snapshot_is_the_truth(void)
{
	struct cmabulk_buffer_info entries[] = {
		buffer(1, 10, "half:1001"), buffer(2, 20, ""),	buffer(3, 40, "forgotten:5"),
		buffer(4, 80, "half:1001"), buffer(5, 160, ""),
	};
	struct scene scene;

	scene_init(&scene);
	entries[3].state = CMABULK_STATE_DRAINING;
	entries[4].object = CMABULK_OBJECT_RESERVATION;
	entries[4].state = CMABULK_STATE_RESERVED;
	for (unsigned int i = 0; i < 2; i++) {
		broker_load(scene.broker, entries, G_N_ELEMENTS(entries), 77);
		g_assert_cmpuint(books(&scene).states.exported, ==, 70);
		g_assert_cmpuint(books(&scene).states.draining, ==, 80);
		g_assert_cmpuint(books(&scene).states.reserved, ==, 160);
		g_assert_cmpuint(books(&scene).buffers, ==, 4);
		g_assert_cmpuint(books(&scene).reservations, ==, 1);
		g_assert_cmpuint(books(&scene).unmanaged_pages, ==, 180);
		g_assert_cmpuint(books(&scene).orphaned_pages, ==, 40);
		g_assert_cmpuint(books(&scene).sequence, ==, 77);
		g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==,
				 90 * SCENE_PAGE);
		g_assert_cmpuint(scene_usage(&scene, "half:1001").buffers, ==, 2);
		g_assert_false(scene_usage(&scene, "forgotten:5").is_known);
		g_assert_cmpuint(scene_usage(&scene, "forgotten:5").exported_bytes, ==,
				 40 * SCENE_PAGE);
	}
	broker_load(scene.broker, NULL, 0, 78);
	g_assert_cmpuint(books(&scene).buffers, ==, 0);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==, 0);
	scene_clear(&scene);
}

#define MANY 10000

static uint64_t cpu_time_ns(void)
{
	struct timespec time;

	g_assert_cmpint(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), ==, 0);
	return (uint64_t)time.tv_sec * SCENE_SECOND + (uint64_t)time.tv_nsec;
}

/*
 * After events were lost: all that lives is read again, of which a tenth has changed, while a hundred wait. The
 * loop does nothing else meanwhile.
 */
static void ten_thousand_are_read_in_no_time(void)
{
	struct cmabulk_buffer_info *entries = g_new(struct cmabulk_buffer_info, MANY);
	struct scene scene;
	uint64_t begin_ns, taken_ns;

	scene_init(&scene);
	for (uint64_t i = 0; i < MANY; i++) {
		g_autofree char *account = g_strdup_printf("default:%" PRIu64, 2000 + i % 50);

		entries[i] = buffer(i + 1, 1, account);
	}
	broker_load(scene.broker, entries, MANY, 77);
	scene_free_pages(&scene, 0);
	for (uid_t uid = 3000; uid < 3100; uid++)
		scene_submit(&scene, uid, 10);
	scene_expect_nothing(&scene);
	for (uint64_t i = 0; i < MANY; i += 10)
		entries[i].id += MANY;
	begin_ns = cpu_time_ns();
	broker_load(scene.broker, entries, MANY, 78);
	taken_ns = cpu_time_ns() - begin_ns;
	g_test_message("%" PRIu64 " us", taken_ns / 1000);
	g_assert_cmpuint(taken_ns, <, 200 * (SCENE_SECOND / 1000));
	g_assert_cmpuint(books(&scene).buffers, ==, MANY);
	broker_gone(scene.broker);
	for (unsigned int i = 0; i < 100; i++) {
		struct broker_action action;

		broker_next(scene.broker, scene.now_ns, &action);
		g_assert_cmpint(action.type, ==, BROKER_FINISH);
		broker_request_free(scene.broker, action.request);
	}
	scene_clear(&scene);
	g_free(entries);
}

static void events_are_in_order(void)
{
	struct cmabulk_buffer_info entry = buffer(1, 10, "half:1001");
	struct scene scene;
	uint64_t cookie = 5;

	scene_init(&scene);
	broker_load(scene.broker, &entry, 1, 77);
	g_assert_cmpint(broker_event(scene.broker, CMABULK_CMD_RELEASED, 77, 1, 10, &cookie), ==,
			-ESTALE);
	g_assert_cmpint(broker_event(scene.broker, CMABULK_CMD_RELEASED, 79, 1, 10, &cookie), ==,
			-EL2HLT);
	g_assert_cmpuint(books(&scene).buffers, ==, 1);
	g_assert_cmpint(broker_event(scene.broker, CMABULK_CMD_RELEASED, 78, 1, 10, &cookie), ==,
			0);
	g_assert_cmpuint(cookie, ==, 10);
	g_assert_cmpuint(books(&scene).buffers, ==, 0);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==, 0);
	scene_clear(&scene);
}

static void somebody_elses_is_nobodys_until_the_snapshot(void)
{
	struct cmabulk_buffer_info entry = buffer(1, 10, "half:1001");
	struct scene scene;

	scene_init(&scene);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_EXPORTED, 1, 10), ==, 1);
	g_assert_cmpuint(books(&scene).unmanaged_pages, ==, 10);
	broker_load(scene.broker, &entry, 1, 1);
	g_assert_cmpuint(books(&scene).unmanaged_pages, ==, 0);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==, 10 * SCENE_PAGE);
	scene_clear(&scene);
}

static struct broker_request *fill(struct scene *scene, uint64_t reservation)
{
	struct broker_request *request = scene_submit(scene, 1001, 10);
	struct broker_action action;

	scene_expect_fill(scene, request, CMABULK_EFFORT_FAST, 10);
	broker_request_set_reservation(request, reservation);
	scene_filled(scene, request, 0, 10);
	broker_next(scene->broker, scene->now_ns, &action);
	g_assert_cmpint(action.type, ==, BROKER_FINISH);
	return request;
}

static void assert_charged_once(const struct scene *scene)
{
	g_assert_cmpuint(books(scene).states.exported, ==, 10);
	g_assert_cmpuint(books(scene).states.reserved, ==, 0);
	g_assert_cmpuint(books(scene).unmanaged_pages, ==, 0);
	g_assert_cmpuint(scene_usage(scene, "half:1001").exported_bytes, ==, 10 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(scene, "half:1001").booked_bytes, ==, 0);
	g_assert_cmpuint(scene_usage(scene, "half:1001").buffers, ==, 1);
}

static void announced_before_its_event(void)
{
	struct cmabulk_buffer_info info = buffer(1, 10, "half:1001");
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = fill(&scene, 50);
	broker_request_exported(scene.broker, request, &info);
	assert_charged_once(&scene);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_EXPORTED, 1, 10), ==, 0);
	assert_charged_once(&scene);
	broker_request_free(scene.broker, request);
	assert_charged_once(&scene);
	scene_clear(&scene);
}

static void announced_after_its_event(void)
{
	struct cmabulk_buffer_info info = buffer(1, 10, "half:1001");
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = fill(&scene, 50);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_EXPORTED, 1, 10), ==, 1);
	broker_request_exported(scene.broker, request, &info);
	assert_charged_once(&scene);
	broker_request_free(scene.broker, request);
	scene_clear(&scene);
}

static void announced_after_the_snapshot(void)
{
	struct cmabulk_buffer_info entries[] = { buffer(1, 10, "half:1001"),
						 buffer(50, 0, "half:1001") };
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = fill(&scene, 50);
	entries[1].object = CMABULK_OBJECT_RESERVATION;
	entries[1].state = CMABULK_STATE_RESERVED;
	broker_load(scene.broker, entries, 2, 9);
	g_assert_cmpuint(books(&scene).reservations, ==, 1);
	broker_request_exported(scene.broker, request, &entries[0]);
	assert_charged_once(&scene);
	broker_request_free(scene.broker, request);
	g_assert_cmpuint(books(&scene).reservations, ==, 0);
	scene_clear(&scene);
}

static void what_is_not_kept_drains(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = fill(&scene, 50);
	g_assert_cmpuint(books(&scene).states.reserved, ==, 10);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").booked_bytes, ==, 10 * SCENE_PAGE);
	broker_request_free(scene.broker, request);
	g_assert_cmpuint(books(&scene).states.reserved, ==, 0);
	g_assert_cmpuint(books(&scene).states.draining, ==, 10);
	g_assert_cmpuint(books(&scene).reservations, ==, 1);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, 50, 10), ==, 0);
	g_assert_cmpuint(books(&scene).states.draining, ==, 0);
	g_assert_cmpuint(books(&scene).reservations, ==, 0);
	scene_clear(&scene);
}

static void a_reload_makes_orphans(void)
{
	struct cmabulk_buffer_info entry = buffer(1, 10, "half:1001");
	struct scene scene;

	scene_init(&scene);
	broker_load(scene.broker, &entry, 1, 1);
	g_assert_cmpuint(books(&scene).orphaned_pages, ==, 0);
	scene_limit(&scene, -1);
	g_assert_cmpuint(books(&scene).orphaned_pages, ==, 10);
	g_assert_false(scene_usage(&scene, "half:1001").is_known);
	scene_limit(&scene, 5);
	g_assert_cmpuint(books(&scene).orphaned_pages, ==, 0);
	/* Above its limit now: what it has, it keeps. */
	g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==, 10 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").maximum_bytes, ==, 5 * SCENE_PAGE);
	scene_clear(&scene);
}

static void a_rule_that_is_not_shared_any_more(void)
{
	struct cmabulk_buffer_info entries[] = { buffer(1, 10, "team@7"), buffer(2, 20, "team:5"),
						 buffer(3, 40, "team@8") };
	struct scene scene;

	scene_init(&scene);
	broker_load(scene.broker, entries, 3, 1);
	g_assert_true(scene_usage(&scene, "team@7").is_known);
	g_assert_false(scene_usage(&scene, "team:5").is_known);
	g_assert_false(scene_usage(&scene, "team@8").is_known);
	g_assert_cmpuint(books(&scene).orphaned_pages, ==, 60);
	scene_clear(&scene);
}

/* What somebody wrote who went past the daemon is no account, as ListBuffers has it. */
static void what_is_no_account_is_unmanaged(void)
{
	struct cmabulk_buffer_info entries[] = { buffer(1, 10, "camera.service/1000"),
						 buffer(2, 20, "team"),
						 buffer(3, 40, "half:1001") };
	g_autofree struct broker_usage *usages = NULL;
	struct scene scene;

	scene_init(&scene);
	broker_load(scene.broker, entries, 3, 0);
	g_assert_cmpuint(books(&scene).unmanaged_pages, ==, 30);
	g_assert_cmpuint(books(&scene).orphaned_pages, ==, 0);
	g_assert_cmpuint(books(&scene).states.exported, ==, 70);
	g_assert_cmpuint(broker_get_usage(scene.broker, &usages), ==, 8);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_RELEASED, 1, 10), ==, 0);
	g_assert_cmpuint(books(&scene).unmanaged_pages, ==, 20);
	scene_clear(&scene);
}

static void configured_accounts_are_listed(void)
{
	g_autofree struct broker_usage *usages = NULL;
	struct scene scene;
	size_t count;

	scene_init(&scene);
	count = broker_get_usage(scene.broker, &usages);
	g_assert_cmpuint(count, ==, 8);
	g_assert_cmpstr(usages[0].account, ==, "buffers:1002");
	g_assert_cmpstr(usages[7].account, ==, "team@7");
	g_assert_cmpuint(usages[7].uid, ==, ACCOUNT_UID_SHARED);
	scene_clear(&scene);
}

void add_books(void)
{
	g_test_add_func("/books/a-snapshot-is-the-truth", a_snapshot_is_the_truth);
	g_test_add_func("/books/ten-thousand-are-read-in-no-time",
			ten_thousand_are_read_in_no_time);
	g_test_add_func("/books/events-are-in-order", events_are_in_order);
	g_test_add_func("/books/somebody-elses-is-nobodys-until-the-snapshot",
			somebody_elses_is_nobodys_until_the_snapshot);
	g_test_add_func("/books/announced-before-its-event", announced_before_its_event);
	g_test_add_func("/books/announced-after-its-event", announced_after_its_event);
	g_test_add_func("/books/announced-after-the-snapshot", announced_after_the_snapshot);
	g_test_add_func("/books/what-is-not-kept-drains", what_is_not_kept_drains);
	g_test_add_func("/books/a-reload-makes-orphans", a_reload_makes_orphans);
	g_test_add_func("/books/a-rule-that-is-not-shared-any-more",
			a_rule_that_is_not_shared_any_more);
	g_test_add_func("/books/what-is-no-account-is-unmanaged", what_is_no_account_is_unmanaged);
	g_test_add_func("/books/configured-accounts-are-listed", configured_accounts_are_listed);
}
