/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_process: processor time, memory and descriptors, from the calls and files that cost the least.
 *
 * Descriptors are counted by the size of /proc/self/fd, which newer kernels tell (6.2); on older ones the
 * folder is read, some 10 ms for 100,000 of them, and no further than that.
 */
#include "observe/metrics_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS_COUNTED = 100000 };

static const uint64_t pages_max = (uint64_t)1 << 50;

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	const char *const parts[] = { "# HELP ", name, " ",  help, "\n# TYPE ", name,
				      " ",       type, "\n", name, " " };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		buf_put(out, str_of(parts[i]));
}

static void put_number(struct buf *out, const char *name, const char *help, uint64_t value)
{
	put_head(out, name, "gauge", help);
	buf_put_u64(out, value);
	buf_put_char(out, '\n');
}

/* With milliseconds. */
static void put_seconds(struct buf *out, const char *name, const char *type, const char *help, int64_t time)
{
	uint64_t milliseconds = (uint64_t)(time / MILLISECOND);

	put_head(out, name, type, help);
	buf_put_u64(out, milliseconds / 1000);
	buf_put_char(out, '.');
	for (uint64_t digit = 100; digit; digit /= 10)
		buf_put_char(out, (char)('0' + milliseconds / digit % 10));
	buf_put_char(out, '\n');
}

static void put_processor(struct buf *out)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
		put_seconds(out, "process_cpu_seconds_total", "counter", "Processor time of all threads.",
			    used.tv_sec * SECOND + used.tv_nsec);
}

/* The first two numbers of /proc/self/statm: pages in all, and those in memory. */
static void put_memory(struct buf *out)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, sizeof text) : -1;
	str rest = { text, len > 0 ? (size_t)len : 0 }, word;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;

	if (fd >= 0)
		close(fd);
	if (str_next(&rest, ' ', &word) && str_to_u64(word, pages_max, &pages))
		put_number(out, "process_virtual_memory_bytes", "Address space.", pages * page);
	if (str_next(&rest, ' ', &word) && str_to_u64(word, pages_max, &pages))
		put_number(out, "process_resident_memory_bytes", "Memory in use.", pages * page);
}

/* Without the two names that every folder has, and the one that is open for reading it. */
static uint64_t read_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!folder)
		return 0;
	while (readdir(folder) && count < DESCRIPTORS_COUNTED)
		count++;
	closedir(folder);
	return count > 3 ? count - 3 : 0;
}

static void put_descriptors(struct buf *out)
{
	struct stat status;
	struct rlimit limit;
	uint64_t open = 0;

	if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
		open = (uint64_t)status.st_size;
	else
		open = read_descriptors();
	if (open)
		put_number(out, "process_open_fds", "Open descriptors.", open);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		put_number(out, "process_max_fds", "Most descriptors that may be open.", limit.rlim_cur);
}

void metrics_process_print(wall_time began, struct buf *out)
{
	put_processor(out);
	put_memory(out);
	put_descriptors(out);
	put_seconds(out, "process_start_time_seconds", "gauge", "When it began, since 1970.", began);
}
