// SPDX-License-Identifier: LGPL-2.1-or-later
/* The world of random.c: what its accounts are allowed, and what the driver does. */
#include "world.h"

struct world_account world_accounts[WORLD_MANY] = {
	{ "default", "default:1000", 1000, 100 }, { "default", "default:1001", 1001, 100 },
	{ "small", "small:1002", 1002, 100 },	  { "team", "team@all", 1003, 100 },
	{ "heavy", "heavy:1004", 1004, 400 },	  { "light", "light:1005", 1005, 25 },
	{ "passing", "passing:1006", 1006, 100 },
};

/* Beyond those: one user each. */
static void name_accounts(void)
{
	static const unsigned int weights[] = { 100, 25, 200, 50, 400 };

	for (unsigned int i = WORLD_FEW; i < WORLD_MANY; i++) {
		struct world_account *account = &world_accounts[i];

		account->uid = 1000 + i;
		account->weight = weights[i % G_N_ELEMENTS(weights)];
		g_snprintf(account->rule, sizeof(account->rule), "user%u", i);
		g_snprintf(account->name, sizeof(account->name), "user%u:%u", i, 1000 + i);
	}
}

void world_init(struct world *world, uint32_t seed, unsigned int n_accounts)
{
	name_accounts();
	*world = (struct world){
		.rand = g_rand_new_with_seed(seed),
		.clients = g_ptr_array_new(),
	};
	fake_pool_init(&world->pool, WORLD_PAGES);
	model_init(&world->model, WORLD_PAGES, n_accounts);
}

void world_clear(struct world *world)
{
	broker_free(world->broker);
	account_rules_unref(world->rules);
	model_clear(&world->model);
	fake_pool_clear(&world->pool);
	g_ptr_array_unref(world->clients);
	g_rand_free(world->rand);
}

uint64_t world_below(struct world *world, uint64_t bound)
{
	return bound ? (((uint64_t)g_rand_int(world->rand) << 32) | g_rand_int(world->rand)) %
			       bound :
		       0;
}

bool world_chance(struct world *world, unsigned int in)
{
	return world_below(world, in) == 0;
}

/*
 * Rules
 */

static unsigned int weight_of(const char *rule)
{
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		if (g_str_equal(world_accounts[i].rule, rule))
			return world_accounts[i].weight;
	g_assert_not_reached();
}

/* Together they fit, alone they are within what the smallest limit allows, or are cut. */
static struct amount draw_minimum(struct world *world, unsigned int part)
{
	bool is_share = world_chance(world, 2);

	if (world_chance(world, 3))
		return (struct amount){ 0 };
	return (struct amount){
		.is_share = is_share,
		.bytes = is_share ? world_below(world, 10000 / part) :
				    world_below(world, WORLD_PAGES / part) * MODEL_PAGE_SIZE,
	};
}

static uid_t uid_of(const char *rule)
{
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		if (g_str_equal(world_accounts[i].rule, rule))
			return world_accounts[i].uid;
	g_assert_not_reached();
}

/* At most what part of the pool; 0: nothing. */
static unsigned int minimum_part(const struct world *world, const char *rule)
{
	bool are_many = world->model.n_accounts > WORLD_FEW;

	if (g_str_equal(rule, "team") || g_str_equal(rule, "light") || g_str_equal(rule, "passing"))
		return are_many ? 6 : 3;
	return uid_of(rule) >= 1000 + WORLD_FEW && uid_of(rule) % 3 == 0 ? 40 : 0;
}

static void draw_rule(struct world *world, const char *name, struct account_rule *ret)
{
	unsigned int part = minimum_part(world, name);
	bool is_share = world_chance(world, 2);

	*ret = (struct account_rule){
		.name = g_strdup(name),
		.is_shared = g_str_equal(name, "team"),
		.has_uid = !g_str_equal(name, "team") && !g_str_equal(name, "default"),
		.uid = uid_of(name),
		.minimum = part ? draw_minimum(world, part) : (struct amount){ 0 },
		.maximum = { .is_share = is_share,
			     .bytes = is_share ? 1000 + world_below(world, 9001) :
						 (64 + world_below(world, WORLD_PAGES)) *
							 MODEL_PAGE_SIZE },
		.max_buffers = 1 + world_below(world, world_chance(world, 4) ? 8 : 128),
		.max_pending = 1 + world_below(world, 10),
		.weight = weight_of(name),
		.efforts = world_chance(world, 3) ? (unsigned int)world_below(world, 8) : 0,
		.rate_burst = world_chance(world, 4) ? 1 + world_below(world, 6) : 0,
		.rate_interval_usec = world_below(world, 1000000),
	};
}

static uint64_t pages_of(const struct amount *amount)
{
	uint64_t bytes = amount->is_share ?
				 (uint64_t)WORLD_PAGES * MODEL_PAGE_SIZE * amount->bytes / 10000 :
				 amount->bytes;

	return bytes / MODEL_PAGE_SIZE;
}

/* What was counted by another rate does not count. */
static void tell_rate(struct model_account *account, uint64_t burst, uint64_t interval_ns)
{
	if (account->rate_burst != burst || account->rate_interval_ns != interval_ns)
		g_array_set_size(account->let_in, 0);
	account->rate_burst = burst;
	account->rate_interval_ns = interval_ns;
}

/* What the model makes of it. */
static void tell_rule(struct model *model, const struct account_rule *rule)
{
	uint64_t minimum = pages_of(&rule->minimum);
	uint64_t maximum = pages_of(&rule->maximum);

	for (unsigned int i = 0; i < model->n_accounts; i++) {
		if (!g_str_equal(world_accounts[i].rule, rule->name))
			continue;
		model->accounts[i].is_known = true;
		model->accounts[i].minimum = MIN(minimum, maximum);
		model->accounts[i].maximum = maximum;
		model->accounts[i].efforts = rule->efforts;
		tell_rate(&model->accounts[i], rule->rate_burst, rule->rate_interval_usec * 1000);
		model->accounts[i].max_buffers = rule->max_buffers;
		model->accounts[i].max_pending = rule->max_pending;
		model->accounts[i].quantum = (uint64_t)WORLD_PAGES * MODEL_PAGE_SIZE / 8 *
					     world_accounts[i].weight / 100;
	}
}

void world_draw_rules(struct world *world)
{
	bool has_passing = world_chance(world, 2);
	GArray *rules = g_array_new(FALSE, FALSE, sizeof(struct account_rule));
	struct account_rule rule;
	guint count;

	for (unsigned int i = 0; i < world->model.n_accounts; i++) {
		world->model.accounts[i].name = world_accounts[i].name;
		world->model.accounts[i].is_known = false;
	}
	for (unsigned int i = 0; i < world->model.n_accounts; i++) {
		const char *name = world_accounts[i].rule;

		if ((i > 0 && g_str_equal(name, world_accounts[i - 1].rule)) ||
		    (g_str_equal(name, "passing") && !has_passing))
			continue;
		draw_rule(world, name, &rule);
		tell_rule(&world->model, &rule);
		g_array_append_val(rules, rule);
	}
	account_rules_unref(world->rules);
	count = rules->len;
	world->rules =
		account_rules_new((struct account_rule *)(void *)g_array_free(rules, FALSE), count);
}

void world_take_rules(struct world *world, const struct world *from)
{
	account_rules_unref(world->rules);
	world->rules = account_rules_ref(from->rules);
	for (unsigned int i = 0; i < world->model.n_accounts; i++) {
		const struct model_account *other = &from->model.accounts[i];
		struct model_account *account = &world->model.accounts[i];

		account->name = other->name;
		account->is_known = other->is_known;
		account->minimum = other->minimum;
		account->maximum = other->maximum;
		account->max_buffers = other->max_buffers;
		account->max_pending = other->max_pending;
		account->efforts = other->efforts;
		tell_rate(account, other->rate_burst, other->rate_interval_ns);
		account->quantum = other->quantum;
	}
}

void world_draw_retry(struct world *world)
{
	static const char *const choices[] = {
		"fast normal hard",	      "fast normal hard",
		"fast normal hard",	      "hard",
		"fast fast normal wait hard", "fast normal wait fast wait hard normal",
		"normal wait fast",
	};
	struct model_retry *known = &world->model.retry;
	struct retry retry;

	retry_init(&retry);
	g_assert_cmpint(retry_parse_steps(choices[world_below(world, G_N_ELEMENTS(choices))],
					  &retry),
			==, 0);
	retry.delay_ns = world_chance(world, 2) ? 0 : world_below(world, 50 * MSEC_NS);
	retry.max_delay_ns = world_below(world, 200 * MSEC_NS);
	known->count = retry.n_steps;
	for (unsigned int i = 0; i < retry.n_steps; i++)
		known->steps[i] = retry.steps[i];
	known->longest_ns = retry.max_delay_ns * 5 / 4 + 1;
	broker_set_retry(world->broker, &retry);
	broker_set_seed(world->broker, g_rand_int(world->rand));
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
	world->fill_granted = world_chance(world, 2) ? most : world_below(world, most + 1);
	/* The worker is at it: what it grabs is nowhere for now. */
	world->pool.in_progress = world_below(world, world->fill_granted + 1) << order;
}

void world_load(struct world *world)
{
	const GArray *objects = world->pool.objects;
	/* A snapshot replaces the events before it; they may still come. */
	broker_load(world->broker, (const struct cmabulk_buffer_info *)(void *)objects->data,
		    objects->len, world->pool.sequence);
	model_loaded(&world->model, &world->pool);
}

int world_deliver(struct world *world)
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
	if (r >= 0 && event.command == CMABULK_CMD_RELEASED)
		model_released(&world->model, world->now_ns);
	return r;
}

static void deliver_all(struct world *world)
{
	while (world->pool.events->len)
		if (world_deliver(world) == -EL2HLT)
			world_load(world);
}

static void export_buffer(struct world *world, struct client *client, uint64_t chunks)
{
	uint64_t id = fake_pool_export(&world->pool, client->reservation, chunks);
	struct cmabulk_buffer_info *info = fake_pool_find(&world->pool, id);

	/* Its event, or a snapshot, may be there before. */
	if (world_chance(world, 4))
		deliver_all(world);
	else if (world_chance(world, 20))
		world_load(world);
	broker_request_exported(world->broker, client->request, info);
	model_exported(&world->model, client->request, info);
}

static void finish(struct world *world, struct client *client)
{
	struct broker_request *request = client->request;
	uint64_t claimed = broker_request_get_claimed(request);
	unsigned int buffers = broker_request_get_ask(request)->buffers;

	if (broker_request_is_kept(request) && !world_chance(world, 20)) {
		uint64_t count = MIN(buffers, claimed);

		/* Now and then it fails half way. */
		for (uint64_t i = 0; i < count && !world_chance(world, 200); i++)
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
	case BROKER_ASK_BACK:
		if (world_below(world, 2) == 0)
			broker_not_heard(world->broker, action->bytes);
		break;
	case BROKER_INTERRUPT:
	case BROKER_NOTHING:
		break;
	}
}

void world_tell_free(struct world *world)
{
	world->model.free_pages = fake_pool_free_pages(&world->pool);
	world->model.draining = fake_pool_draining(&world->pool);
	broker_set_free(world->broker, world->model.free_pages);
	broker_set_draining(world->broker, world->model.draining);
}

void world_run(struct world *world)
{
	struct broker_action action;
	unsigned int rounds = 0;

	do {
		world_tell_free(world);
		broker_next(world->broker, world->now_ns, &action);
		model_action(&world->model, &action, world->now_ns);
		carry_out(world, &action);
		rounds++;
		g_assert_cmpuint(rounds, <, 1000);
	} while (action.type != BROKER_NOTHING);
	model_check(&world->model, world->broker, world->now_ns);
}

void world_end_fill(struct world *world, int result)
{
	struct client *client = world->filling;
	unsigned int order = broker_request_get_ask(client->request)->order;
	struct cmabulk_fill fill = {
		.effort = world->fill_effort,
		.nr_requests = world->fill_chunks,
	};
	uint64_t elapsed_ns = world_below(world, 50 * MSEC_NS);

	world->pool.in_progress = 0;
	/* Others were faster. */
	world->fill_granted = MIN(world->fill_granted, fake_pool_free_pages(&world->pool) >> order);
	fill.nr_allocated = world->fill_granted;
	if (world->fill_granted == world->fill_chunks)
		result = 0;
	fill.report.blocks_surveyed = 1;
	world->filling = NULL;
	fake_pool_fill(&world->pool, client->reservation, world->fill_granted);
	model_filled(&world->model, client->request, result, world->fill_granted, elapsed_ns,
		     world->now_ns);
	broker_filled(world->broker, client->request, result, &fill, elapsed_ns, world->now_ns);
}
