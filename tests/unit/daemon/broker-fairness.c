// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Accounts that ask without end, and free what they get at once: who gets how much, and how
 * long somebody else waits among them. The worker takes its time, by a clock that does not tick
 * by itself.
 */
#include <errno.h>
#include <glib.h>

#include "broker.h"
#include "suites.h"

#define PAGES	     (UINT64_C(1) << 16)
#define PAGE	     UINT64_C(4096)
#define USEC	     UINT64_C(1000)
#define PER_ACCOUNT  3 /* requests that wait or are filled, at any time */
#define ACTORS	     4
#define FILLS	     40000
#define NS_PER_PAGE  100
#define FAILING_USEC 2000

struct actor {
	const char *name;
	unsigned int weight;
	uint64_t least, most; /* pages in a request */
	bool fails; /* there is nothing for it, which takes a while to find out */
	bool comes_alone; /* a page now and then */
	unsigned int pending;
	uint64_t served; /* pages, of requests that are done */
	uint64_t worked_ns;
};

/* A request, and the pages it holds. */
struct job {
	struct actor *actor;
	uint64_t held;
};

struct world {
	GRand *rand;
	struct account_rules *rules;
	struct broker *broker;
	struct actor actors[ACTORS];
	unsigned int count;
	uint64_t now_ns;
	uint64_t held;
};

static struct account_rules *make_rules(const struct actor *actors, unsigned int count)
{
	struct account_rule *rules = g_new0(struct account_rule, count);

	for (unsigned int i = 0; i < count; i++)
		rules[i] = (struct account_rule){
			.name = g_strdup(actors[i].name),
			.is_shared = true,
			.maximum = { .is_share = true, .bytes = 10000 },
			.max_buffers = 1000,
			.max_pending = 1000,
			.weight = actors[i].weight,
		};
	return account_rules_new(rules, count);
}

static void init(struct world *world, const struct actor *actors, unsigned int count)
{
	static const struct broker_geometry geometry = { PAGES, PAGE, 0, 10, "" };

	*world = (struct world){
		.rand = g_rand_new_with_seed((guint32)g_test_rand_int()),
		.rules = make_rules(actors, count),
		.count = count,
		.now_ns = 1,
	};
	for (unsigned int i = 0; i < count; i++)
		world->actors[i] = actors[i];
	world->broker = broker_new(&geometry, world->rules);
}

static void submit(struct world *world, struct actor *actor)
{
	uint64_t chunks = actor->least + g_rand_int(world->rand) % (actor->most - actor->least + 1);
	struct broker_ask ask = {
		.chunks = chunks,
		.minimum = chunks,
		.buffers = 1,
		.effort = CMABULK_EFFORT_HARD,
		.deadline_ns = UINT64_MAX,
	};
	struct job *job = g_new0(struct job, 1);
	struct broker_request *request;

	job->actor = actor;
	g_assert_cmpint(broker_submit(world->broker, account_rules_find(world->rules, actor->name),
				      0, &ask, world->now_ns, job, &request, NULL),
			==, 0);
	actor->pending++;
}

static void tell_free(struct world *world)
{
	broker_set_free(world->broker, PAGES - world->held);
}

/* Who is measured is backlogged: else his share would be his own choice. */
static void keep_asking(struct world *world)
{
	for (unsigned int i = 0; i < world->count; i++) {
		struct actor *actor = &world->actors[i];

		while (!actor->comes_alone && actor->pending < PER_ACCOUNT)
			submit(world, actor);
	}
}

static uint64_t time_for(const struct world *world, const struct actor *actor, uint64_t chunks)
{
	return actor->fails ? FAILING_USEC * USEC : chunks * NS_PER_PAGE;
}

static void fill(struct world *world, const struct broker_action *action)
{
	struct job *job = broker_request_get_userdata(action->request);
	struct actor *actor = job->actor;
	struct cmabulk_fill fill = { .nr_allocated = actor->fails ? 0 : action->chunks };
	uint64_t elapsed_ns = time_for(world, actor, action->chunks);

	world->now_ns += elapsed_ns;
	actor->worked_ns += elapsed_ns;
	job->held += fill.nr_allocated;
	world->held += fill.nr_allocated;
	broker_filled(world->broker, action->request, actor->fails ? -EBUSY : 0, &fill, elapsed_ns,
		      world->now_ns);
}

static void give_back(struct world *world, struct broker_request *request)
{
	struct job *job = broker_request_get_userdata(request);

	world->held -= job->held;
	job->held = 0;
}

static void finish(struct world *world, struct broker_request *request)
{
	struct job *job = broker_request_get_userdata(request);

	job->actor->served += job->held;
	give_back(world, request);
	broker_request_free(world->broker, request);
	job->actor->pending--;
	g_free(job);
}

/* All that is to be said, up to a fill. Returns false when there is none to do. */
static bool next_fill(struct world *world, struct broker_action *ret)
{
	for (;;) {
		tell_free(world);
		broker_next(world->broker, world->now_ns, ret);
		switch (ret->type) {
		case BROKER_FILL:
			return true;
		case BROKER_FINISH:
			finish(world, ret->request);
			keep_asking(world);
			break;
		case BROKER_NOTHING:
			return false;
		case BROKER_ASK_BACK:
			break;
		case BROKER_GIVE_BACK:
			give_back(world, ret->request);
			break;
		case BROKER_INTERRUPT:
			g_assert_not_reached();
		}
	}
}

static void work(struct world *world, unsigned int fills)
{
	struct broker_action action;

	keep_asking(world);
	for (unsigned int i = 0; i < fills; i++) {
		g_assert_true(next_fill(world, &action));
		for (unsigned int j = 0; j < world->count; j++)
			g_assert_true(world->actors[j].comes_alone || world->actors[j].pending);
		fill(world, &action);
	}
}

static void clear(struct world *world)
{
	struct broker_action action;

	broker_gone(world->broker);
	for (;;) {
		broker_next(world->broker, world->now_ns, &action);
		if (action.type != BROKER_FINISH)
			break;
		finish(world, action.request);
	}
	g_assert_cmpint(action.type, ==, BROKER_NOTHING);
	broker_free(world->broker);
	account_rules_unref(world->rules);
	g_rand_free(world->rand);
}

static void print(const struct world *world)
{
	for (unsigned int i = 0; i < world->count; i++)
		g_test_message("%s, weight %u: %.1f GiB, %.1f s of the worker",
			       world->actors[i].name, world->actors[i].weight,
			       (double)(world->actors[i].served * PAGE) / (1 << 30),
			       (double)world->actors[i].worked_ns / 1e9);
}

/* 1 : 2 : 4 */
static void check_served_by_weight(const struct actor *actors, unsigned int count,
				   unsigned int fills)
{
	struct world world;
	double share;

	init(&world, actors, count);
	work(&world, fills);
	print(&world);
	share = (double)(world.actors[0].served + world.actors[1].served + world.actors[2].served) /
		7;
	for (unsigned int i = 0; i < world.count; i++)
		g_assert_cmpfloat_with_epsilon((double)world.actors[i].served /
						       (world.actors[i].weight / 100.0) / share,
					       1, 0.05);
	clear(&world);
}

/* Whatever sizes they ask for. */
static void bytes_by_weight(void)
{
	static const struct actor actors[] = {
		{ .name = "one", .weight = 100, .least = 1, .most = 20000 },
		{ .name = "two", .weight = 200, .least = 4000, .most = 4000 },
		{ .name = "four", .weight = 400, .least = 1, .most = 300 },
	};

	check_served_by_weight(actors, G_N_ELEMENTS(actors), FILLS);
}

/* Not the worker is what they wait for, but each other's memory: no two of them fit at a time. */
static void memory_by_weight(void)
{
	static const struct actor actors[] = {
		{ .name = "one", .weight = 100, .least = 40000, .most = 60000 },
		{ .name = "two", .weight = 200, .least = 50000, .most = 50000 },
		{ .name = "four", .weight = 400, .least = 35000, .most = 40000 },
	};

	check_served_by_weight(actors, G_N_ELEMENTS(actors), 4000);
}

/* Looking in vain is work, too: who finds nothing has no more of it than his weight. */
static void vain_work_by_weight(void)
{
	static const struct actor actors[] = {
		{ .name = "one", .weight = 100, .least = 1, .most = 20000 },
		{ .name = "four", .weight = 400, .least = 2000, .most = 8000 },
		{ .name = "vain", .weight = 100, .least = 1, .most = 8000, .fails = true },
	};
	struct world world;
	double all_ns;

	init(&world, actors, G_N_ELEMENTS(actors));
	work(&world, FILLS);
	print(&world);
	all_ns = (double)(world.actors[0].worked_ns + world.actors[1].worked_ns +
			  world.actors[2].worked_ns);
	g_assert_cmpuint(world.actors[2].worked_ns, >, 0);
	g_assert_cmpfloat((double)world.actors[2].worked_ns / all_ns, <, 1.05 / 6);
	/* What it makes others give back costs them more or less, but they keep their places. */
	g_assert_cmpfloat_with_epsilon(
		(double)world.actors[1].served / (double)world.actors[0].served, 4, 1);
	clear(&world);
}

/* A turn of everybody's, after which nobody remembers who was there before. */
static void let_all_have_turns(struct world *world)
{
	uint64_t served = world->actors[0].served;

	while (world->actors[0].served - served < PAGES)
		work(world, 1);
}

/* One page for somebody who was not there before: right after the fill that runs. */
static void a_page_among_them(void)
{
	static const struct actor actors[] = {
		{ .name = "one", .weight = 100, .least = 1, .most = 20000 },
		{ .name = "two", .weight = 200, .least = 4000, .most = 4000 },
		{ .name = "four", .weight = 400, .least = 1, .most = 300 },
		{ .name = "guest", .weight = 1, .least = 1, .most = 1, .comes_alone = true },
	};
	struct broker_action action;
	struct world world;

	init(&world, actors, G_N_ELEMENTS(actors));
	for (unsigned int i = 0; i < 100; i++) {
		struct actor *guest = &world.actors[3];

		let_all_have_turns(&world);
		g_assert_true(next_fill(&world, &action));
		submit(&world, guest);
		fill(&world, &action);
		g_assert_true(next_fill(&world, &action));
		g_assert_true(((struct job *)broker_request_get_userdata(action.request))->actor ==
			      guest);
		fill(&world, &action);
		g_assert_true(next_fill(&world, &action));
		g_assert_cmpuint(guest->pending, ==, 0);
		fill(&world, &action);
	}
	print(&world);
	clear(&world);
}

void add_fairness(void)
{
	g_test_add_func("/fairness/bytes-by-weight", bytes_by_weight);
	g_test_add_func("/fairness/memory-by-weight", memory_by_weight);
	g_test_add_func("/fairness/vain-work-by-weight", vain_work_by_weight);
	g_test_add_func("/fairness/a-page-among-them", a_page_among_them);
}
