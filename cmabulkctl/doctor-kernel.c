// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: CMA, its areas, the in-kernel call and the module. */
#include <inttypes.h>
#include <stdio.h>

#include <linux/cmabulk.h>

#include "doctor.h"
#include "machine.h"
#include "room.h"
#include "size.h"

/* Is there anything further to look for in the kernel? */
static bool check_cma(struct doctor *doctor)
{
	char total_text[SIZE_TEXT];
	char free_text[SIZE_TEXT];
	uint64_t total;
	uint64_t available = 0;

	if (machine_read_meminfo("CmaTotal", &total) < 0) {
		doctor_report(doctor, RESULT_FAIL, "cma", "boot a kernel built with CONFIG_CMA=y",
			      "this kernel has no CMA");
		return false;
	}
	if (total == 0) {
		doctor_report(doctor, RESULT_FAIL, "cma",
			      "add cma=400M to the kernel's command line and boot again",
			      "this kernel has CMA, but no area");
		return false;
	}
	machine_read_meminfo("CmaFree", &available);
	/* Who wants less needs no more, so there is nothing to mend. */
	doctor_report(
		doctor, RESULT_OK, "cma", NULL, "CMA areas of %s in all, %s of it unused%s%s",
		size_format(total_text, total), size_format(free_text, available),
		total < ROOM_REFERENCE_BYTES ? "; too small for " ROOM_REFERENCE_NAME : "",
		machine_has_module() ?
			"" :
			"; what of the rest would move, and what is pinned, a pool's survey tells");
	return true;
}

static void check_areas(struct doctor *doctor)
{
	uint64_t largest;

	if (machine_list_areas(&doctor->areas, &largest) < 0) {
		doctor_report(
			doctor, RESULT_WARN, "areas",
			"sudo mount -t debugfs debugfs /sys/kernel/debug, and run this as root",
			"the names of the areas cannot be seen");
		return;
	}
	doctor_report(doctor, RESULT_OK, "areas", NULL, "areas: %s%s", doctor->areas,
		      largest > 0 && largest < ROOM_REFERENCE_BYTES ?
			      "; each is too small for " ROOM_REFERENCE_NAME :
			      "");
}

static void check_engine(struct doctor *doctor)
{
	int r = machine_has_symbol("cma_alloc_bulk_req");

	doctor->lacks_series = r == 0;
	if (r > 0)
		doctor_report(
			doctor, RESULT_OK, "kernel", NULL,
			"this kernel has cma_alloc_bulk_req(): any area can be a pool, by name");
	else if (r == 0)
		doctor_report(
			doctor, RESULT_WARN, "kernel",
			"use such an area; or build the kernel with the series in kmod/patches/",
			"this kernel lacks cma_alloc_bulk_req(): only an area that nobody else "
			"uses can be a pool, as SIZE@BASE");
	else
		doctor_report(
			doctor, RESULT_WARN, "kernel",
			"mount /proc, or build the kernel with CONFIG_KALLSYMS=y",
			"without /proc/kallsyms it cannot be told whether the kernel has the series");
}

const char *doctor_area_placeholder(const struct doctor *doctor)
{
	return doctor->lacks_series ? "SIZE@BASE" : "AREA";
}

/* Is the module of the version that this was built for? Told to root, by a pool. */
static void check_interface(struct doctor *doctor)
{
	uint32_t interface;

	if (machine_read_interface(&interface) < 0)
		doctor_report(doctor, RESULT_OK, "module", NULL, "the module is loaded");
	else if (interface == CMABULK_ABI_VERSION)
		doctor_report(doctor, RESULT_OK, "module", NULL,
			      "the module is loaded, interface %" PRIu32, interface);
	else
		doctor_report(doctor, RESULT_WARN, "version",
			      "install module, daemon and library of one version",
			      "the module has interface %" PRIu32 ", this program was built for %u",
			      interface, CMABULK_ABI_VERSION);
}

static void check_module(struct doctor *doctor)
{
	char remedy[256];

	if (machine_has_module()) {
		check_interface(doctor);
		return;
	}
	if (!machine_has_module_installed()) {
		doctor_report(
			doctor, RESULT_FAIL, "module",
			"build and install it for this kernel: 'dkms install cmabulk/" CMABULK_VERSION
			"', or see HACKING.md",
			"the module is neither loaded nor installed");
		return;
	}
	snprintf(remedy, sizeof(remedy), "sudo modprobe cmabulk pools=video:%s%s",
		 doctor_area_placeholder(doctor), doctor->areas ? ", with an area from above" : "");
	doctor_report(doctor, RESULT_FAIL, "module", remedy, "the module is not loaded");
}

void doctor_check_kernel(struct doctor *doctor)
{
	if (check_cma(doctor)) {
		check_areas(doctor);
		check_engine(doctor);
	}
	check_module(doctor);
}
