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
/* It ends, and what it held is on its way back. */
void scene_expect_dropped(struct scene *scene, struct broker_request *ahead, uint64_t claimed);
void scene_comes_back(struct scene *scene, uint64_t pages);

#endif
