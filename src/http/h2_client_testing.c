/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_client_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "http/h2_client_private.h"

enum { TURNS_MAX = 200, FRAME_HEAD = 9, MAGIC = 24, BLOCK_MAX = 64 * 1024 };

struct h2_peer {
	int fd;
	nghttp2_hd_inflater *inflater;
	bool has_magic;
	size_t in_len, heard_len;
	uint64_t data;
	unsigned char in[H2_PEER_MAX];
	char heard[H2_PEER_MAX];
};

/* ---- what it hears ---- */

static void note(struct h2_peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct h2_peer *peer, const char *format, ...)
{
	size_t room = sizeof peer->heard - peer->heard_len;
	va_list arguments;
	int len;

	va_start(arguments, format);
	/* What va_start() did. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	len = vsnprintf(peer->heard + peer->heard_len, room, format, arguments);
	va_end(arguments);
	ASSERT(len >= 0 && (size_t)len < room);
	peer->heard_len += (size_t)len;
}

static void note_block(struct h2_peer *peer, const unsigned char *block, size_t len)
{
	int flags = 0;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t taken = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, block, len, 1);

		ASSERT(taken >= 0);
		block += taken;
		len -= (size_t)taken;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			note(peer, " %.*s=%.*s%s", (int)nv.namelen, (char *)nv.name, (int)nv.valuelen,
			     (char *)nv.value, nv.flags & NGHTTP2_NV_FLAG_NO_INDEX ? "^" : "");
	}
	nghttp2_hd_inflate_end_headers(peer->inflater);
}

static uint32_t number_at(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static const char *const frame_names[] = { "DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
					   "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
					   "WINDOW_UPDATE", "CONTINUATION" };

static void note_payload(struct h2_peer *peer, unsigned type, unsigned flags, const unsigned char *payload,
			 size_t len)
{
	switch (type) {
	case NGHTTP2_DATA:
		note(peer, " *%zu", len);
		peer->data += len;
		break;
	case NGHTTP2_HEADERS:
		ASSERT(flags & NGHTTP2_FLAG_END_HEADERS);
		note_block(peer, payload, len);
		break;
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_WINDOW_UPDATE:
		note(peer, " %u", number_at(payload));
		break;
	case NGHTTP2_GOAWAY:
		note(peer, " %u", number_at(payload + 4));
		break;
	case NGHTTP2_SETTINGS:
		for (size_t i = 0; i + 6 <= len; i += 6)
			note(peer, " %u=%u", payload[i + 1], number_at(payload + i + 2));
		break;
	default:
		break;
	}
}

static size_t take_frame(struct h2_peer *peer, const unsigned char *at, size_t len)
{
	size_t payload = len >= FRAME_HEAD ? number_at(at) >> 8 : 0;
	unsigned type, flags;
	bool is_end;

	if (len < FRAME_HEAD + payload)
		return 0;
	type = at[3];
	flags = at[4];
	is_end = flags & 1;
	ASSERT(type < sizeof frame_names / sizeof *frame_names);
	note(peer, "%s", frame_names[type]);
	if (number_at(at + 5) || type == NGHTTP2_WINDOW_UPDATE)
		note(peer, " %u", number_at(at + 5));
	if (is_end)
		note(peer, type == NGHTTP2_SETTINGS || type == NGHTTP2_PING ? " ack" : " end");
	note_payload(peer, type, flags, at + FRAME_HEAD, payload);
	note(peer, "\n");
	return FRAME_HEAD + payload;
}

static bool peer_listen(struct h2_peer *peer, bool is_deaf)
{
	ssize_t got = is_deaf ? -1
			      : recv(peer->fd, peer->in + peer->in_len, sizeof peer->in - peer->in_len,
				     MSG_DONTWAIT);
	size_t at = 0, taken;

	if (got <= 0)
		return false;
	peer->in_len += (size_t)got;
	if (!peer->has_magic && peer->in_len >= MAGIC) {
		ASSERT(memcmp(peer->in, NGHTTP2_CLIENT_MAGIC, MAGIC) == 0);
		peer->has_magic = true;
		at = MAGIC;
	}
	while (peer->has_magic && (taken = take_frame(peer, peer->in + at, peer->in_len - at)))
		at += taken;
	memmove(peer->in, peer->in + at, peer->in_len - at);
	peer->in_len -= at;
	return true;
}

str h2_heard(struct h2_scene *scene)
{
	struct h2_peer *peer = scene->peer;
	str heard;

	h2_scene_turn(scene);
	heard = (str) { peer->heard, peer->heard_len };
	peer->heard_len = 0;
	return heard;
}

uint64_t h2_data_heard(const struct h2_scene *scene)
{
	return scene->peer->data;
}

void h2_client_set_next_id(struct h2_client *h2, int32_t id)
{
	ASSERT(nghttp2_session_set_next_stream_id(h2->session, id) == 0);
}

bool h2_client_is_watched(const struct h2_client *h2)
{
	return h2->watchdog.due != DEADLINE_NEVER;
}

/* ---- what it says ---- */

void h2_say_bytes(struct h2_scene *scene, str bytes)
{
	while (bytes.len) {
		ssize_t sent = send(scene->peer->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return; /* it is gone */
		if (sent > 0)
			bytes = str_skip(bytes, (size_t)sent);
		else
			world_turn(&scene->world);
	}
}

static void put_number(struct buf *out, uint32_t number, unsigned bytes)
{
	while (bytes--)
		buf_put_char(out, (char)(number >> (8 * bytes)));
}

static void say_frame(struct h2_scene *scene, unsigned type, unsigned flags, uint32_t id, str payload)
{
	char head[FRAME_HEAD];
	struct buf out = buf_over(head, sizeof head);

	put_number(&out, (uint32_t)payload.len, 3);
	put_number(&out, type, 1);
	put_number(&out, flags, 1);
	put_number(&out, id, 4);
	h2_say_bytes(scene, buf_str(&out));
	h2_say_bytes(scene, payload);
}

/* A literal that no table remembers (RFC 7541 sections 5.1 and 6.2.2), without compression. */
static void put_text(struct buf *out, str text)
{
	size_t rest = text.len - 127;

	if (text.len < 127) {
		put_number(out, (uint32_t)text.len, 1);
	} else {
		put_number(out, 127, 1);
		for (; rest >= 128; rest /= 128)
			put_number(out, (uint32_t)(rest % 128 + 128), 1);
		put_number(out, (uint32_t)rest, 1);
	}
	buf_put(out, text);
}

/* "name=value name=value"; "*5" for a value stands for so many letters, "_" for a space. */
static void put_fields(struct buf *out, str fields)
{
	str field, name, value;

	while (str_next(&fields, ' ', &field)) {
		char *room = NULL;
		uint64_t count;

		ASSERT(str_cut(field, '=', &name, &value));
		if (str_starts(value, STR("*")) && str_to_u64(str_skip(value, 1), BLOCK_MAX, &count)) {
			room = malloc(count + 1);
			ASSERT(room);
			memset(room, 'v', count);
			value = (str) { room, count };
		}
		put_number(out, 0, 1);
		put_text(out, name);
		put_text(out, value);
		free(room);
	}
}

static uint32_t number_of(str text)
{
	uint64_t number;

	ASSERT(str_to_u64(text, UINT32_MAX, &number));
	return (uint32_t)number;
}

static void put_settings(struct buf *out, str settings)
{
	str setting, name, value;

	while (str_next(&settings, ' ', &setting)) {
		ASSERT(str_cut(setting, '=', &name, &value));
		put_number(out, number_of(name), 2);
		put_number(out, number_of(value), 4);
	}
}

static unsigned hex_of(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

static void put_hex(struct buf *out, str digits)
{
	for (size_t i = 0; i + 1 < digits.len; i += 2)
		buf_put_char(out, (char)(hex_of(digits.ptr[i]) << 4 | hex_of(digits.ptr[i + 1])));
}

static void put_content(struct buf *out, str text)
{
	uint64_t count;

	if (!str_starts(text, STR("*"))) {
		buf_put(out, text);
		return;
	}
	ASSERT(str_to_u64(str_skip(text, 1), BLOCK_MAX, &count));
	while (count--)
		buf_put_char(out, 'x');
}

/* What a step bears, by its letter. */
static void put_payload(struct buf *out, char letter, uint32_t id, str text)
{
	switch (letter) {
	case 'H':
	case 'h':
	case 'C':
	case 'c':
		put_fields(out, text);
		break;
	case 'D':
		put_content(out, text);
		break;
	case 'S':
		put_settings(out, text);
		break;
	case 'G':
		put_number(out, id, 4);
		put_number(out, number_of(text), 4);
		break;
	case 'U':
		put_number(out, number_of(text), 4);
		put_fields(out, STR(":method=GET :scheme=http :authority=a :path=/"));
		break;
	case 'R':
	case 'W':
		put_number(out, number_of(text), 4);
		break;
	default:
		buf_put(out, text);
	}
}

static const struct step_kind {
	char letter;
	unsigned type, flags;
} kinds[] = {
	{ 'H', NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS },
	{ 'h', NGHTTP2_HEADERS, 0 },
	{ 'C', NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS },
	{ 'c', NGHTTP2_CONTINUATION, 0 },
	{ 'D', NGHTTP2_DATA, 0 },
	{ 'R', NGHTTP2_RST_STREAM, 0 },
	{ 'S', NGHTTP2_SETTINGS, 0 },
	{ 's', NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK },
	{ 'G', NGHTTP2_GOAWAY, 0 },
	{ 'W', NGHTTP2_WINDOW_UPDATE, 0 },
	{ 'P', NGHTTP2_PING, 0 },
	{ 'p', NGHTTP2_PING, NGHTTP2_FLAG_ACK },
	{ 'U', NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS },
};

static const struct step_kind *kind_of(char letter)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].letter == letter)
			return &kinds[i];
	ASSERT(!"a letter that has a meaning");
	return NULL;
}

static void say_odd(struct h2_scene *scene, str type, str rest)
{
	str id = { 0 }, text = { 0 };

	if (!str_cut(rest, ' ', &id, &text))
		id = rest;
	say_frame(scene, number_of(type), 0, number_of(id), text);
}

static void say_step(struct h2_scene *scene, str step)
{
	static char room[BLOCK_MAX + 1024];
	struct buf out = buf_over(room, sizeof room);
	char letter = step.ptr[0];
	str place = str_skip(step, 1), text = { 0 };
	const struct step_kind *kind;
	bool is_end;
	uint32_t id;

	str_cut(place, ' ', &place, &text);
	if (letter == '!') {
		shutdown(scene->peer->fd, SHUT_WR);
		return;
	}
	if (letter == 'X') {
		put_hex(&out, text);
		h2_say_bytes(scene, buf_str(&out));
		return;
	}
	if (letter == 'F') {
		say_odd(scene, place, text);
		return;
	}
	kind = kind_of(letter);
	is_end = str_ends(place, STR("."));
	place = str_slice(place, 0, place.len - is_end);
	id = place.len ? number_of(place) : 0;
	put_payload(&out, letter, id, text);
	ASSERT(!buf_overflowed(&out));
	say_frame(scene, kind->type, kind->flags | (is_end ? NGHTTP2_FLAG_END_STREAM : 0),
		  letter == 'G' ? 0 : id, buf_str(&out));
}

void h2_say_quickly(struct h2_scene *scene, const char *script)
{
	str steps = str_of(script), step;

	while (str_next(&steps, ';', &step))
		say_step(scene, step);
}

void h2_say(struct h2_scene *scene, const char *script)
{
	h2_say_quickly(scene, script);
	h2_scene_turn(scene);
}

/* ---- both ---- */

void h2_scene_turn(struct h2_scene *scene)
{
	unsigned quiet = 0;

	for (unsigned turns = 0; turns < TURNS_MAX && quiet < 3; turns++) {
		world_turn(&scene->world);
		quiet = peer_listen(scene->peer, scene->is_deaf) ? 0 : quiet + 1;
	}
}

static struct h2_scene *scene_of(struct source *source)
{
	return CONTAINER_OF(source, struct h2_scene, socket.source);
}

static void on_ready(struct source *source)
{
	h2_client_on_ready(scene_of(source)->h2);
}

static void on_over(void *owner)
{
	struct h2_scene *scene = owner;

	ASSERT(!scene->is_over);
	scene->is_over = true;
}

void h2_scene_open_silent(struct h2_scene *scene)
{
	struct h2_client_options options = { .stream = &scene->socket.stream,
					     .blocks = &scene->world.pool,
					     .silence = scene->silence,
					     .on_over = on_over,
					     .owner = scene };
	int fds[2];

	scene->h2 = NULL;
	scene->is_over = false;
	world_open(&scene->world);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	scene->peer = calloc(1, sizeof *scene->peer);
	ASSERT(scene->peer);
	scene->peer->fd = fds[1];
	ASSERT(nghttp2_hd_inflate_new(&scene->peer->inflater) == 0);
	ASSERT(!failed(socket_open(&scene->socket, scene->world.fibers, fds[0])));
	scene->h2 = h2_client_new(&options);
	scene->socket.source.on_ready = on_ready;
	h2_scene_turn(scene);
}

void h2_scene_open(struct h2_scene *scene)
{
	h2_scene_open_silent(scene);
	h2_say(scene, "S;s");
	h2_heard(scene);
}

void h2_scene_close(struct h2_scene *scene)
{
	h2_client_free(&scene->h2);
	stream_close(&scene->socket.stream);
	world_turn(&scene->world);
	ASSERT(!scene->world.scratch.holder);
	ASSERT(scene->world.pool.in_use == 0);
	world_close(&scene->world);
	close(scene->peer->fd);
	nghttp2_hd_inflate_del(scene->peer->inflater);
	free(scene->peer);
}
