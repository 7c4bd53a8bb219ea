// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The broker where clients do whatever comes: see world.h. The seed is printed; CMABULK_SEED=N
 * runs that one, CMABULK_OPERATIONS=N so many.
 */
#include <errno.h>
#include <inttypes.h>

#include "suites.h"
#include "world.h"

#define OPERATIONS  UINT64_C(100000)
#define POOLS	    4
#define SETTLE_EACH UINT64_C(200)

static void draw_ask(struct world *world, struct broker_ask *ret)
{
	unsigned int order = (unsigned int)world_below(world, 5);
	uint64_t most = WORLD_PAGES >> order;
	uint64_t chunks = 1 + world_below(world, world_chance(world, 3) ? most : most / 8);

	if (world_chance(world, 4))
		chunks = 1;
	else if (world_chance(world, 4))
		chunks = most * 3 / 4;
	*ret = (struct broker_ask){
		.is_ahead = world_chance(world, 6),
		.order = order,
		.align = (unsigned int)world_below(world, 5),
		.chunks = chunks,
		.minimum = world_chance(world, 2) ? chunks : 1 + world_below(world, chunks),
		.buffers = (unsigned int)(1 + world_below(world, MIN(chunks, 4))),
		.effort = (unsigned int)world_below(world, 3),
		.deadline_ns = world_chance(world, 10) ?
				       UINT64_MAX :
				       world->now_ns + world_below(world, 8000 * MSEC_NS),
	};
	if (ret->is_ahead) {
		ret->minimum = 1;
		ret->buffers = 1;
	}
}

/* As the driver does it. */
static void take_over(struct world *world, struct client *client)
{
	struct broker_request *ahead = broker_request_take_over(client->request);
	struct client *from = broker_request_get_userdata(ahead);

	g_assert_true(ahead == model_take_over(&world->model, client->request));
	if (!from)
		return;
	client->reservation = from->reservation;
	from->reservation = 0;
}

/* What no client of sound mind would ask for. */
static void spoil(struct world *world, struct broker_ask *ask)
{
	switch (world_below(world, 8)) {
	case 0:
		ask->chunks = (uint64_t)g_rand_int(world->rand) << 32;
		break;
	case 1:
		ask->chunks = UINT64_MAX >> world_below(world, 24);
		break;
	case 2:
		ask->minimum = world_chance(world, 2) ? 0 : ask->chunks + 1;
		break;
	case 3:
		ask->buffers = world_chance(world, 2) ? 0 : (unsigned int)ask->chunks + 1;
		break;
	case 4:
		ask->order = 5 + (unsigned int)world_below(world, 100);
		break;
	case 5:
		ask->align = 5 + (unsigned int)world_below(world, 100);
		break;
	case 6:
		ask->effort = 3 + (unsigned int)world_below(world, 100);
		break;
	default:
		ask->chunks = (WORLD_PAGES >> ask->order) + 1;
	}
}

/* As whoever had it claimed ahead does, or nearly. */
static void ask_for_what_is_kept(struct world *world, unsigned int account, struct broker_ask *ask)
{
	for (unsigned int i = 0; i < world->model.requests->len && !ask->is_ahead; i++) {
		const struct model_request *request =
			&g_array_index(world->model.requests, struct model_request, i);

		if (request->account != account || request->stage != MODEL_KEPT)
			continue;
		ask->order = request->ask.order;
		ask->chunks = request->held + world_below(world, 2);
		ask->minimum = ask->chunks;
		ask->buffers = 1;
	}
}

static void submit(struct world *world)
{
	unsigned int index = (unsigned int)world_below(world, world->model.n_accounts);
	const struct account_rule *rule =
		account_rules_find(world->rules, world_accounts[index].rule);
	struct broker_refusal refusal;
	struct client *client;
	struct broker_ask ask;
	int expected;
	int r;

	if (!rule)
		return;
	draw_ask(world, &ask);
	if (world_chance(world, 4))
		ask_for_what_is_kept(world, index, &ask);
	if (world_chance(world, 20))
		spoil(world, &ask);
	client = g_new0(struct client, 1);
	client->account = world_accounts[index].name;
	client->cookie = ++world->cookie;
	expected = model_admit(&world->model, index, &ask, world->now_ns);
	world->model.rated += expected == -EAGAIN;
	r = broker_submit(world->broker, rule, world_accounts[index].uid, &ask, world->now_ns,
			  client, &client->request, &refusal);
	g_assert_cmpint(r, ==, expected);
	if (r < 0) {
		world->model.refusals++;
		broker_count_refusal(world->broker, &refusal);
		model_refused(&world->model, index, expected);
		g_free(client);
		return;
	}
	g_assert_cmpstr(broker_request_get_account(client->request), ==, client->account);
	g_ptr_array_add(world->clients, client);
	model_admitted(&world->model, client->request, index, &ask, world->now_ns);
	take_over(world, client);
}

static void cancel(struct world *world)
{
	struct client *client;

	if (!world->clients->len)
		return;
	client = g_ptr_array_index(world->clients, world_below(world, world->clients->len));
	model_cancelled(&world->model, client->request);
	broker_cancel(world->broker, client->request);
}

static void some_fill_ends(struct world *world)
{
	static const int results[] = { -EBUSY, -EBUSY, -EBUSY, -EBUSY, -ENOMEM };
	int result = results[world_below(world, G_N_ELEMENTS(results))];

	if (!world->filling)
		return;
	if ((world->model.is_interrupted && !world_chance(world, 8)) || world_chance(world, 50))
		result = -EINTR;
	else if (world_chance(world, 100))
		result = -ETIME;
	else if (world_chance(world, 200))
		result = -EIO;
	world_end_fill(world, result);
}

static struct cmabulk_buffer_info *some_object(struct world *world, enum cmabulk_object kind,
					       enum cmabulk_state state)
{
	GArray *objects = world->pool.objects;

	for (unsigned int i = 0; i < 8 && objects->len; i++) {
		struct cmabulk_buffer_info *info = &g_array_index(
			objects, struct cmabulk_buffer_info, world_below(world, objects->len));

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
	uint64_t count = world_below(world, 4);

	if (world->pool.events->len && world_chance(world, 50))
		g_array_remove_index(world->pool.events, 0);
	while (count-- && world->pool.events->len) {
		int r = world_deliver(world);

		if (r == -EL2HLT || (r == 1 && world_chance(world, 2)))
			world_load(world);
	}
}

/* Somebody at the device, and the area's other users. */
static void others_take(struct world *world)
{
	static const char *const names[] = { "", "", "long-gone:77", MODEL_NO_ACCOUNT };
	uint64_t free_pages = fake_pool_free_pages(&world->pool);
	uint64_t id;

	if (world_chance(world, 2)) {
		world->pool.foreign =
			world_below(world, MIN(free_pages + world->pool.foreign, 512) + 1);
		return;
	}
	if (free_pages < 64)
		return;
	id = fake_pool_reserve(&world->pool, names[world_below(world, G_N_ELEMENTS(names))], 0, 0);
	fake_pool_fill(&world->pool, id, 1 + world_below(world, 64));
	fake_pool_export(&world->pool, id, 1);
	fake_pool_close(&world->pool, id);
}

static void time_passes(struct world *world)
{
	uint64_t wakeup_ns = broker_wakeup(world->broker);

	if (wakeup_ns != UINT64_MAX && world_chance(world, 3))
		world->now_ns = MAX(world->now_ns, wakeup_ns);
	else
		world->now_ns += world_below(world, 100 * MSEC_NS);
}

/* What is counted under other rules, or by another daemon, does not count. */
static void forget_rates(struct world *world)
{
	for (unsigned int i = 0; i < world->model.n_accounts; i++)
		g_array_set_size(world->model.accounts[i].let_in, 0);
}

/* The rules that it has now are new. */
static void apply_rules(struct world *world)
{
	world_draw_retry(world);
	world->model.has_changed = true;
	broker_set_rules(world->broker, world->rules);
}

static void reload(struct world *world)
{
	world_draw_rules(world);
	apply_rules(world);
}

static void boot(struct world *world)
{
	static const struct broker_geometry geometry = { WORLD_PAGES, MODEL_PAGE_SIZE, 0, 4, "" };

	world->broker = broker_new(&geometry, world->rules);
	world_draw_retry(world);
	world_load(world);
	world_tell_free(world);
}

static void all_end(struct world *world)
{
	while (world->filling || world->clients->len) {
		/* Two that find nothing could take turns at that for ever: the clock stands still. */
		cancel(world);
		if (world->filling)
			world_end_fill(world, -EINTR);
		world_run(world);
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
		int r = world_deliver(world);

		g_assert_true(r == 0 || r == -ESTALE);
	}
}

/* After a snapshot the broker knows by itself what requests do: no buffer dies, nothing is lost. */
static void settle(struct world *world)
{
	static void (*const operations[])(struct world * world) = {
		submit, some_fill_ends, some_fill_ends, pages_come_back, time_passes,
	};

	world_load(world);
	g_array_set_size(world->pool.events, 0);
	model_check_settled(&world->model, world->broker, &world->pool);
	for (unsigned int i = 0; i < 20; i++) {
		operations[world_below(world, G_N_ELEMENTS(operations))](world);
		world_run(world);
		deliver_what_is_known(world);
		model_check_settled(&world->model, world->broker, &world->pool);
	}
}

/* Without a snapshot: events and what it did itself must do. */
static void settle_by_events(struct world *world)
{
	world_load(world);
	g_array_set_size(world->pool.events, 0);
	all_end(world);
	all_drain(world);
	deliver_what_is_known(world);
	model_check_settled(&world->model, world->broker, &world->pool);
	model_check_counters(&world->model, world->broker);
}

/* The daemon was killed: reservations die with it, buffers live. */
static void restart(struct world *world)
{
	all_end(world);
	world->broker = broker_free(world->broker);
	world->model.is_gone = false;
	model_restarted(&world->model);
	forget_rates(world);
	boot(world);
}

static void pool_goes(struct world *world)
{
	world->model.is_gone = true;
	broker_gone(world->broker);
	world_run(world);
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

	operations[world_below(world, G_N_ELEMENTS(operations))](world);
	if (world_chance(world, 40))
		cancel(world);
	if (world_chance(world, 100))
		others_take(world);
	if (world_chance(world, 500))
		world_load(world);
	if (world_chance(world, 3000))
		pool_goes(world);
	world_run(world);
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
		      model->waits_for_draining && model->guarded && model->uncovered &&
		      model->rated && model->waits && model->kept && model->taken &&
		      model->dropped && model->asked_back);
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
	struct world world;

	g_test_message("seed %u, %" PRIu64 " operations", seed, operations);
	world_init(&world, seed, WORLD_FEW);
	world_draw_rules(&world);
	boot(&world);
	for (uint64_t i = 1; i <= operations; i++) {
		if (world_chance(&world, 300))
			reload(&world);
		operate(&world);
		if (i % SETTLE_EACH == 0)
			settle(&world);
		if (i % (SETTLE_EACH * 10) == 0)
			settle_by_events(&world);
	}
	all_end(&world);
	model_check_counters(&world.model, world.broker);
	print_model(&world.model);
	world_clear(&world);
}

/* One configuration for all; what an account has in one pool is nothing to the others. */
static void reload_all(struct world *worlds)
{
	reload(&worlds[0]);
	world_run(&worlds[0]);
	for (unsigned int i = 1; i < POOLS; i++) {
		world_take_rules(&worlds[i], &worlds[0]);
		apply_rules(&worlds[i]);
		world_run(&worlds[i]);
	}
}

static void fifty_accounts_on_four_pools(void)
{
	uint32_t seed = (uint32_t)number_from("CMABULK_SEED", 1);
	uint64_t operations = number_from("CMABULK_OPERATIONS", OPERATIONS * 10);
	struct world worlds[POOLS];

	g_test_message("seed %u, %" PRIu64 " operations", seed, operations);
	for (unsigned int i = 0; i < POOLS; i++) {
		world_init(&worlds[i], seed * POOLS + i, WORLD_MANY);
		if (i == 0)
			world_draw_rules(&worlds[0]);
		else
			world_take_rules(&worlds[i], &worlds[0]);
		boot(&worlds[i]);
	}
	for (uint64_t i = 1; i <= operations; i++) {
		struct world *world = &worlds[world_below(&worlds[0], POOLS)];

		if (world_chance(&worlds[0], 1000))
			reload_all(worlds);
		operate(world);
		if (i % SETTLE_EACH == 0)
			settle(world);
		if (i % (SETTLE_EACH * 10) == 0)
			settle_by_events(world);
	}
	for (unsigned int i = 0; i < POOLS; i++) {
		all_end(&worlds[i]);
		print_model(&worlds[i].model);
		world_clear(&worlds[i]);
	}
}

void add_random(void)
{
	for (unsigned int seed = 1; seed <= RANDOM_SEEDS; seed++) {
		g_autofree char *path = g_strdup_printf("/random/keeps-its-promises-%u", seed);

		g_test_add_data_func(path, GUINT_TO_POINTER(seed), keeps_its_promises);
	}
	g_test_add_func("/random/fifty-accounts-on-four-pools", fifty_accounts_on_four_pools);
}
