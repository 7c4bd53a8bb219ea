// SPDX-License-Identifier: LGPL-2.1-or-later
/* Changes of accounts at run time: what applies, what is kept, and what changes nothing. */
#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-change.h"
#include "fixture.h"

/* Whether users and groups have no names, as when a directory server is away. */
static bool are_names_lost;

/* Instead of the C library's, for all that is linked here. */
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
	       struct passwd **ret)
{
	int (*next)(const char *, struct passwd *, char *, size_t, struct passwd **) =
		dlsym(RTLD_NEXT, "getpwnam_r");

	*ret = NULL;
	return are_names_lost ? 0 : next(name, entry, buffer, size, ret);
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **ret)
{
	int (*next)(const char *, struct group *, char *, size_t, struct group **) =
		dlsym(RTLD_NEXT, "getgrnam_r");

	*ret = NULL;
	return are_names_lost ? 0 : next(name, entry, buffer, size, ret);
}

/* A directory with a configuration, what it says now, and what was changed. */
struct place {
	char *directory;
	char *file;
	char *state;
	struct config *config;
	struct config_runtime *runtime;
	GArray *pools; /* struct guarantee_pool: those that are there */
};

static void load(struct place *place)
{
	GPtrArray *problems = NULL;
	struct config *config = NULL;

	g_assert_cmpint(config_load(place->file, NULL, place->runtime, NULL, &config, &problems),
			==, 0);
	config_free(place->config);
	place->config = config;
}

static void write_file(const char *path, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_file_set_contents(path, text, -1, &error);
	g_assert_no_error(error);
}

static void begin(struct place *place, const char *text)
{
	g_autoptr(GError) error = NULL;

	*place = (struct place){ .directory = g_dir_make_tmp("cmabulk-changes-XXXXXX", &error) };
	g_assert_no_error(error);
	place->file = g_build_filename(place->directory, "cmabulkd.conf", NULL);
	place->state = g_build_filename(place->directory, "state", "deep", NULL);
	write_file(place->file, text);
	place->runtime = config_runtime_new(place->state);
	place->pools = g_array_new(FALSE, FALSE, sizeof(struct guarantee_pool));
	load(place);
}

static void add_pool(struct place *place, const char *name, uint64_t bytes)
{
	const struct guarantee_pool pool = { name, bytes };

	g_array_append_val(place->pools, pool);
}

/* As the daemon's next start. */
static void restart(struct place *place)
{
	config_runtime_free(place->runtime);
	place->runtime = config_runtime_new(place->state);
	load(place);
}

static void end(struct place *place)
{
	g_autofree char *parent = g_path_get_dirname(place->state);

	g_remove(place->runtime->path);
	g_rmdir(place->state);
	g_rmdir(parent);
	g_remove(place->file);
	g_assert_cmpint(g_rmdir(place->directory), ==, 0);
	config_free(place->config);
	config_runtime_free(place->runtime);
	g_array_unref(place->pools);
	g_free(place->directory);
	g_free(place->file);
	g_free(place->state);
}

/* @settings: keys and values, in turn. */
static int apply(struct place *place, const char *account, bool is_persistent,
		 const char *const *settings, char **ret_problem)
{
	struct config_change change = { .account = account, .is_persistent = is_persistent };
	struct config *config = NULL;
	int r = 0;

	for (; *settings && r >= 0; settings += 2)
		r = config_change_add(&change, settings[0], settings[1], ret_problem);
	if (r >= 0)
		r = config_change_apply(&change, place->config, place->pools, &place->runtime,
					&config, ret_problem);
	if (r < 0) {
		g_assert_null(config);
		return r;
	}
	config_free(place->config);
	place->config = config;
	return 0;
}

static void change(struct place *place, const char *account, bool is_persistent,
		   const char *const *settings)
{
	g_autofree char *problem = NULL;

	if (apply(place, account, is_persistent, settings, &problem) < 0)
		g_error("refused: %s", problem);
}

#define CHANGE(place, account, is_persistent, ...) \
	change(place, account, is_persistent, (const char *const[]){ __VA_ARGS__, NULL })

/* Refused with @words in the sentence; all is as it was. */
static void refused(struct place *place, const char *account, bool is_persistent, const char *words,
		    const char *const *settings)
{
	const struct config_runtime *runtime = place->runtime;
	const struct config *config = place->config;
	g_autofree char *problem = NULL;
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;
	int r;

	if (runtime->path)
		g_file_get_contents(runtime->path, &before, NULL, NULL);
	r = apply(place, account, is_persistent, settings, &problem);
	g_assert_cmpint(r, <, 0);
	g_test_message("%d: %s", r, problem);
	if (!strstr(problem, words))
		g_error("no \"%s\" in: %s", words, problem);
	if (runtime->path)
		g_file_get_contents(runtime->path, &after, NULL, NULL);
	g_assert_cmpstr(after, ==, before);
	g_assert_true(place->runtime == runtime && place->config == config);
}

#define REFUSED(place, account, is_persistent, words, ...) \
	refused(place, account, is_persistent, words, (const char *const[]){ __VA_ARGS__, NULL })

static const struct account_rule *rule_of(const struct place *place, const char *account)
{
	const struct account_rule *rule = account_rules_find(place->config->accounts, account);

	g_assert_nonnull(rule);
	return rule;
}

static void assert_keys(const struct place *place, const char *account, bool is_persistent,
			const char *expected)
{
	g_auto(GStrv) keys = config_runtime_get_keys(place->runtime, account, is_persistent);
	g_autofree char *text = keys ? g_strjoinv(" ", keys) : NULL;

	g_assert_cmpstr(text, ==, expected);
}

static const char files[] = "[Account media]\nUser=5\nMaxBuffers=10\nWeight=20\n"
			    "[Account crew]\nGroup=7\nMaxBytes=4M\n";

static void changes_apply_over_the_files(void)
{
	struct place place;

	begin(&place, files);
	CHANGE(&place, "media", false, "MaxBuffers", "3", "MaxPending", "2");
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 3);
	g_assert_cmpuint(rule_of(&place, "media")->max_pending, ==, 2);
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 20);
	assert_keys(&place, "media", false, "MaxBuffers MaxPending");
	assert_keys(&place, "media", true, NULL);
	CHANGE(&place, "media", false, "MaxBuffers", "");
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 10);
	assert_keys(&place, "media", false, "MaxPending");
	CHANGE(&place, "media", false, "MaxPending", "");
	assert_keys(&place, "media", false, NULL);
	/* All of it, of one that the files do not name. */
	CHANGE(&place, "default", false, "Weight", "3", "MaxBuffers", "4");
	g_assert_cmpuint(rule_of(&place, "default")->weight, ==, 3);
	change(&place, "default", false, (const char *const[]){ NULL });
	g_assert_cmpuint(rule_of(&place, "default")->weight, ==, 100);
	g_assert_false(config_runtime_has(place.runtime, "default"));
	g_assert_false(g_file_test(place.state, G_FILE_TEST_EXISTS));
	end(&place);
}

/* A blank is a value: of some keys nothing means all. */
static void a_blank_is_an_empty_value(void)
{
	struct place place;

	begin(&place, "[Account media]\nUser=5\nPools=video\n");
	CHANGE(&place, "media", true, "Pools", " ");
	g_assert_null(rule_of(&place, "media")->pools);
	restart(&place);
	g_assert_null(rule_of(&place, "media")->pools);
	CHANGE(&place, "media", true, "Pools", "");
	g_assert_cmpstr(rule_of(&place, "media")->pools[0], ==, "video");
	end(&place);
}

static void what_is_wrong_changes_nothing(void)
{
	g_autofree char *long_value = g_strnfill(CONFIG_CHANGE_VALUE_MAX + 1, '1');
	struct place place;

	begin(&place, files);
	CHANGE(&place, "media", true, "Weight", "30");
	for (int is_persistent = 0; is_persistent < 2; is_persistent++) {
		REFUSED(&place, "media", is_persistent, "[Account media] MaxBuffers: \"many\"",
			"Weight", "40", "MaxBuffers", "many");
		REFUSED(&place, "media", is_persistent, "no key", "Weight", "40", "Colour", "1");
		REFUSED(&place, "media", is_persistent, "twice", "Weight", "40", "Weight", "50");
		REFUSED(&place, "media", is_persistent, "no line", "Weight", "4\nUser=0");
		REFUSED(&place, "media", is_persistent, "no line", "Efforts", "\xff");
		REFUSED(&place, "media", is_persistent, "1025 bytes", "MaxBytes", long_value);
		REFUSED(&place, "media", is_persistent, "cannot be changed", "User", "6");
		REFUSED(&place, "media", is_persistent, "cannot be changed", "Shared", "");
		REFUSED(&place, "crew", is_persistent, "MinBytes", "MinBytes", "1M");
		REFUSED(&place, "media", is_persistent, "more than MaxBytes", "MinBytes", "3M",
			"MaxBytes", "2M");
		REFUSED(&place, "crewe", is_persistent, "no file has such an account", "Weight",
			"1");
		REFUSED(&place, "new", is_persistent, "User= must say whose", "Unit",
			"video.service", "Group", "7");
		REFUSED(&place, "new", is_persistent, "no such user", "User", "nobody at all");
		REFUSED(&place, "default", is_persistent, "cannot be changed", "Shared", "yes");
		REFUSED(&place, "no name", is_persistent, "no name", "Weight", "1");
	}
	REFUSED(&place, "crewe", false, "there is no account crewe", "Weight", "", "User", "");
	refused(&place, "crewe", false, "nothing of one to take back",
		(const char *const[]){ NULL });
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 30);
	end(&place);
}

/* One that the files have wrong can be mended, and what was wrong with it before is no reason to refuse. */
static void mistakes_of_the_files_are_theirs(void)
{
	struct place place;

	begin(&place, "[Account media]\nUser=5\nMaxBuffers=many\nColour=red\n"
		      "[Account lost]\nUser=nobody at all\n");
	g_assert_cmpuint(place.config->problems->len, ==, 3);
	CHANGE(&place, "media", false, "Weight", "3");
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 3);
	g_assert_cmpuint(place.config->problems->len, ==, 3);
	REFUSED(&place, "lost", false, "left out", "Weight", "3");
	REFUSED(&place, "lost", false, "cannot be changed", "User", "5");
	end(&place);
}

/* What is there can be counted on: more than that is promised to nobody. */
static void no_more_is_guaranteed_than_there_is(void)
{
	struct place place;

	begin(&place, "[Account one]\nUser=5\nMinBytes=40M\n[Account two]\nUser=6\n");
	add_pool(&place, "main", UINT64_C(64) << 20);
	add_pool(&place, "small", UINT64_C(48) << 20);
	for (int is_persistent = 0; is_persistent < 2; is_persistent++) {
		REFUSED(&place, "two", is_persistent,
			"pool main has 64 MiB, and accounts one, two are guaranteed 65 MiB",
			"MinBytes", "25M", "Pools", "main");
		REFUSED(&place, "two", is_persistent, "pool small has 48 MiB", "MinBytes", "24M");
		REFUSED(&place, "new", is_persistent, "accounts one, new are", "User", "7",
			"MinBytes", "24M");
	}
	CHANGE(&place, "two", false, "MinBytes", "24M", "Pools", "main");
	REFUSED(&place, "two", false, "pool small has", "Pools", "");
	REFUSED(&place, "two", false, "pool main has", "MinBytes", "39%");
	/* Of a pool that is not there nobody knows how large it is. */
	CHANGE(&place, "two", false, "MinBytes", "1T", "MaxBytes", "1T", "Pools", "later");
	end(&place);
}

/* Whoever mends what the files promise need not do it at once. */
static void less_is_guaranteed_step_by_step(void)
{
	struct place place;

	begin(&place, "[Account one]\nUser=5\nMinBytes=40M\n[Account two]\nUser=6\nMinBytes=40M\n"
		      "[Account three]\nUser=7\nMinBytes=40M\n");
	add_pool(&place, "main", UINT64_C(64) << 20);
	CHANGE(&place, "one", false, "MinBytes", "30M");
	CHANGE(&place, "two", false, "Weight", "3");
	REFUSED(&place, "one", false, "accounts one, two, three are", "MinBytes", "31M");
	REFUSED(&place, "one", false, "accounts one, two, three are", "MinBytes", "");
	/* What the files say as a whole is theirs. */
	change(&place, "one", false, (const char *const[]){ NULL });
	end(&place);
}

static void what_is_kept_is_read_again(void)
{
	struct place place;

	begin(&place, files);
	CHANGE(&place, "media", true, "MaxBuffers", "3", "MaxBytes", "50%");
	CHANGE(&place, "crew", false, "MaxBuffers", "4");
	CHANGE(&place, "media", false, "MaxBuffers", "5");
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 5);
	assert_keys(&place, "media", true, "MaxBuffers MaxBytes");
	restart(&place);
	g_assert_cmpuint(place.config->problems->len, ==, 0);
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 3);
	g_assert_true(rule_of(&place, "media")->maximum.is_share);
	g_assert_cmpuint(rule_of(&place, "crew")->max_buffers, ==, 4096);
	/* Kept is in force, whatever was said before. */
	CHANGE(&place, "media", false, "MaxBuffers", "6");
	CHANGE(&place, "media", true, "MaxBuffers", "7");
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 7);
	/* What is taken back does not come again. */
	CHANGE(&place, "media", false, "MaxBuffers", "");
	restart(&place);
	g_assert_cmpuint(rule_of(&place, "media")->max_buffers, ==, 10);
	assert_keys(&place, "media", true, "MaxBytes");
	change(&place, "media", false, (const char *const[]){ NULL });
	restart(&place);
	g_assert_false(config_runtime_has(place.runtime, "media"));
	end(&place);
}

static void a_new_account_is_kept_as_a_whole(void)
{
	const gid_t gids[] = { 8 };
	struct identity identity = { .uid = 9, .gids = gids, .n_gids = 1 };
	struct place place;

	begin(&place, files);
	CHANGE(&place, "guests", false, "Group", "8", "Shared", "yes", "MaxBytes", "1M");
	g_assert_cmpstr(account_rules_match(place.config->accounts, &identity)->name, ==, "guests");
	CHANGE(&place, "guests", true, "Weight", "5");
	restart(&place);
	g_assert_cmpuint(place.config->problems->len, ==, 0);
	g_assert_cmpstr(account_rules_match(place.config->accounts, &identity)->name, ==, "guests");
	g_assert_true(rule_of(&place, "guests")->is_shared);
	g_assert_cmpuint(rule_of(&place, "guests")->maximum.bytes, ==, 1 << 20);
	/* Once it is kept, each key is for itself. */
	CHANGE(&place, "guests", false, "MaxBytes", "2M");
	CHANGE(&place, "guests", true, "Weight", "6");
	assert_keys(&place, "guests", true, "Weight Group Shared MaxBytes");
	restart(&place);
	g_assert_cmpuint(rule_of(&place, "guests")->maximum.bytes, ==, 1 << 20);
	g_assert_cmpuint(rule_of(&place, "guests")->weight, ==, 6);
	/* The files have one of that name now, for others. */
	write_file(place.file, "[Account guests]\nUser=10\n");
	load(&place);
	g_assert_cmpuint(place.config->problems->len, ==, 2);
	g_assert_cmpstr(account_rules_match(place.config->accounts, &identity)->name, ==,
			"default");
	g_assert_cmpuint(rule_of(&place, "guests")->weight, ==, 6);
	end(&place);
}

static void what_the_files_lost_matches_nobody(void)
{
	struct place place;

	begin(&place, files);
	CHANGE(&place, "media", false, "MaxBytes", "1M");
	write_file(place.file, "");
	load(&place);
	g_assert_null(account_rules_find(place.config->accounts, "media"));
	g_assert_cmpuint(place.config->problems->len, ==, 1);
	/* It comes back with the file. */
	write_file(place.file, files);
	load(&place);
	g_assert_cmpuint(rule_of(&place, "media")->maximum.bytes, ==, 1 << 20);
	g_assert_cmpuint(place.config->problems->len, ==, 0);
	/* Unless it is taken back, key by key. */
	write_file(place.file, "");
	load(&place);
	CHANGE(&place, "media", false, "MaxBytes", "");
	g_assert_false(config_runtime_has(place.runtime, "media"));
	g_assert_cmpuint(place.config->problems->len, ==, 0);
	end(&place);
}

static void names_are_who_they_were(void)
{
	struct place place;

	begin(&place, "[Daemon]\nClientsGroup=root\n[Account a]\nUser=root\n"
		      "[Account b]\nGroup=root\n[Account c]\nUser=5\n");
	are_names_lost = true;
	CHANGE(&place, "c", false, "Weight", "3");
	are_names_lost = false;
	g_assert_true(rule_of(&place, "a")->has_uid && rule_of(&place, "b")->has_gid);
	g_assert_cmpuint(place.config->clients_gid, ==, 0);
	g_assert_cmpuint(place.config->problems->len, ==, 0);
	end(&place);
}

static void names_that_came_can_be_used(void)
{
	struct place place;

	are_names_lost = true;
	begin(&place, "[Account a]\nUser=root\n");
	REFUSED(&place, "new", false, "no such user", "User", "root");
	REFUSED(&place, "new", false, "no such group", "Group", "root");
	are_names_lost = false;
	/* Nobody asks for what the change is not about. */
	CHANGE(&place, "new", false, "Group", "root");
	g_assert_true(rule_of(&place, "new")->has_gid);
	g_assert_null(account_rules_find(place.config->accounts, "a"));
	CHANGE(&place, "newer", false, "User", "root");
	g_assert_true(rule_of(&place, "newer")->has_uid);
	end(&place);
}

static void assert_mode(const char *path, unsigned int mode)
{
	struct stat status;

	g_assert_cmpint(stat(path, &status), ==, 0);
	g_assert_cmphex(status.st_mode & 07777, ==, mode);
}

/* But what it makes on the way there is everybody's. */
static void what_is_kept_is_hidden(void)
{
	mode_t mask = umask(022);
	g_autofree char *parent = NULL;
	struct place place;

	begin(&place, files);
	parent = g_path_get_dirname(place.state);
	CHANGE(&place, "media", true, "Weight", "30");
	assert_mode(parent, 0755);
	assert_mode(place.state, 0700);
	assert_mode(place.runtime->path, 0600);
	end(&place);
	umask(mask);
}

/* Root may write where it likes, but not into what is no directory. */
static void where_nothing_can_be_written_nothing_changes(void)
{
	g_autofree char *parent = NULL;
	struct place place;

	begin(&place, files);
	parent = g_path_get_dirname(place.state);
	write_file(parent, "");
	REFUSED(&place, "media", true, parent, "Weight", "30");
	REFUSED(&place, "media", true, "Not a directory", "Weight", "30");
	CHANGE(&place, "media", false, "Weight", "30");
	g_remove(parent);
	CHANGE(&place, "media", true, "Weight", "40");
	/* A directory in its place cannot be replaced by a file; and nothing is left beside it. */
	g_remove(place.runtime->path);
	g_mkdir(place.runtime->path, 0700);
	REFUSED(&place, "media", true, "directory", "Weight", "50");
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 40);
	g_rmdir(place.runtime->path);
	g_assert_cmpint(g_rmdir(place.state), ==, 0);
	end(&place);
}

static void what_nobody_could_read_is_left_alone(void)
{
	g_autofree char *text = NULL;
	struct place place;

	begin(&place, files);
	CHANGE(&place, "media", true, "Weight", "30");
	write_file(place.runtime->path, "[Account media]\nWeight\n");
	restart(&place);
	g_assert_cmpuint(place.config->problems->len, ==, 1);
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 20);
	REFUSED(&place, "media", true, "mend or remove", "Weight", "40");
	CHANGE(&place, "media", false, "Weight", "40");
	g_assert_cmpuint(place.config->problems->len, ==, 1);
	g_file_get_contents(place.runtime->path, &text, NULL, NULL);
	g_assert_cmpstr(text, ==, "[Account media]\nWeight\n");
	/* What else than accounts somebody wrote there counts for nothing. */
	write_file(place.runtime->path, "[Daemon]\nMaxTimeoutSec=1\n[Account media]\nWeight=9\n");
	restart(&place);
	g_assert_cmpuint(place.config->max_timeout_usec, ==, 600000000);
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 9);
	g_assert_cmpuint(place.config->problems->len, ==, 1);
	end(&place);
}

static void without_a_directory(void)
{
	struct place place;

	begin(&place, files);
	config_runtime_free(place.runtime);
	place.runtime = config_runtime_new(NULL);
	CHANGE(&place, "media", false, "Weight", "40");
	g_assert_cmpuint(rule_of(&place, "media")->weight, ==, 40);
	REFUSED(&place, "media", true, "--state-directory=", "Weight", "50");
	config_runtime_free(place.runtime);
	place.runtime = config_runtime_new(place.state);
	end(&place);
}

static void there_is_an_end_to_it(void)
{
	g_autofree char *pools = g_strnfill(CONFIG_CHANGE_VALUE_MAX, ' ');
	const char *const settings[] = { "User", "1", "Pools", pools, "Efforts", pools, NULL };
	g_autofree char *problem = NULL;
	struct place place;
	int r = 0;
	int n;

	begin(&place, files);
	for (n = 0; r >= 0 && n < 2000; n++) {
		g_autofree char *name = g_strdup_printf("account-%d", n);

		r = apply(&place, name, false, settings, &problem);
	}
	g_assert_cmpint(r, ==, -E2BIG);
	g_test_message("after %d: %s", n, problem);
	g_assert_cmpint(n, >, 400);
	g_clear_pointer(&problem, g_free);
	for (r = 0, n = 0; r >= 0 && n < 2000; n++) {
		g_autofree char *name = g_strdup_printf("small-%d", n);
		const char *const small[] = { "User", "1", NULL };

		r = apply(&place, name, false, small, &problem);
	}
	g_assert_cmpint(r, <, 0);
	g_assert_cmpuint(account_rules_count(place.config->accounts), <=, 1025);
	end(&place);
}

void add_change_tests(void)
{
	g_test_add_func("/change/changes-apply-over-the-files", changes_apply_over_the_files);
	g_test_add_func("/change/a-blank-is-an-empty-value", a_blank_is_an_empty_value);
	g_test_add_func("/change/what-is-wrong-changes-nothing", what_is_wrong_changes_nothing);
	g_test_add_func("/change/no-more-is-guaranteed-than-there-is",
			no_more_is_guaranteed_than_there_is);
	g_test_add_func("/change/less-is-guaranteed-step-by-step", less_is_guaranteed_step_by_step);
	g_test_add_func("/change/mistakes-of-the-files-are-theirs",
			mistakes_of_the_files_are_theirs);
	g_test_add_func("/change/what-is-kept-is-read-again", what_is_kept_is_read_again);
	g_test_add_func("/change/a-new-account-is-kept-as-a-whole",
			a_new_account_is_kept_as_a_whole);
	g_test_add_func("/change/what-the-files-lost-matches-nobody",
			what_the_files_lost_matches_nobody);
	g_test_add_func("/change/names-are-who-they-were", names_are_who_they_were);
	g_test_add_func("/change/names-that-came-can-be-used", names_that_came_can_be_used);
	g_test_add_func("/change/what-is-kept-is-hidden", what_is_kept_is_hidden);
	g_test_add_func("/change/where-nothing-can-be-written-nothing-changes",
			where_nothing_can_be_written_nothing_changes);
	g_test_add_func("/change/what-nobody-could-read-is-left-alone",
			what_nobody_could_read_is_left_alone);
	g_test_add_func("/change/without-a-directory", without_a_directory);
	g_test_add_func("/change/there-is-an-end-to-it", there_is_an_end_to_it);
}
