// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a daemon answers to each method, and what it tells on its own. */
#include <string.h>

#include "answer.h"

#define SIZE(array)  (sizeof(array) / sizeof(*(array)))
#define OBJECT_LIMIT 8
#define LIST_LIMIT   4
/* Longer than any name on a bus. */
#define LONG_LENGTH  300

struct field {
	const char *name;
	const char *type; /* s, t, u, b, or as, a(st), a(sst), a(tt) */
	uint64_t number;
	const char *text;
};

static const struct field daemon_fields[] = {
	{ "Version", "s", 0, "0.1.0" },
	{ "Simulated", "b", 0, NULL },
	{ "ConfigurationProblems", "as", 0, "there is one" },
};

static const struct field pool_fields[] = {
	{ "Name", "s", 0, ANSWER_POOL },     { "Area", "s", 0, "reserved" },
	{ "Kind", "s", 0, "kmod" },	     { "Engine", "u", 1, NULL },
	{ "Features", "t", 1, NULL },	     { "PageSize", "t", 4096, NULL },
	{ "PageblockOrder", "u", 9, NULL },  { "MinOrder", "u", 0, NULL },
	{ "MaxOrder", "u", 10, NULL },	     { "Size", "t", 64 << 20, NULL },
	{ "Free", "t", 32 << 20, NULL },     { "Cached", "t", 0, NULL },
	{ "Reserved", "t", 0, NULL },	     { "Exported", "t", 32 << 20, NULL },
	{ "Draining", "t", 0, NULL },	     { "Buffers", "t", 4, NULL },
	{ "Reservations", "t", 0, NULL },    { "Pending", "u", 1, NULL },
	{ "GuaranteeAtRisk", "b", 0, NULL },
};

static const struct field survey_fields[] = {
	{ "pages-free", "t", 8192, NULL },  { "pages-movable", "t", 4096, NULL },
	{ "pages-suspect", "t", 1, NULL },  { "pages-taken", "t", 4096, NULL },
	{ "blocks", "t", 32, NULL },	    { "blocks-free", "t", 16, NULL },
	{ "blocks-movable", "t", 7, NULL }, { "blocks-suspect", "t", 1, NULL },
	{ "blocks-taken", "t", 8, NULL },
};

static const struct field entry_fields[] = {
	{ "inode", "t", 3, NULL },	   { "kind", "s", 0, "buffer" },
	{ "state", "s", 0, "exported" },   { "order", "u", 4, NULL },
	{ "chunks", "t", 4, NULL },	   { "size", "t", 4 << 16, NULL },
	{ "age-usec", "t", 5, NULL },	   { "reservation", "t", 1, NULL },
	{ "name", "s", 0, "frames-0" },	   { "uid", "u", 1000, NULL },
	{ "pid", "u", 99, NULL },	   { "cookie", "t", 2, NULL },
	{ "account", "s", 0, "default" },  { "label", "s", 0, "frames" },
	{ "standing", "s", 0, "managed" },
};

static const struct field account_fields[] = {
	{ "account", "s", 0, "default" },    { "pool", "s", 0, ANSWER_POOL },
	{ "uid", "u", 1000, NULL },	     { "default", "b", 1, NULL },
	{ "used", "t", 1 << 20, NULL },	     { "minimum", "t", 0, NULL },
	{ "maximum", "t", 2 << 20, NULL },   { "buffers", "t", 1, NULL },
	{ "maximum-buffers", "t", 8, NULL }, { "pending", "t", 0, NULL },
	{ "maximum-pending", "t", 4, NULL }, { "weight", "t", 100, NULL },
	{ "runtime", "as", 0, "MaxBytes" },  { "persistent", "as", 0, "MaxBytes" },
};

static const struct field counter_fields[] = {
	{ "pool", "s", 0, ANSWER_POOL },     { "account", "s", 0, "default" },
	{ "uid", "u", 1000, NULL },	     { "admitted", "t", 9, NULL },
	{ "complete", "t", 8, NULL },	     { "partial", "t", 1, NULL },
	{ "timed-out", "t", 0, NULL },	     { "cancelled", "t", 0, NULL },
	{ "chunks-asked", "t", 90, NULL },   { "bytes-asked", "t", 90 << 16, NULL },
	{ "chunks-granted", "t", 80, NULL }, { "bytes-granted", "t", 80 << 16, NULL },
	{ "bytes-released", "t", 0, NULL },  { "queued-usec", "t", 5, NULL },
	{ "worker-usec", "t", 5, NULL },     { "interrupts", "t", 0, NULL },
	{ "give-backs", "t", 0, NULL },	     { "resyncs", "t", 1, NULL },
	{ "latency-usec", "t", 5, NULL },    { "refused", "a(st)", 2, "quota" },
	{ "fills", "a(sst)", 3, "fast" },    { "latency", "a(tt)", 4, NULL },
};

/* A name that no field has is of a later version, and no harm. */
static void append_later(sd_bus_message *message, struct input *input)
{
	if (lie_next(input) >= 224)
		must(sd_bus_message_append(message, "{sv}", "later", "a{ss}", 1, "a", "b"));
}

static void append_element(sd_bus_message *message, struct input *input, const struct field *field)
{
	if (strcmp(field->type, "as") == 0)
		must(sd_bus_message_append(message, "s", lie_text(input, field->text)));
	else if (strcmp(field->type, "a(st)") == 0)
		must(sd_bus_message_append(message, "(st)", lie_text(input, field->text),
					   lie_number(input, field->number)));
	else if (strcmp(field->type, "a(sst)") == 0)
		must(sd_bus_message_append(message, "(sst)", lie_text(input, field->text), "ok",
					   lie_number(input, field->number)));
	else
		must(sd_bus_message_append(message, "(tt)", lie_number(input, 1000),
					   lie_number(input, field->number)));
}

static void append_list(sd_bus_message *message, struct input *input, const struct field *field)
{
	uint64_t count = lie_number(input, 1) % LIST_LIMIT;

	must(sd_bus_message_open_container(message, 'e', "sv"));
	must(sd_bus_message_append(message, "s", field->name));
	must(sd_bus_message_open_container(message, 'v', field->type));
	must(sd_bus_message_open_container(message, 'a', field->type + 1));
	for (uint64_t i = 0; i < count; i++)
		append_element(message, input, field);
	for (unsigned int i = 0; i < 3; i++)
		must(sd_bus_message_close_container(message));
}

/* Left out, or said twice. */
static void append_lists(sd_bus_message *message, struct input *input, const struct field *field)
{
	uint8_t choice = lie_next(input);

	if (choice < 240)
		append_list(message, input, field);
	if (choice >= 208 && choice < 240)
		append_list(message, input, field);
}

static void append_field(sd_bus_message *message, struct input *input, const struct field *field)
{
	if (field->type[0] == 'a')
		append_lists(message, input, field);
	else if (field->type[0] == 's')
		lie_append_text(message, input, field->name, field->text);
	else
		lie_append_number(message, input, field->name, field->type, field->number);
}

static void append_fields(sd_bus_message *message, struct input *input, const struct field *fields,
			  size_t count)
{
	for (size_t i = 0; i < count; i++)
		append_field(message, input, &fields[i]);
	append_later(message, input);
}

static void append_dictionary(sd_bus_message *message, struct input *input,
			      const struct field *fields, size_t count)
{
	must(sd_bus_message_open_container(message, 'a', "{sv}"));
	append_fields(message, input, fields, count);
	must(sd_bus_message_close_container(message));
}

static void append_dictionaries(sd_bus_message *message, struct input *input,
				const struct field *fields, size_t count)
{
	uint64_t objects = lie_number(input, 1) % OBJECT_LIMIT;

	must(sd_bus_message_open_container(message, 'a', "a{sv}"));
	for (uint64_t i = 0; i < objects; i++)
		append_dictionary(message, input, fields, count);
	must(sd_bus_message_close_container(message));
}

static void append_pools(sd_bus_message *message, struct input *input)
{
	uint64_t objects = lie_number(input, 1) % OBJECT_LIMIT;

	must(sd_bus_message_open_container(message, 'a', "(oa{sv})"));
	for (uint64_t i = 0; i < objects; i++) {
		must(sd_bus_message_open_container(message, 'r', "oa{sv}"));
		must(sd_bus_message_append(message, "o", "/org/cmabulk1/pool/" ANSWER_POOL));
		append_dictionary(message, input, pool_fields, SIZE(pool_fields));
		must(sd_bus_message_close_container(message));
	}
	must(sd_bus_message_close_container(message));
}

static void append_survey(sd_bus_message *message, struct input *input)
{
	append_dictionary(message, input, survey_fields, SIZE(survey_fields));
}

static void append_daemon(sd_bus_message *message, struct input *input)
{
	append_dictionary(message, input, daemon_fields, SIZE(daemon_fields));
}

/* Those after the last reply's; or again the same. That there is more comes to an end with the input. */
static void append_entries(sd_bus_message *message, struct input *input)
{
	uint64_t objects = lie_number(input, 1) % OBJECT_LIMIT;

	must(sd_bus_message_open_container(message, 'a', "a{sv}"));
	for (uint64_t i = 0; i < objects; i++) {
		must(sd_bus_message_open_container(message, 'a', "{sv}"));
		lie_append_number(message, input, "id", "t", ++input->last_id);
		append_fields(message, input, entry_fields, SIZE(entry_fields));
		must(sd_bus_message_close_container(message));
	}
	must(sd_bus_message_close_container(message));
	must(sd_bus_message_append(message, "b", (int)(lie_next(input) >= 128)));
}

static void append_accounts(sd_bus_message *message, struct input *input)
{
	append_dictionaries(message, input, account_fields, SIZE(account_fields));
}

static void append_counters(sd_bus_message *message, struct input *input)
{
	append_dictionaries(message, input, counter_fields, SIZE(counter_fields));
}

static void append_names(sd_bus_message *message, struct input *input)
{
	uint64_t count = lie_number(input, 0) % OBJECT_LIMIT;

	must(sd_bus_message_append(message, "s", lie_text(input, ANSWER_POOL)));
	must(sd_bus_message_open_container(message, 'a', "s"));
	for (uint64_t i = 0; i < count; i++)
		must(sd_bus_message_append(message, "s", lie_text(input, "main")));
	must(sd_bus_message_close_container(message));
}

/* Whose the daemon's name is; nobody's, or one that is longer than any. */
static const char *owner(struct input *input)
{
	static char name[LONG_LENGTH + 1];
	uint8_t choice = lie_next(input);

	if (choice < 128)
		return ANSWER_DAEMON;
	if (choice < 192)
		return choice < 160 ? "" : ":1.9";
	memset(name, 'x', LONG_LENGTH);
	return name;
}

static void append_owner(sd_bus_message *message, struct input *input)
{
	must(sd_bus_message_append(message, "s", owner(input)));
}

/* As of Prepare, Reload, SetAccount and UnsetAccount; what comes all the same is nobody's affair. */
static void append_nothing(sd_bus_message *message, struct input *input)
{
	if (lie_next(input) >= 128)
		must(sd_bus_message_append(message, "st", lie_text(input, "complete"),
					   lie_number(input, 1)));
}

static const struct {
	const char *member;
	void (*append)(sd_bus_message *message, struct input *input);
} answers[] = {
	{ "Prepare", append_nothing },	    { "GetAll", append_daemon },
	{ "ListPools", append_pools },	    { "Survey", append_survey },
	{ "ListBuffers", append_entries },  { "ListAccounts", append_accounts },
	{ "GetCounters", append_counters }, { "GetPoolForDevice", append_names },
	{ "GetNameOwner", append_owner },
};

static void append_answer(sd_bus_message *reply, const char *member, struct input *input)
{
	uint8_t choice = lie_next(input);

	/* What is the answer to something else. */
	if (choice >= 240) {
		answers[choice % SIZE(answers)].append(reply, input);
		return;
	}
	for (size_t i = 0; i < SIZE(answers); i++)
		if (strcmp(answers[i].member, member) == 0)
			answers[i].append(reply, input);
}

static const char *error_name(uint8_t choice)
{
	static const char *const names[] = {
		"org.cmabulk1.Error.PoolGone",
		"org.cmabulk1.Error.NotAuthorized",
		"org.cmabulk1.Error.Restarting",
		"org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.UnknownObject",
		"org.freedesktop.DBus.Error.Spawn.Failed",
		"System.Error.ESUCCESS",
	};

	return names[choice % SIZE(names)];
}

sd_bus_message *answer_call(sd_bus_message *call, struct input *input)
{
	uint8_t choice = lie_next(input);
	sd_bus_message *reply;

	if (choice >= 240) {
		must(sd_bus_message_new_method_errorf(call, &reply, error_name(choice), "%s",
						      lie_text(input, "it is so")));
	} else {
		must(sd_bus_message_new_method_return(call, &reply));
		append_answer(reply, sd_bus_message_get_member(call), input);
	}
	must(sd_bus_message_seal(reply, 1, 0));
	must(sd_bus_message_rewind(reply, 1));
	return reply;
}

/* --- What nobody asked for -------------------------------------------------------------------- */

static void append_released(sd_bus_message *message, struct input *input)
{
	must(sd_bus_message_append(message, "stt", lie_text(input, ANSWER_POOL),
				   lie_number(input, 7), lie_number(input, 8)));
}

static void append_pressure(sd_bus_message *message, struct input *input)
{
	must(sd_bus_message_append(message, "sst", lie_text(input, ANSWER_POOL),
				   lie_text(input, "hard"), lie_number(input, 1 << 20)));
}

static const char *path(struct input *input)
{
	static const char *const others[] = {
		"/org/cmabulk1/pool",
		"/org/cmabulk1/pool/a/b",
		"/org/cmabulk1/pool/_2e",
		"/org/cmabulk1/pool/_00_ff",
		"/org/cmabulk1/account/a/b",
		"/",
		"/org/cmabulk1/pool/_",
		"/org/cmabulk1/pool/a_name_that_is_longer_than_the_name_of_any_pool_can_be",
	};
	uint8_t choice = lie_next(input);

	return choice < 128 ? "/org/cmabulk1/pool/" ANSWER_POOL : others[choice % SIZE(others)];
}

static const char *interface(struct input *input)
{
	return lie_next(input) < 128 ? "org.cmabulk1.Pool" : "org.freedesktop.DBus.Properties";
}

static void append_added(sd_bus_message *message, struct input *input)
{
	uint64_t count = lie_number(input, 1) % LIST_LIMIT;

	must(sd_bus_message_append(message, "o", path(input)));
	must(sd_bus_message_open_container(message, 'a', "{sa{sv}}"));
	for (uint64_t i = 0; i < count; i++) {
		must(sd_bus_message_open_container(message, 'e', "sa{sv}"));
		must(sd_bus_message_append(message, "s", interface(input)));
		append_dictionary(message, input, pool_fields, SIZE(pool_fields));
		must(sd_bus_message_close_container(message));
	}
	must(sd_bus_message_close_container(message));
}

static void append_removed(sd_bus_message *message, struct input *input)
{
	uint64_t count = lie_number(input, 1) % LIST_LIMIT;

	must(sd_bus_message_append(message, "o", path(input)));
	must(sd_bus_message_open_container(message, 'a', "s"));
	for (uint64_t i = 0; i < count; i++)
		must(sd_bus_message_append(message, "s", interface(input)));
	must(sd_bus_message_close_container(message));
}

static void append_changed(sd_bus_message *message, struct input *input)
{
	must(sd_bus_message_append(message, "s", interface(input)));
	append_dictionary(message, input, pool_fields, SIZE(pool_fields));
	must(sd_bus_message_append(message, "as", 0));
}

static void append_new_owner(sd_bus_message *message, struct input *input)
{
	const char *before = lie_next(input) < 128 ? ANSWER_DAEMON : "";

	must(sd_bus_message_append(message, "sss", "org.cmabulk1", before, owner(input)));
}

#define MANAGER "org.cmabulk1.Manager"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"
#define BUS	"org.freedesktop.DBus"

static const struct signal {
	const char *interface;
	const char *member;
	const char *sender;
	void (*append)(sd_bus_message *message, struct input *input);
} signals[] = {
	{ MANAGER, "BufferReleased", ANSWER_DAEMON, append_released },
	{ MANAGER, "MemoryPressure", ANSWER_DAEMON, append_pressure },
	{ OBJECTS, "InterfacesAdded", ANSWER_DAEMON, append_added },
	{ OBJECTS, "InterfacesRemoved", ANSWER_DAEMON, append_removed },
	/* Nobody listens to these, but a daemon may send what it likes. */
	{ MANAGER, "PropertiesChanged", ANSWER_DAEMON, append_changed },
	{ BUS, "NameOwnerChanged", BUS, append_new_owner },
};

/* NULL: nobody says who it was. */
static const char *sender(struct input *input, const struct signal *signal)
{
	uint8_t choice = lie_next(input);

	if (choice < 208)
		return signal->sender;
	if (choice < 240)
		return choice < 224 ? ":1.9" : BUS;
	return NULL;
}

sd_bus_message *answer_signal(sd_bus *bus, struct input *input)
{
	const struct signal *signal = &signals[lie_next(input) % SIZE(signals)];
	const char *from = sender(input, signal);
	uint8_t choice = lie_next(input);
	sd_bus_message *message;

	must(sd_bus_message_new_signal(bus, &message, "/org/cmabulk1", signal->interface,
				       signal->member));
	if (from)
		must(sd_bus_message_set_sender(message, from));
	/* What another has to tell. */
	if (choice >= 224)
		signal = &signals[choice % SIZE(signals)];
	signal->append(message, input);
	must(sd_bus_message_seal(message, 1, 0));
	must(sd_bus_message_rewind(message, 1));
	return message;
}
