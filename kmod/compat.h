/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feature probes: the only place that asks what this kernel has. One probe
 * per feature, each with the kernels on either side of it.
 */
#ifndef BULK_COMPAT_H
#define BULK_COMPAT_H

/* cma_alloc_bulk_req(): kernels with the series in patches/ have it, no others. */
#ifdef CONFIG_CMA_BULK
#define BULK_HAVE_ENGINE_KERNEL
#endif

#ifndef BULK_HAVE_ENGINE_KERNEL
#error "cmabulk needs a kernel with the series in kmod/patches and CONFIG_CMA_BULK"
#endif

#endif /* BULK_COMPAT_H */
