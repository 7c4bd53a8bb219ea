/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a request was not admitted, as a sentence. */
#ifndef CMABULKD_REFUSAL_H
#define CMABULKD_REFUSAL_H

#include <systemd/sd-bus.h>

#include "pool.h"

/* What broker_submit() refused with @r: always negative. */
int refusal_set_error(const struct broker_refusal *refusal, int r, const struct pool *pool,
		      const struct broker_ask *ask, sd_bus_error *error);

#endif
