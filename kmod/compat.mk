# SPDX-License-Identifier: GPL-2.0-only
#
# What compat.h has to be told, as the preprocessor sees macros only: $(call has,TEXT,HEADER,MACRO).
has = $(if $(shell grep -sF '$(1)' $(srctree)/include/$(2)),-D$(3))
ccflags-y += $(call has,vm_flags_set,linux/mm.h,BULK_HAVE_VM_FLAGS_SET)
ccflags-y += $(call has,const struct class *class,linux/device/class.h,BULK_HAVE_CONST_CLASS)
ccflags-y += $(call has,shrinker_alloc,linux/shrinker.h,BULK_HAVE_SHRINKER_ALLOC)
ccflags-y += $(call has,__assign_str(dst),trace/stages/stage6_event_callback.h,BULK_HAVE_ASSIGN_STR_1)
ccflags-y += $(call has,dma_buf_vmap_unlocked,linux/dma-buf.h,BULK_HAVE_VMAP_UNLOCKED)
ccflags-y += $(call has,invalidate_mappings,linux/dma-buf.h,BULK_HAVE_INVALIDATE_MAPPINGS)

# How the survey tells pages from one another: newest first, the kernels that have what is looked for.
page_flags := $(srctree)/include/linux/page-flags.h
page_header := $(if $(shell grep -sF FOLIO_MAPPING_ANON $(page_flags)),7.2,$\
	$(if $(shell grep -sF PGTY_buddy $(page_flags)),6.12,6.1))
