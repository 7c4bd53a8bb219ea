// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A broker, a pool and clients that do whatever comes, a clock that does not tick by
 * itself, and the model that watches. The seed is printed; CMABULK_SEED=N runs that one,
 * CMABULK_OPERATIONS=N so many.
 */
#include <errno.h>
#include <inttypes.h>

#include "model.h"
#include "suites.h"

#define PAGES	    4096
#define OPERATIONS  100000
#define MSEC_NS	    UINT64_C(1000000)
#define RULES	    6
#define SETTLE_EACH UINT64_C(200)

/* What the accounts are: rule, name and user. The last one's rule comes and goes. */
static const struct {
	const char *rule;
	const char *name;
	uid_t uid;
	unsigned int weight;
} accounts[MODEL_ACCOUNTS] = {
	{ "default", "default:1000", 1000, 100 }, { "default", "default:1001", 1001, 100 },
	{ "small", "small:1002", 1002, 100 },	  { "team", "team", 1003, 100 },
	{ "heavy", "heavy:1004", 1004, 400 },	  { "light", "light:1005", 1005, 25 },
	{ "passing", "passing:1006", 1006, 100 },
};

static const char *const rule_names[RULES] = { "default", "small", "team",
					       "heavy",	  "light", "passing" };

struct world {
	GRand *rand;
	struct fake_pool pool;
	struct broker *broker;
	struct account_rules *rules;
	struct model model;
	uint64_t now_ns;
	GPtrArray *clients; /* struct client: requests that are not freed */
	struct client *filling;
	unsigned int fill_effort;
	uint64_t fill_chunks;
	uint64_t fill_granted;
	uint64_t cookie;
};

struct client {
	struct broker_request *request;
	const char *account;
	uint64_t reservation;
	uint64_t cookie;
};

static uint64_t below(struct world *world, uint64_t bound)
{
	return bound ? (((uint64_t)g_rand_int(world->rand) << 32) | g_rand_int(world->rand)) %
			       bound :
		       0;
}

static bool chance(struct world *world, unsigned int in)
{
	return below(world, in) == 0;
}

/*
 * Rules
 */

static unsigned int weight_of(const char *rule)
{
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		if (g_str_equal(accounts[i].rule, rule))
			return accounts[i].weight;
	g_assert_not_reached();
}

static void draw_rule(struct world *world, const char *name, struct account_rule *ret)
{
	bool is_share = chance(world, 2);

	*ret = (struct account_rule){
		.name = g_strdup(name),
		.is_shared = g_str_equal(name, "team"),
		.maximum = { .is_share = is_share,
			     .bytes = is_share ? 1000 + below(world, 9001) :
						 (64 + below(world, PAGES)) * MODEL_PAGE_SIZE },
		.max_buffers = 1 + below(world, chance(world, 4) ? 8 : 128),
		.max_pending = 1 + below(world, 10),
		.weight = weight_of(name),
	};
}

/* What the model makes of it. */
static void tell_rule(struct model *model, const struct account_rule *rule)
{
	uint64_t bytes = rule->maximum.is_share ?
				 (uint64_t)PAGES * MODEL_PAGE_SIZE * rule->maximum.bytes / 10000 :
				 rule->maximum.bytes;

	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		if (!g_str_equal(accounts[i].rule, rule->name))
			continue;
		model->accounts[i].is_known = true;
		model->accounts[i].maximum = bytes / MODEL_PAGE_SIZE;
		model->accounts[i].max_buffers = rule->max_buffers;
		model->accounts[i].max_pending = rule->max_pending;
		model->accounts[i].quantum =
			(uint64_t)PAGES * MODEL_PAGE_SIZE / 8 * accounts[i].weight / 100;
	}
}

static void draw_rules(struct world *world)
{
	bool has_passing = chance(world, 2);
	size_t count = has_passing ? RULES : RULES - 1;
	struct account_rule *rules = g_new0(struct account_rule, count);

	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		world->model.accounts[i].name = accounts[i].name;
		world->model.accounts[i].is_known = false;
	}
	for (size_t i = 0; i < count; i++) {
		draw_rule(world, rule_names[i], &rules[i]);
		tell_rule(&world->model, &rules[i]);
	}
	account_rules_unref(world->rules);
	world->rules = account_rules_new(rules, count);
}

/*
 * What the driver does
 */

static void close_reservation(struct world *world, struct client *client)
{
	if (client->reservation)
		fake_pool_close(&world->pool, client->reservation);
	client->reservation = 0;
}

static void start_fill(struct world *world, const struct broker_action *action)
{
	struct client *client = broker_request_get_userdata(action->request);
	unsigned int order = broker_request_get_ask(action->request)->order;
	uint64_t most = MIN(action->chunks, fake_pool_free_pages(&world->pool) >> order);

	if (!client->reservation) {
		client->reservation =
			fake_pool_reserve(&world->pool, client->account, client->cookie, order);
		broker_request_set_reservation(action->request, client->reservation);
	}
	world->filling = client;
	world->fill_chunks = action->chunks;
	world->fill_effort = action->effort;
	world->fill_granted = chance(world, 2) ? most : below(world, most + 1);
	/* The worker is at it: what it grabs is nowhere for now. */
	world->pool.in_progress = below(world, world->fill_granted + 1) << order;
}

static void load(struct world *world)
{
	const GArray *objects = world->pool.objects;
	/* A snapshot replaces the events before it; they may still come. */
	broker_load(world->broker, (const struct cmabulk_buffer_info *)(void *)objects->data,
		    objects->len, world->pool.sequence);
	model_loaded(&world->model, &world->pool);
}

/* 0, 1 or what else the broker makes of the next event. */
static int deliver(struct world *world)
{
	struct fake_event event = g_array_index(world->pool.events, struct fake_event, 0);
	uint64_t expected_cookie;
	uint64_t cookie = 0;
	int expected = model_event(&world->model, &event, &expected_cookie);
	int r = broker_event(world->broker, event.command, event.sequence, event.id, event.pages,
			     &cookie);

	g_array_remove_index(world->pool.events, 0);
	g_assert_cmpint(r, ==, expected);
	if (r >= 0)
		g_assert_cmpuint(cookie, ==, expected_cookie);
	return r;
}

static void deliver_all(struct world *world)
{
	while (world->pool.events->len)
		if (deliver(world) == -EL2HLT)
			load(world);
}

static void export_buffer(struct world *world, struct client *client, uint64_t chunks)
{
	uint64_t id = fake_pool_export(&world->pool, client->reservation, chunks);
	struct cmabulk_buffer_info *info = fake_pool_find(&world->pool, id);

	/* Its event, or a snapshot, may be there before. */
	if (chance(world, 4))
		deliver_all(world);
	else if (chance(world, 20))
		load(world);
	broker_request_exported(world->broker, client->request, info);
	model_exported(&world->model, client->request, info);
}

static void finish(struct world *world, struct client *client)
{
	struct broker_request *request = client->request;
	uint64_t claimed = broker_request_get_claimed(request);
	unsigned int buffers = broker_request_get_ask(request)->buffers;

	if (broker_request_is_kept(request) && !chance(world, 20)) {
		uint64_t count = MIN(buffers, claimed);

		/* Now and then it fails half way. */
		for (uint64_t i = 0; i < count && !chance(world, 200); i++)
			export_buffer(world, client, claimed / count + (i < claimed % count));
	}
	close_reservation(world, client);
	model_freed(&world->model, request);
	broker_request_free(world->broker, request);
	g_ptr_array_remove_fast(world->clients, client);
	g_free(client);
}

static void carry_out(struct world *world, const struct broker_action *action)
{
	switch (action->type) {
	case BROKER_FILL:
		start_fill(world, action);
		break;
	case BROKER_GIVE_BACK:
		close_reservation(world, broker_request_get_userdata(action->request));
		break;
	case BROKER_FINISH:
		finish(world, broker_request_get_userdata(action->request));
		break;
	case BROKER_INTERRUPT:
	case BROKER_NOTHING:
		break;
	}
}

static void tell_free(struct world *world)
{
	world->model.free_pages = fake_pool_free_pages(&world->pool);
	world->model.draining = fake_pool_draining(&world->pool);
	broker_set_free(world->broker, world->model.free_pages);
	broker_set_draining(world->broker, world->model.draining);
}

static void run(struct world *world)
{
	struct broker_action action;
	unsigned int rounds = 0;

	do {
		tell_free(world);
		broker_next(world->broker, world->now_ns, &action);
		model_action(&world->model, &action, world->now_ns);
		carry_out(world, &action);
		rounds++;
		g_assert_cmpuint(rounds, <, 1000);
	} while (action.type != BROKER_NOTHING);
	model_check(&world->model, world->broker, world->now_ns);
}

static void end_fill(struct world *world, int result)
{
	struct client *client = world->filling;
	unsigned int order = broker_request_get_ask(client->request)->order;
	struct cmabulk_fill fill = {
		.effort = world->fill_effort,
		.nr_requests = world->fill_chunks,
	};

	world->pool.in_progress = 0;
	/* Others were faster. */
	world->fill_granted = MIN(world->fill_granted, fake_pool_free_pages(&world->pool) >> order);
	fill.nr_allocated = world->fill_granted;
	if (world->fill_granted == world->fill_chunks)
		result = 0;
	fill.report.blocks_surveyed = 1;
	world->filling = NULL;
	fake_pool_fill(&world->pool, client->reservation, world->fill_granted);
	model_filled(&world->model, client->request, result, world->fill_granted, world->now_ns);
	broker_filled(world->broker, client->request, result, &fill, below(world, 50 * MSEC_NS),
		      world->now_ns);
}

/*
 * What happens
 */

static void draw_ask(struct world *world, struct broker_ask *ret)
{
	unsigned int order = (unsigned int)below(world, 5);
	uint64_t most = PAGES >> order;
	uint64_t chunks = 1 + below(world, chance(world, 3) ? most : most / 8);

	if (chance(world, 4))
		chunks = 1;
	else if (chance(world, 4))
		chunks = most * 3 / 4;
	*ret = (struct broker_ask){
		.order = order,
		.align = (unsigned int)below(world, 5),
		.chunks = chunks,
		.minimum = chance(world, 2) ? chunks : 1 + below(world, chunks),
		.buffers = (unsigned int)(1 + below(world, MIN(chunks, 4))),
		.effort = (unsigned int)below(world, 3),
		.deadline_ns = chance(world, 10) ? UINT64_MAX :
						   world->now_ns + below(world, 8000 * MSEC_NS),
	};
}

/* What no client of sound mind would ask for. */
static void spoil(struct world *world, struct broker_ask *ask)
{
	switch (below(world, 8)) {
	case 0:
		ask->chunks = (uint64_t)g_rand_int(world->rand) << 32;
		break;
	case 1:
		ask->chunks = UINT64_MAX >> below(world, 24);
		break;
	case 2:
		ask->minimum = chance(world, 2) ? 0 : ask->chunks + 1;
		break;
	case 3:
		ask->buffers = chance(world, 2) ? 0 : (unsigned int)ask->chunks + 1;
		break;
	case 4:
		ask->order = 5 + (unsigned int)below(world, 100);
		break;
	case 5:
		ask->align = 5 + (unsigned int)below(world, 100);
		break;
	case 6:
		ask->effort = 3 + (unsigned int)below(world, 100);
		break;
	default:
		ask->chunks = (PAGES >> ask->order) + 1;
	}
}

static void submit(struct world *world)
{
	unsigned int index = (unsigned int)below(world, MODEL_ACCOUNTS);
	const struct account_rule *rule = account_rules_find(world->rules, accounts[index].rule);
	struct broker_refusal refusal;
	struct client *client;
	struct broker_ask ask;
	int expected;
	int r;

	if (!rule)
		return;
	draw_ask(world, &ask);
	if (chance(world, 20))
		spoil(world, &ask);
	client = g_new0(struct client, 1);
	client->account = accounts[index].name;
	client->cookie = ++world->cookie;
	expected = model_admit(&world->model, index, &ask);
	r = broker_submit(world->broker, rule, accounts[index].uid, &ask, world->now_ns, client,
			  &client->request, &refusal);
	g_assert_cmpint(r, ==, expected);
	if (r < 0) {
		world->model.refusals++;
		g_free(client);
		return;
	}
	g_assert_cmpstr(broker_request_get_account(client->request), ==, client->account);
	g_ptr_array_add(world->clients, client);
	model_admitted(&world->model, client->request, index, &ask);
}

static void cancel(struct world *world)
{
	struct client *client;

	if (!world->clients->len)
		return;
	client = g_ptr_array_index(world->clients, below(world, world->clients->len));
	model_cancelled(&world->model, client->request);
	broker_cancel(world->broker, client->request);
}

static void some_fill_ends(struct world *world)
{
	static const int results[] = { -EBUSY, -EBUSY, -EBUSY, -EBUSY, -ENOMEM };
	int result = results[below(world, G_N_ELEMENTS(results))];

	if (!world->filling)
		return;
	if ((world->model.is_interrupted && !chance(world, 8)) || chance(world, 50))
		result = -EINTR;
	else if (chance(world, 100))
		result = -ETIME;
	else if (chance(world, 200))
		result = -EIO;
	end_fill(world, result);
}

static struct cmabulk_buffer_info *some_object(struct world *world, enum cmabulk_object kind,
					       enum cmabulk_state state)
{
	GArray *objects = world->pool.objects;

	for (unsigned int i = 0; i < 8 && objects->len; i++) {
		struct cmabulk_buffer_info *info = &g_array_index(
			objects, struct cmabulk_buffer_info, below(world, objects->len));

		if ((!kind || info->object == kind) && info->state == state)
			return info;
	}
	return NULL;
}

static void buffer_dies(struct world *world)
{
	struct cmabulk_buffer_info *info =
		some_object(world, CMABULK_OBJECT_BUFFER, CMABULK_STATE_EXPORTED);

	if (info)
		fake_pool_close(&world->pool, info->id);
}

static void pages_come_back(struct world *world)
{
	struct cmabulk_buffer_info *info = some_object(world, 0, CMABULK_STATE_DRAINING);

	if (info)
		fake_pool_drained(&world->pool, info->id);
}

static void events_come(struct world *world)
{
	uint64_t count = below(world, 4);

	if (world->pool.events->len && chance(world, 50))
		g_array_remove_index(world->pool.events, 0);
	while (count-- && world->pool.events->len) {
		int r = deliver(world);

		if (r == -EL2HLT || (r == 1 && chance(world, 2)))
			load(world);
	}
}

/* Somebody at the device, and the area's other users. */
static void others_take(struct world *world)
{
	static const char *const names[] = { "", "", "long-gone:77", "what:is:this" };
	uint64_t free_pages = fake_pool_free_pages(&world->pool);
	uint64_t id;

	if (chance(world, 2)) {
		world->pool.foreign = below(world, MIN(free_pages + world->pool.foreign, 512) + 1);
		return;
	}
	if (free_pages < 64)
		return;
	id = fake_pool_reserve(&world->pool, names[below(world, G_N_ELEMENTS(names))], 0, 0);
	fake_pool_fill(&world->pool, id, 1 + below(world, 64));
	fake_pool_export(&world->pool, id, 1);
	fake_pool_close(&world->pool, id);
}

static void time_passes(struct world *world)
{
	uint64_t wakeup_ns = broker_wakeup(world->broker);

	if (wakeup_ns != UINT64_MAX && chance(world, 3))
		world->now_ns = MAX(world->now_ns, wakeup_ns);
	else
		world->now_ns += below(world, 100 * MSEC_NS);
}

static void reload(struct world *world)
{
	draw_rules(world);
	broker_set_rules(world->broker, world->rules);
}

static void boot(struct world *world)
{
	static const struct broker_geometry geometry = { PAGES, MODEL_PAGE_SIZE, 0, 4 };

	world->broker = broker_new(&geometry, world->rules);
	load(world);
	tell_free(world);
}

static void all_end(struct world *world)
{
	while (world->filling || world->clients->len) {
		/* Two that find nothing could take turns at that for ever: the clock stands still. */
		cancel(world);
		if (world->filling)
			end_fill(world, -EINTR);
		run(world);
	}
}

static void all_drain(struct world *world)
{
	GArray *objects = world->pool.objects;

	for (unsigned int i = objects->len; i-- > 0;) {
		const struct cmabulk_buffer_info *info =
			&g_array_index(objects, struct cmabulk_buffer_info, i);

		if (info->state == CMABULK_STATE_DRAINING)
			fake_pool_drained(&world->pool, info->id);
	}
}

/* Nothing new is in them: or a snapshot was there first. */
static void deliver_what_is_known(struct world *world)
{
	while (world->pool.events->len) {
		int r = deliver(world);

		g_assert_true(r == 0 || r == -ESTALE);
	}
}

/* After a snapshot the broker knows by itself what requests do: no buffer dies, nothing is lost. */
static void settle(struct world *world)
{
	static void (*const operations[])(struct world * world) = {
		submit, some_fill_ends, some_fill_ends, pages_come_back, time_passes,
	};

	load(world);
	g_array_set_size(world->pool.events, 0);
	model_check_settled(&world->model, world->broker, &world->pool);
	for (unsigned int i = 0; i < 20; i++) {
		operations[below(world, G_N_ELEMENTS(operations))](world);
		run(world);
		deliver_what_is_known(world);
		model_check_settled(&world->model, world->broker, &world->pool);
	}
}

/* Without a snapshot: events and what it did itself must do. */
static void settle_by_events(struct world *world)
{
	load(world);
	g_array_set_size(world->pool.events, 0);
	all_end(world);
	all_drain(world);
	deliver_what_is_known(world);
	model_check_settled(&world->model, world->broker, &world->pool);
}

/* The daemon was killed: reservations die with it, buffers live. */
static void restart(struct world *world)
{
	all_end(world);
	world->broker = broker_free(world->broker);
	world->model.is_gone = false;
	boot(world);
}

static void pool_goes(struct world *world)
{
	world->model.is_gone = true;
	broker_gone(world->broker);
	run(world);
	g_assert_cmpuint(world->clients->len, ==, world->filling ? 1 : 0);
	restart(world);
}

static void operate(struct world *world)
{
	static void (*const operations[])(struct world * world) = {
		submit,		submit,		submit,		 submit,
		some_fill_ends, some_fill_ends, some_fill_ends,	 some_fill_ends,
		buffer_dies,	buffer_dies,	pages_come_back, pages_come_back,
		events_come,	events_come,	time_passes,	 time_passes,
	};

	operations[below(world, G_N_ELEMENTS(operations))](world);
	if (chance(world, 40))
		cancel(world);
	if (chance(world, 100))
		others_take(world);
	if (chance(world, 300))
		reload(world);
	if (chance(world, 500))
		load(world);
	if (chance(world, 3000))
		pool_goes(world);
	run(world);
}

static void print_model(const struct model *model)
{
	g_test_message("%" PRIu64 " fills, %" PRIu64 " slices, %" PRIu64 " interrupts, %" PRIu64
		       " gave back, %" PRIu64 " booked short, %" PRIu64 " single chunks, %" PRIu64
		       " refused, %" PRIu64 " let in though above; %" PRIu64 " complete, %" PRIu64
		       " partial, %" PRIu64 " late, %" PRIu64 " cancelled",
		       model->fills, model->slices, model->interrupts, model->give_backs,
		       model->short_bookings, model->one_chunks, model->refusals,
		       model->waits_for_draining, model->finished[BROKER_COMPLETE],
		       model->finished[BROKER_PARTIAL], model->finished[BROKER_TIMED_OUT],
		       model->finished[BROKER_CANCELLED]);
	/* A test that saw none of it shows nothing. */
	g_assert_true(model->fills && model->slices && model->interrupts && model->give_backs &&
		      model->short_bookings && model->one_chunks && model->refusals &&
		      model->waits_for_draining);
	for (unsigned int i = 0; i < G_N_ELEMENTS(model->finished); i++)
		g_assert_cmpuint(model->finished[i], >, 0);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = g_getenv(variable);

	return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void keeps_its_promises(const void *data)
{
	uint32_t seed = (uint32_t)number_from("CMABULK_SEED", GPOINTER_TO_UINT(data));
	uint64_t operations = number_from("CMABULK_OPERATIONS", OPERATIONS);
	struct world world = { .rand = g_rand_new_with_seed(seed) };

	g_test_message("seed %u, %" PRIu64 " operations", seed, operations);
	fake_pool_init(&world.pool, PAGES);
	model_init(&world.model, PAGES);
	world.clients = g_ptr_array_new();
	draw_rules(&world);
	boot(&world);
	for (uint64_t i = 1; i <= operations; i++) {
		operate(&world);
		if (i % SETTLE_EACH == 0)
			settle(&world);
		if (i % (SETTLE_EACH * 10) == 0)
			settle_by_events(&world);
	}
	all_end(&world);
	print_model(&world.model);
	broker_free(world.broker);
	account_rules_unref(world.rules);
	model_clear(&world.model);
	fake_pool_clear(&world.pool);
	g_ptr_array_unref(world.clients);
	g_rand_free(world.rand);
}

void add_random(void)
{
	for (unsigned int seed = 1; seed <= RANDOM_SEEDS; seed++) {
		g_autofree char *path = g_strdup_printf("/random/keeps-its-promises-%u", seed);

		g_test_add_data_func(path, GUINT_TO_POINTER(seed), keeps_its_promises);
	}
}
