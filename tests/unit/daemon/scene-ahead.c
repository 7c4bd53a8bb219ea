// SPDX-License-Identifier: LGPL-2.1-or-later
/* A scene in which memory is claimed ahead. */
#include "scene-ahead.h"

struct broker_ask scene_ask_ahead(const struct scene *scene, uint64_t chunks)
{
	struct broker_ask ask = scene_ask(scene, chunks);

	ask.minimum = 1;
	ask.is_ahead = true;
	return ask;
}

struct broker_request *scene_submit_ahead(struct scene *scene, uid_t uid, uint64_t chunks)
{
	struct broker_ask ask = scene_ask_ahead(scene, chunks);

	return scene_submit_ask(scene, uid, &ask);
}

void scene_expect_kept(struct scene *scene, struct broker_request *ahead, uint64_t chunks)
{
	scene_expect_fill(scene, ahead, CMABULK_EFFORT_FAST, chunks);
	scene_filled(scene, ahead, 0, chunks);
	scene_expect_nothing(scene);
}

struct broker_request *scene_keep_ahead(struct scene *scene, uid_t uid, uint64_t chunks,
					uint64_t reservation)
{
	struct broker_request *ahead = scene_submit_ahead(scene, uid, chunks);

	broker_request_set_reservation(ahead, reservation);
	scene_expect_kept(scene, ahead, chunks);
	return ahead;
}

void scene_expect_taken_over(struct scene *scene, struct broker_request *request,
			     struct broker_request *ahead)
{
	g_assert_true(broker_request_take_over(request) == ahead);
	scene_expect_finish(scene, ahead, BROKER_COMPLETE, 0, 0);
}

void scene_expect_dropped(struct scene *scene, struct broker_request *ahead, uint64_t claimed)
{
	scene_expect_finish(scene, ahead, BROKER_CANCELLED, -ECANCELED, claimed);
	broker_set_draining(scene->broker, claimed);
}

void scene_drop_ahead(struct scene *scene, struct broker_request *ahead, uint64_t claimed)
{
	broker_cancel(scene->broker, ahead);
	scene_expect_dropped(scene, ahead, claimed);
}

void scene_comes_back(struct scene *scene, uint64_t pages)
{
	broker_set_draining(scene->broker, 0);
	scene_free_pages(scene, scene->free_pages + pages);
}
