/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scene in which memory is claimed ahead. */
#ifndef DAEMON_SCENE_AHEAD_H
#define DAEMON_SCENE_AHEAD_H

#include "scene.h"

struct broker_ask scene_ask_ahead(const struct scene *scene, uint64_t chunks);
struct broker_request *scene_submit_ahead(struct scene *scene, uid_t uid, uint64_t chunks);
/* It is kept, by that reservation, until 25 s. */
struct broker_request *scene_keep_ahead(struct scene *scene, uid_t uid, uint64_t chunks,
					uint64_t reservation);
/* The rest of it is filled at once, so many chunks, and it is kept. */
void scene_expect_kept(struct scene *scene, struct broker_request *ahead, uint64_t chunks);
/* What it holds is the request's now. */
void scene_expect_taken_over(struct scene *scene, struct broker_request *request,
			     struct broker_request *ahead);
/* It ends, and what it held is on its way back. */
void scene_expect_dropped(struct scene *scene, struct broker_request *ahead, uint64_t claimed);
/* As it is not wanted any more. */
void scene_drop_ahead(struct scene *scene, struct broker_request *ahead, uint64_t claimed);
void scene_comes_back(struct scene *scene, uint64_t pages);

#endif
