/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what without being asked about, what the answer of an authority (polkit) means, and for how
 * long. Pure: time is an argument, in nanoseconds of a monotonic clock.
 */
#ifndef CMABULKD_AUTHORIZATION_H
#define CMABULKD_AUTHORIZATION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What an authority has to do at once: each question takes one of the 128 replies that the bus lets the
 * daemon wait for, and these are to be enough for everything else.
 */
#define AUTHORIZATION_QUESTIONS_MAX	   32
#define AUTHORIZATION_USER_QUESTIONS_MAX   4
/* Of these, those for which a person is asked: they last, and are not to keep it from the others. */
#define AUTHORIZATION_INTERACTIVE_MAX	   16
#define AUTHORIZATION_USER_INTERACTIVE_MAX 2
/* Calls of a user that wait for an answer. */
#define AUTHORIZATION_USER_CALLS_MAX	   16

/* A yes counts for so long; then it is asked again, as whose session is active may have changed. */
#define AUTHORIZATION_GRANT_NS	    UINT64_C(5000000000)
/* So long an authority may think: less than what the library waits beyond a request's time. */
#define AUTHORIZATION_WAIT_USEC	    UINT64_C(4000000)
/* And so long when a person has to be asked. */
#define AUTHORIZATION_INTERACT_USEC UINT64_C(120000000)

enum authorization_action {
	AUTHORIZATION_ALLOCATE,
	AUTHORIZATION_MANAGE,
	AUTHORIZATION_ACTIONS /* number of them */
};

enum authorization_verdict {
	AUTHORIZATION_DENIED,
	AUTHORIZATION_ALLOWED,
	AUTHORIZATION_TO_BE_ASKED,
};

/* The first that is not a yes denies, as does all that follows. */
enum authorization_answer {
	AUTHORIZATION_YES,
	AUTHORIZATION_NO,
	AUTHORIZATION_CHALLENGE, /* a person would have to be asked, and was not or did not say yes */
	AUTHORIZATION_SILENT,
	AUTHORIZATION_ABSENT,
	AUTHORIZATION_BROKEN, /* it answered with an error, or with nonsense */
	AUTHORIZATION_ANSWERS /* number of them */
};

struct authorization_caller {
	bool is_manager; /* root, or the user that the daemon runs as */
	bool is_service; /* a system service */
	bool is_member; /* of the group of clients */
	bool is_users; /* of a daemon that serves one user alone */
};

/* As the authority calls it. */
const char *authorization_get_name(enum authorization_action action);
enum authorization_verdict authorization_decide(const struct authorization_caller *caller,
						enum authorization_action action);

enum authorization_answer authorization_judge(bool is_authorized, bool is_challenge);
/* Of an error that came instead, by its name on the bus. */
enum authorization_answer authorization_judge_error(const char *name);
/* Why that is not a yes, as part of a sentence. */
const char *authorization_explain(enum authorization_answer answer);

/* Questions that are under way. */
struct authorization_load {
	unsigned int n;
	unsigned int n_interactive; /* of these */
};

/* Whether one more may be asked for a user, with so many of this user's and of all. */
bool authorization_has_room(const struct authorization_load *of_user,
			    const struct authorization_load *of_all, bool is_interactive);

/* What a connection was allowed; all 0 is nothing. */
struct authorization_grants {
	uint64_t until_ns[AUTHORIZATION_ACTIONS];
};

void authorization_grant(struct authorization_grants *grants, enum authorization_action action,
			 uint64_t now_ns);
bool authorization_is_granted(const struct authorization_grants *grants,
			      enum authorization_action action, uint64_t now_ns);

#endif
