/* SPDX-License-Identifier: Apache-2.0 */
#include "main/demo_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/file.h"
#include "tls/certificate.h"
#include "tls/self_signed.h"

enum { FILE_MAX = 64 * 1024 };

static const duration left_at_least = 7 * DAY;

/* Empty without a home. */
static str find_folder(struct arena *arena)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && cache[0] == '/')
		return arena_printf(arena, "%s/gatehouse", cache);
	return home && home[0] == '/' ? arena_printf(arena, "%s/.cache/gatehouse", home) : (str) { 0 };
}

static bool is_good(struct arena *arena, const struct demo_certificate *files)
{
	struct certificate certificate;
	str chain, key;
	bool lasts;

	if (failed(file_read(arena, files->certificate, FILE_MAX, &chain)) ||
	    failed(file_read(arena, files->key, FILE_MAX, &key)) ||
	    failed(certificate_init(&certificate, NULL, chain, key)))
		return false;
	lasts = certificate.not_after - time_wall() > left_at_least;
	certificate_fini(&certificate);
	return lasts;
}

static result write_all(int fd, str text)
{
	if (fd < 0)
		return error_system("cannot be made", errno);
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len)
		return error_system("cannot be written", errno);
	return OK;
}

/* Under another name first: whoever starts at the same time finds all of it or nothing. */
static result write_file(struct arena *arena, str path, str text)
{
	str next = arena_printf(arena, "%.*s.%d", STR_ARG(path), (int)getpid());
	int fd = open(next.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	result_value written = write_all(fd, text);

	if (fd >= 0)
		close(fd);
	TRY(written);
	return rename(next.ptr, path.ptr) == 0 ? OK : error_system("cannot be put there", errno);
}

static result keep(struct arena *arena, str folder, const struct demo_certificate *files, str certificate,
		   str key)
{
	if (str_is_empty(folder))
		return error_make(ERROR_MISSING, "no home");
	mkdir(arena_printf(arena, "%.*s", STR_ARG(file_folder(folder))).ptr, 0700);
	if (mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
		return error_system("cannot be made", errno);
	TRY(write_file(arena, files->key, key));
	return write_file(arena, files->certificate, certificate);
}

/* A file without a name, which goes with the process. */
static result keep_in_memory(struct arena *arena, str text, str *ret_path)
{
	int fd = memfd_create("gatehouse", MFD_CLOEXEC);

	TRY(write_all(fd, text));
	*ret_path = arena_printf(arena, "/proc/self/fd/%d", fd);
	return OK;
}

result demo_certificate_find(struct arena *arena, struct demo_certificate *ret_certificate)
{
	str folder = find_folder(arena), certificate, key;
	result_value kept;

	*ret_certificate = (struct demo_certificate) {
		.certificate = arena_printf(arena, "%.*s/demo.pem", STR_ARG(folder)),
		.key = arena_printf(arena, "%.*s/demo.key", STR_ARG(folder)),
	};
	if (folder.len && is_good(arena, ret_certificate))
		return OK;
	TRY(self_signed_make(arena, &certificate, &key));
	kept = keep(arena, folder, ret_certificate, certificate, key);
	if (failed(kept)) {
		TRY(keep_in_memory(arena, certificate, &ret_certificate->certificate));
		kept = keep_in_memory(arena, key, &ret_certificate->key);
	}
	OPENSSL_cleanse((void *)(uintptr_t)key.ptr, key.len);
	return kept;
}
