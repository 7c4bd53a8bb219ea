// SPDX-License-Identifier: LGPL-2.1-or-later
/* [Device NAME] in the configuration. */
#include "config-files.h"
#include "fixture.h"

static void mistakes_in_devices_are_named(void)
{
	static const struct mistake mistakes[] = {
		{ "Device a", "Node", "video0" },
		{ "Device a", "Node", "/dev/../dev/video0" },
		{ "Device a", "SysPath", "/sys/class/video4linux/video0" },
		{ "Device a", "Subsystem", "video/linux" },
		{ "Device a", "Name", "../video0" },
		{ "Device a/b", "Pools", "main" },
	};

	assert_mistakes(mistakes, G_N_ELEMENTS(mistakes));
}

static void devices_have_pools(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "[Device front]\nNode=/dev/video0\nPools=camera\n"
		  "[Device back]\nSysPath=/sys/devices/back\nPools= camera\treserve \n"
		  "[Device codec]\nSubsystem=video4linux\nName=video1*\nPools=codec\n"
		  "[Device later]\nPools=main\n",
		  -1);
	files_put_drop_in(&files, "1.conf", "[Device front]\nPools=other reserve\n");
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		assert_pools_of(config, "/dev/video0", "other reserve");
		assert_pools_of(config, "front", "other reserve");
		assert_pools_of(config, "/sys/devices/back", "camera reserve");
		assert_pools_of(config, "video4linux:video17", "codec");
		assert_pools_of(config, "later", "main");
		assert_pools_of(config, "/dev/later", NULL);
	}
	files_end(&files);
}

/* A device that would be others than was meant is none; nor is one without pools. */
static void no_device_by_mistake(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "[Device a]\nNode=video0\nSubsystem=video4linux\nPools=main\n"
		  "[Device b]\nName=video0\nPools=main\n"
		  "[Device c]\nNode=/dev/c\n"
		  "[Device d]\nNode=/dev/d\nPools=main,other\n"
		  "[Device e]\nNode=dev/e\nPools=main\n",
		  -1);
	files_put_drop_in(&files, "1.conf", "[Device e]\nNode=/dev/e\n");
	{
		g_autoptr(Config) config = files_load(&files);

		/* A device with pools that are none has two. */
		g_assert_cmpuint(config->problems->len, ==, 6);
		assert_pools_of(config, "a", NULL);
		assert_pools_of(config, "b", NULL);
		assert_pools_of(config, "c", NULL);
		assert_pools_of(config, "d", NULL);
		assert_pools_of(config, "video4linux:video1", NULL);
		assert_pools_of(config, "/dev/e", "main");
	}
	files_end(&files);
}

void add_config_device_tests(void)
{
	g_test_add_func("/config/mistakes-in-devices-are-named", mistakes_in_devices_are_named);
	g_test_add_func("/config/devices-have-pools", devices_have_pools);
	g_test_add_func("/config/no-device-by-mistake", no_device_by_mistake);
}
