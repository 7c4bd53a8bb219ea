// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that live in the page cache and nowhere else: clean, movable, not mapped, and on request
 * under writeback for as long as a slow disk would take. What is dropped from the cache reads as
 * zeroes again.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>

#include "bench.h"

#define BENCH_FS_MAGIC	0x636d6162

static struct vfsmount *bench_mount;

static int bench_read_folio(struct file *file, struct folio *folio)
{
	folio_zero_range(folio, 0, folio_size(folio));
	folio_mark_uptodate(folio);
	folio_unlock(folio);
	return 0;
}

static const struct address_space_operations bench_aops = {
	.read_folio = bench_read_folio,
	.migrate_folio = filemap_migrate_folio,
};

static const struct file_operations bench_fops = {
	.read_iter = generic_file_read_iter,
	.mmap = generic_file_readonly_mmap,
	.llseek = generic_file_llseek,
};

static int bench_init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, BENCH_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type bench_fs = {
	.name = "cmabulk_bench",
	.owner = THIS_MODULE,
	.init_fs_context = bench_init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct inode *new_inode_of(u64 size)
{
	struct inode *inode = new_inode(bench_mount->mnt_sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFREG | 0400;
	inode->i_mapping->a_ops = &bench_aops;
	mapping_set_gfp_mask(inode->i_mapping, GFP_HIGHUSER_MOVABLE);
	i_size_write(inode, size);
	return inode;
}

/* A file descriptor, or an error. */
int bench_file_new(u64 size)
{
	struct inode *inode;
	struct file *file;
	int fd;

	if (!size || size > MAX_LFS_FILESIZE)
		return -EINVAL;
	inode = new_inode_of(size);
	if (!inode)
		return -ENOMEM;
	file = alloc_file_pseudo(inode, bench_mount, "cmabulk_bench", O_RDONLY, &bench_fops);
	if (IS_ERR(file)) {
		iput(inode);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	fd_install(fd, file);
	return fd;
}

/* Put one page under writeback, if it is cached; @bench has room for its reference. */
static void write_page(struct bench *bench, struct address_space *mapping, pgoff_t index)
{
	struct page *page = find_lock_page(mapping, index);
	struct folio *folio;

	if (!page)
		return;
	folio = page_folio(page);
	if (folio_test_writeback(folio)) {
		folio_unlock(folio);
		folio_put(folio);
		return;
	}
	folio_start_writeback(folio);
	folio_unlock(folio);
	bench->written[bench->nr_written++] = folio;
}

static int write_pages(struct bench *bench, struct bench_writeback *arg,
		       struct address_space *mapping)
{
	const pgoff_t end = DIV_ROUND_UP(i_size_read(mapping->host), PAGE_SIZE);
	pgoff_t index;

	bench->written = kvmalloc_array(mapping->nrpages, sizeof(*bench->written), GFP_KERNEL);
	if (!bench->written)
		return -ENOMEM;
	bench->nr_written = 0;
	bench->next_written = 0;
	bench->step_ns = arg->step_ns;
	for (index = 0; index < end; index++)
		write_page(bench, mapping, index);
	arg->pages = bench->nr_written;
	schedule_delayed_work(&bench->write_work, nsecs_to_jiffies(arg->delay_ns));
	return 0;
}

/* The caller makes sure that nobody reads the file meanwhile. */
int bench_writeback(struct bench *bench, struct bench_writeback *arg)
{
	struct file *file = fget(arg->file);
	int ret = -EINVAL;

	if (!file)
		return -EBADF;
	bench_settle(bench);
	if (file->f_op == &bench_fops && file_inode(file)->i_mapping->nrpages)
		ret = write_pages(bench, arg, file_inode(file)->i_mapping);
	fput(file);
	return ret;
}

/* What a jiffy is worth of pages, then the timer again. */
void bench_write_work(struct work_struct *work)
{
	struct bench *bench = container_of(to_delayed_work(work), struct bench, write_work);
	const u64 jiffy_ns = jiffies_to_nsecs(1);
	unsigned long batch = bench->step_ns ? max(1ULL, div64_u64(jiffy_ns, bench->step_ns)) :
					       bench->nr_written;

	while (bench->next_written < bench->nr_written && batch--) {
		struct folio *folio = bench->written[bench->next_written++];

		folio_end_writeback(folio);
		folio_put(folio);
	}
	if (bench->next_written < bench->nr_written)
		schedule_delayed_work(&bench->write_work, 1);
}

/* Ends all writeback at once. Called with @bench->lock held, or as its last user. */
void bench_settle(struct bench *bench)
{
	if (!bench->written)
		return;
	bench->step_ns = 0;
	do {
		mod_delayed_work(system_wq, &bench->write_work, 0);
		flush_delayed_work(&bench->write_work);
	} while (bench->next_written < bench->nr_written);
	kvfree(bench->written);
	bench->written = NULL;
}

int bench_file_init(void)
{
	bench_mount = kern_mount(&bench_fs);
	return PTR_ERR_OR_ZERO(bench_mount);
}

void bench_file_exit(void)
{
	kern_unmount(bench_mount);
}
