/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's error queue is left alone on the way of good bytes: a call that did not succeed is told apart by
 * what OpenSSL wants, and the queue is looked at only for the words of a failure, and emptied then.
 */
#include "tls/stream.h"

#include "base/assert.h"
#include "tls/failure.h"
#include "tls/stream_private.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX =
		RECORD_HEADER + TLS_RECORD_CONTENT + 2048, /* RFC 5246 section 6.2.3; TLS 1.3 allows less */
	RECORD_TYPE_FIRST = 20,                            /* change_cipher_spec */
	RECORD_TYPE_LAST = 23,                             /* application_data */
	CONTENTLESS_MAX = 32,                              /* key updates, tickets, refused renegotiations */
};

static const struct stream_ops tls_ops;

static struct tls_stream *tls_of(const struct stream *stream)
{
	return (struct tls_stream *)(uintptr_t)stream;
}

size_t tls_record_here(str bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.ptr;
	size_t size;

	if (bytes.len < RECORD_HEADER)
		return 0;
	size = RECORD_HEADER + (size_t)at[3] * 256 + at[4];
	if (at[0] < RECORD_TYPE_FIRST || at[0] > RECORD_TYPE_LAST || at[1] != 3 || size > RECORD_MAX)
		return bytes.len;
	return size <= bytes.len ? size : 0;
}

/* What OpenSSL has taken of a record and not given as content yet counts too. */
static bool has_record(const struct tls_stream *tls)
{
	return tls->record_left || tls_record_here(intake_data(&tls->in)) || SSL_has_pending(tls->ssl);
}

/* A fatal alert counts as an end too. */
static bool is_ended(const struct tls_stream *tls)
{
	return SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN;
}

void tls_stream_enter(struct tls_stream *tls)
{
	tls->scratch->current = tls;
	BIO_clear_retry_flags(tls->scratch->bio);
}

/* What OpenSSL wants outlives a failure; the BIO says whether this call ran out of bytes. */
bool tls_stream_wants_more(const struct tls_stream *tls)
{
	return SSL_want_read(tls->ssl) && BIO_should_read(tls->scratch->bio);
}

result tls_stream_receive(struct tls_stream *tls, deadline until)
{
	do {
		TRY(stream_fill(tls->below, &tls->in, until));
		tls->is_touched = true;
	} while (!tls_record_here(intake_data(&tls->in)));
	return OK;
}

result tls_stream_push(struct tls_stream *tls, deadline until)
{
	str bytes = intake_data(&tls->out);
	struct iovec part = { (void *)(uintptr_t)bytes.ptr, bytes.len };
	size_t sent;

	TRY(stream_send(tls->below, &part, 1, until, &sent));
	intake_consume(&tls->out, sent);
	return OK;
}

result tls_stream_flush(struct tls_stream *tls, deadline until)
{
	while (tls->out.len)
		TRY(tls_stream_push(tls, until));
	return OK;
}

/* Best effort: what does not go now goes with the next bytes. */
static void flush_at_once(struct tls_stream *tls)
{
	result_value flushed = tls_stream_flush(tls, STREAM_AT_ONCE);

	(void)flushed;
}

static result broken(struct tls_stream *tls, const char *why)
{
	tls->broken = why;
	return error_make(ERROR_RESET, why);
}

/* As automatic retries are off, a call that brought no content has dealt with at most one record. Peers may
 * send such now and then, but each one makes work. */
static result no_content(struct tls_stream *tls)
{
	if (is_ended(tls) && !tls_failure_is_alert())
		return error_make(ERROR_CLOSED, "the peer ended the TLS connection");
	if (!tls_stream_wants_more(tls))
		return broken(tls, tls_failure_words(tls->ssl));
	if (++tls->contentless > CONTENTLESS_MAX)
		return broken(tls, "the peer sends TLS records without content");
	return OK;
}

/* Decrypts what is here, as far as it is whole and fits. */
static result read_records(struct tls_stream *tls, struct intake *in)
{
	size_t count, total = 0;

	do {
		size_t room;
		char *at;
		result_value got = OK;

		TRY(intake_room(in, &at, &room));
		if (total && room < TLS_RECORD_CONTENT)
			return OK;
		tls_stream_enter(tls);
		if (SSL_read_ex(tls->ssl, at, room, &count)) {
			tls->contentless = 0;
			intake_add(in, count);
			total += count;
		} else {
			got = no_content(tls);
		}
		if (failed(got))
			return total ? OK : got; /* it says so again */
	} while (has_record(tls));
	return OK;
}

static result tls_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct tls_stream *tls = tls_of(stream);
	size_t before = in->len;

	while (in->len == before) {
		result_value received;

		if (tls->broken)
			return error_make(ERROR_RESET, tls->broken);
		if (is_ended(tls))
			return error_make(ERROR_CLOSED, "the peer ended the TLS connection");
		received = has_record(tls) ? OK : tls_stream_receive(tls, until);
		if (received.kind == ERROR_CLOSED)
			return error_make(ERROR_RESET,
					  "the peer cut the TLS connection off without ending it");
		TRY(received);
		received = read_records(tls, in);
		if (tls->out.len) /* an answer to a key update, or an alert */
			flush_at_once(tls);
		TRY(received);
	}
	return OK;
}

/* One record. */
static result encrypt(struct tls_stream *tls, const char *content, size_t size)
{
	size_t count;

	tls_stream_enter(tls);
	if (!SSL_write_ex(tls->ssl, content, size, &count))
		return broken(tls, tls_failure_words(tls->ssl));
	ASSERT(count == size); /* the BIO takes everything */
	tls->owed += count;
	return OK;
}

/* Where a walk over parts has come to. */
struct walk {
	const struct iovec *part, *end;
	size_t at; /* in *part */
};

/* The next content of one record: a piece of a part where that is long or the last, else parts joined. */
static str walk_next(struct walk *walk, char *joined)
{
	size_t len = 0;

	for (; walk->part < walk->end; walk->part++, walk->at = 0) {
		str rest = str_skip((str) { walk->part->iov_base, walk->part->iov_len }, walk->at);
		str piece = str_slice(rest, 0, TLS_RECORD_CONTENT - len);

		if (!len && (piece.len == TLS_RECORD_CONTENT || (piece.len && walk->part + 1 == walk->end))) {
			walk->at += piece.len;
			return piece;
		}
		if (piece.len)
			memcpy(joined + len, piece.ptr, piece.len);
		len += piece.len;
		if (piece.len < rest.len) {
			walk->at += piece.len;
			break;
		}
	}
	return (str) { joined, len };
}

static result encrypt_parts(struct tls_stream *tls, const struct iovec *parts, size_t count)
{
	struct walk walk = { .part = parts, .end = parts + count };

	for (unsigned records = 0; records < TLS_RECORDS_AT_ONCE; records++) {
		str content = walk_next(&walk, tls->scratch->content);

		if (!content.len)
			break;
		TRY(encrypt(tls, content.ptr, content.len));
	}
	return OK;
}

static size_t parts_size(const struct iovec *parts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	return size;
}

/* What of the owed content has left: all but what the unsent ciphertext may hold. Never more than is offered.
 */
static size_t settle(struct tls_stream *tls, size_t offered)
{
	size_t left = tls->out.len, gone = tls->owed > left ? tls->owed - left : 0;

	gone = gone < offered ? gone : offered;
	tls->owed -= gone;
	return gone;
}

static result send_some(struct tls_stream *tls, const struct iovec *parts, size_t count, deadline until,
			size_t *ret_sent)
{
	size_t offered = parts_size(parts, count), before;

	*ret_sent = settle(tls, offered);
	while (offered && !*ret_sent) {
		if (!tls->owed && !tls->out.len)
			TRY(encrypt_parts(tls, parts, count));
		before = tls->out.len;
		TRY(tls_stream_push(tls, until));
		*ret_sent = settle(tls, offered);
		if (tls->out.len == before) /* it was parked, and the parts are stale */
			return OK;
	}
	return OK;
}

static result tls_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
		       size_t *ret_sent)
{
	struct tls_stream *tls = tls_of(stream);
	result_value sent;

	*ret_sent = 0;
	if (tls->broken || tls->is_cut)
		return error_make(ERROR_RESET, tls->broken ? tls->broken : "an earlier send was given up");
	sent = send_some(tls, parts, count, until, ret_sent);
	if (failed(sent) && until != STREAM_AT_ONCE && tls->owed)
		tls->is_cut = true;
	return sent;
}

static bool tls_is_readable(const struct stream *stream)
{
	const struct tls_stream *tls = tls_of(stream);

	return has_record(tls) || tls->broken || is_ended(tls) || stream_is_readable(tls->below);
}

static bool tls_is_hung_up(const struct stream *stream)
{
	const struct tls_stream *tls = tls_of(stream);

	return tls->broken || stream_is_hung_up(tls->below);
}

/* What is half sent cannot be followed by anything, and to shut the stream below before all is out would cut
 * it off: then there is nothing but to close. */
static result tls_shut(struct stream *stream)
{
	struct tls_stream *tls = tls_of(stream);

	if (tls->broken || tls->is_cut || SSL_in_init(tls->ssl))
		return error_make(ERROR_RESET, tls->broken ? tls->broken : "the TLS connection is cut off");
	if (!(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)) {
		tls_stream_enter(tls);
		if (SSL_shutdown(tls->ssl) < 0)
			return broken(tls, tls_failure_words(tls->ssl));
	}
	TRY(tls_stream_flush(tls, STREAM_AT_ONCE));
	return stream_shut(tls->below);
}

static void tls_close(struct stream *stream)
{
	struct tls_stream *tls = tls_of(stream);
	struct stream *below = tls->below;

	tls_stream_fini(tls);
	stream_close(below);
}

static const struct stream_ops tls_ops = {
	.name = "tls",
	.fill = tls_fill,
	.send = tls_send,
	.is_readable = tls_is_readable,
	.is_hung_up = tls_is_hung_up,
	.shut = tls_shut,
	.close = tls_close,
};

/* Set for each connection, so that they do not depend on who made the context. */
static void set_modes(SSL *ssl)
{
	SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_read_ahead(ssl, 1); /* header and content by one call of the BIO, which gives one record */
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

/* The worker's, as of all its buffers. */
static struct allowance *allowance_of(const struct tls_stream *tls)
{
	return tls->scratch->in.pool->allowance;
}

result tls_stream_init(struct tls_stream *tls, struct stream *below, struct tls_scratch *scratch,
		       SSL_CTX *context, enum tls_side side)
{
	*tls = (struct tls_stream) { .stream = { &tls_ops, below->fibers },
				     .below = below,
				     .scratch = scratch };
	if (!allowance_take(allowance_of(tls), TLS_STREAM_BYTES))
		return error_make(ERROR_LIMIT, "memory is used up");
	tls->ssl = SSL_new(context);
	if (!tls->ssl) {
		allowance_give(allowance_of(tls), TLS_STREAM_BYTES);
		tls_failure_words(NULL);
		return error_make(ERROR_SYSTEM, "no memory for a TLS connection");
	}
	intake_init(&tls->in, &scratch->in);
	intake_init(&tls->out, &scratch->out);
	BIO_up_ref(scratch->bio);
	SSL_set_bio(tls->ssl, scratch->bio, scratch->bio);
	set_modes(tls->ssl);
	if (side == TLS_SERVER)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	return OK;
}

/* OpenSSL would forget the session of a connection that was not shut down in both directions. Only one that
 * failed deserves it. */
void tls_stream_fini(struct tls_stream *tls)
{
	if (!tls->ssl)
		return;
	if (!tls->broken && !SSL_in_init(tls->ssl))
		SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	tls_stream_enter(tls);
	SSL_free(tls->ssl);
	tls->ssl = NULL;
	allowance_give(allowance_of(tls), TLS_STREAM_BYTES);
	tls->scratch->current = NULL;
	intake_fini(&tls->in);
	intake_fini(&tls->out);
}
