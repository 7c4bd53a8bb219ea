/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was read of devices a moment ago. To read it again may mean to ask the driver, which may ask its hardware, as
 * for what a battery has: that is not to happen as often as a client names the device. Pure.
 */
#ifndef CMABULKD_DEVICE_CACHE_H
#define CMABULKD_DEVICE_CACHE_H

#include <stdint.h>

#include "device.h"

/* So long at most is it what it was; what only the driver knows changes unheard. */
#define DEVICE_CACHE_USEC UINT64_C(5000000)
/* Then the oldest goes: who names one after the other, so that each is read, names many others in between. */
#define DEVICE_CACHE_MAX  256

struct device_cache;

struct device_cache *device_cache_new(void);
/* Takes NULL. */
void device_cache_free(struct device_cache *cache);

/*
 * What is known of @syspath, device_facts_clear(); false: it has to be read. @version is that of udev's database:
 * nothing of another one counts.
 */
bool device_cache_find(struct device_cache *cache, const char *syspath, uint64_t version,
		       uint64_t now_usec, struct device_facts *ret);
/* It was read, of that version or a later one. */
void device_cache_put(struct device_cache *cache, const struct device_facts *facts,
		      uint64_t version, uint64_t now_usec);

#endif
