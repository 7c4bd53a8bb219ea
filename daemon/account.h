/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is charged: an instance (rule, uid) of a quota rule, and what it uses per
 * pool. Pure: no I/O, no clock.
 */
#ifndef CMABULKD_ACCOUNT_H
#define CMABULKD_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ACCOUNT_NAME_MAX   40 /* leaves room for ":UID" in the kernel's 63 */
#define ACCOUNT_UNLIMITED  UINT64_MAX
#define ACCOUNT_UID_SHARED ((uid_t)-1)
#define ACCOUNT_NO_EFFORTS (1U << 31) /* in place of none, which stands for all */

/* An amount as configured: bytes, or a share of the pool. */
struct amount {
	bool is_share;
	uint64_t bytes; /* or, of a share, parts per 10000 */
};

uint64_t amount_resolve(const struct amount *amount, uint64_t pool_bytes);
bool amount_is_zero(const struct amount *amount);

/* [Account NAME] of the configuration. The last rule always is "default" and matches everybody. */
struct account_rule {
	char *name;
	/* What it matches; those not set match all. A rule with a unit also has a user. */
	char *unit;
	bool has_uid;
	uid_t uid;
	bool has_gid;
	gid_t gid;
	bool is_shared; /* one instance for all users; of one user it is his anyway */
	struct amount
		minimum; /* kept free for it; default: 0; only of a rule that has one instance */
	struct amount maximum; /* default: 100 % */
	uint64_t max_buffers; /* default: 4096 */
	uint64_t max_pending; /* default: 64 */
	unsigned int weight; /* default: 100 */
	/* So many requests are let in from the first on within that time; either 0: any number. */
	uint64_t rate_burst;
	uint64_t rate_interval_usec;
	unsigned int efforts; /* bits of enum cmabulk_effort; 0: all; ACCOUNT_NO_EFFORTS */
	char **pools; /* NULL: all; empty: none */
	uint64_t max_timeout_usec; /* 0: as long as anybody */
};

struct identity {
	uid_t uid;
	const gid_t *gids;
	size_t n_gids;
	const char *unit; /* NULL: none, or not a system unit */
};

/* The pool of no name, of tests, is open to all. */
bool account_rule_allows_pool(const struct account_rule *rule, const char *pool);
/* Of those up to @ceiling, as bits; 0: none of them. */
unsigned int account_rule_get_efforts(const struct account_rule *rule, unsigned int ceiling);

/* Might it be the one for them, in some unit? Of a person's connections each has its own groups. */
bool account_rule_is_for(const struct account_rule *rule, const struct identity *identity);
/*
 * What stands in the kernel's books of the account that @uid is charged to: "NAME:UID"; where users share it, "NAME@GID"
 * or "NAME@all". So what was charged when it was other people's is nobody's any more. Always fits.
 */
void account_rule_format(const struct account_rule *rule, uid_t uid, char ret[64]);
/* ACCOUNT_UID_SHARED, or whose it is. */
uid_t account_rule_get_uid(const struct account_rule *rule, uid_t uid);
/* Its one account, shared or of one user; false when each user has one. */
bool account_rule_is_single(const struct account_rule *rule, char ret_account[64]);

/*
 * A system service, and not somebody in one: what a person has cron or at run is in their unit. Persons
 * are those whose number is neither the system's nor one that the service manager gave out.
 */
bool identity_is_service(const struct identity *identity);

struct account_rules; /* reference-counted by its users: account_rules_ref/unref */

/* Takes the rules over. They are matched by unit, user, group, default, then in their order. */
struct account_rules *account_rules_new(struct account_rule *rules, size_t count);
struct account_rules *account_rules_ref(struct account_rules *rules);
struct account_rules *account_rules_unref(struct account_rules *rules);
const struct account_rule *account_rules_match(const struct account_rules *rules,
					       const struct identity *identity);
const struct account_rule *account_rules_find(const struct account_rules *rules, const char *name);
/*
 * Of an account, as the kernel's books name it. NULL also when the rule is shared now and was not then, or
 * the other way round, or is another user's or group's: it has no such account any more.
 */
const struct account_rule *account_rules_find_of(const struct account_rules *rules,
						 const char *account);
size_t account_rules_count(const struct account_rules *rules);
const struct account_rule *account_rules_get(const struct account_rules *rules, size_t index);
/*
 * What all of them are guaranteed of a pool, in bytes, and the names of those that are, with commas;
 * g_free().
 */
uint64_t account_rules_get_guaranteed(const struct account_rules *rules, const char *pool,
				      uint64_t pool_bytes, char **ret_names);

/* What account_rule_format() wrote; of whatever group, ACCOUNT_UID_SHARED. -EINVAL for what it did not. */
int account_parse(const char *text, char ret_rule_name[64], uid_t *ret_uid);

#endif
