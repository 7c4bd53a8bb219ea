// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whom a daemon on the system's bus serves, in words. Pure. */
#include "served.h"

/* What polkit answers its rules say, which are not for everybody's eyes. */
const char *served_describe_polkit(enum machine_polkit polkit)
{
	switch (polkit) {
	case MACHINE_POLKIT_AWARE:
		return "; polkit is asked about whom the daemon does not serve unasked "
		       "(org.cmabulk1.allocate)";
	case MACHINE_POLKIT_UNAWARE:
		return "; polkit is there, but in /usr/share/polkit-1/actions nothing of org.cmabulk1";
	default:
		return "; there is no polkit to decide on others";
	}
}
