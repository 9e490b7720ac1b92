/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: what the configuration has of keys and passwords: `gatehouse key new`, `key hash`, `password
 * hash`.
 *
 * A new key is shown once and kept nowhere. What is hashed comes by standard input: the arguments of a
 * process can be read by others, and a shell remembers them.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/password.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/sha256.h"
#include "main/command.h"

enum { KEY_BYTES = 32, KEY_LEAST = 16, INPUT_MAX = 4096 };

/* Whoever types has given a line, and is not asked for the end of more. */
static bool is_all_read(const char *behind)
{
	return behind[strspn(behind, "\r\n")] == '\0' && (isatty(STDIN_FILENO) || getc(stdin) == EOF);
}

/* Without the end of the line. Of a file with several it would be a guess which one is the secret. */
static bool read_secret(const struct command *command, char room[INPUT_MAX + 2], str *ret_secret)
{
	size_t len;

	if (!fgets(room, INPUT_MAX + 2, stdin))
		room[0] = '\0';
	len = strcspn(room, "\r\n");
	if (len && len <= INPUT_MAX && is_all_read(room + len)) {
		*ret_secret = (str) { room, len };
		return true;
	}
	fprintf(stderr, "gatehouse %s: want the secret on standard input, in one line\n", command->name);
	return false;
}

/* As `api_keys` takes it. */
static void print_hash(str key)
{
	unsigned char digest[SHA256_LEN];

	sha256_digest(key, digest);
	printf("sha256:");
	for (size_t i = 0; i < sizeof digest; i++)
		printf("%02x", digest[i]);
	printf("\n");
}

/* The prefix makes keys that were published by mistake easy to find; the hint goes to standard error, so
 * that a script gets the two lines alone. */
static int key_new(void)
{
	unsigned char bytes[KEY_BYTES];
	char text[64];
	struct buf key = buf_over(text, sizeof text);

	random_bytes(bytes, sizeof bytes);
	buf_put(&key, STR("gh_"));
	base64url_encode((str) { (const char *)bytes, sizeof bytes }, &key);
	printf("key:  %.*s\nhash: ", STR_ARG(buf_str(&key)));
	print_hash(buf_str(&key));
	fprintf(stderr, "\nGive the key to the consumer: it is not shown again. The hash goes into its "
			"`api_keys`.\n");
	OPENSSL_cleanse(text, sizeof text);
	return 0;
}

static int key_hash(const struct command *command)
{
	char room[INPUT_MAX + 2];
	str key;

	if (!read_secret(command, room, &key))
		return 1;
	if (key.len < KEY_LEAST)
		fprintf(stderr,
			"gatehouse key: warning: a key of fewer than %d characters can be guessed; "
			"`gatehouse "
			"key new` makes one that cannot\n",
			KEY_LEAST);
	print_hash(key);
	OPENSSL_cleanse(room, sizeof room);
	return 0;
}

static int password_hash_command(const struct command *command)
{
	char room[INPUT_MAX + 2], text[PASSWORD_HASH_MAX];
	struct buf hash = buf_over(text, sizeof text);
	str password;
	result_value hashed;

	if (!read_secret(command, room, &password))
		return 1;
	hashed = password_hash(password, &hash);
	OPENSSL_cleanse(room, sizeof room);
	if (failed(hashed)) {
		fprintf(stderr, "gatehouse password: %s\n", hashed.why);
		return 1;
	}
	printf("%.*s\n", STR_ARG(buf_str(&hash)));
	return 0;
}

/* The argument is not repeated: it is the secret itself, most likely. */
static int no_argument(const struct command *command, char **arguments)
{
	bool is_hash = strcmp(arguments[0], "hash") == 0;

	if (command_is_help(arguments[1]))
		return command_help(command);
	return command_misused(
		command,
		is_hash ? "`hash` takes no argument: it reads standard input, which others cannot "
			  "see"
			: "`new` takes no argument",
		NULL);
}

static int run_key(const struct command *command, int count, char **arguments)
{
	if (count > 1 && (strcmp(arguments[0], "new") == 0 || strcmp(arguments[0], "hash") == 0))
		return no_argument(command, arguments);
	if (count == 1 && strcmp(arguments[0], "new") == 0)
		return key_new();
	if (count == 1 && strcmp(arguments[0], "hash") == 0)
		return key_hash(command);
	return command_misused(command, "want `new` or `hash`", count ? arguments[0] : NULL);
}

static int run_password(const struct command *command, int count, char **arguments)
{
	if (count > 1 && strcmp(arguments[0], "hash") == 0)
		return no_argument(command, arguments);
	if (count == 1 && strcmp(arguments[0], "hash") == 0)
		return password_hash_command(command);
	return command_misused(command, "want `hash`", count ? arguments[0] : NULL);
}

const struct command command_key = {
	.name = "key",
	.usage = "new | hash",
	.summary = "Makes an API key and its hash, or hashes one.",
	.help = "\nnew   prints a random key, once, and the hash that goes into `api_keys` of a consumer\n"
		"hash  reads a key from standard input and prints its hash\n",
	.run = run_key,
};

const struct command command_password = {
	.name = "password",
	.usage = "hash",
	.summary = "Hashes a password for the configuration.",
	.help = "\nReads a password from standard input and prints its hash (Argon2id), which goes into "
		"`basic:\n"
		"{ password: ... }` of a consumer.\n",
	.run = run_password,
};
