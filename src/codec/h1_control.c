/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fields of a head say together: framing, the connection's life, and contradictions.
 */
#include "codec/h1_private.h"

/* Each option is looked for among all fields later on: without a bound, a request of options alone would be
 * dear. */
enum { OPTIONS_MAX = 32 };

struct names_seen {
	uint64_t words[(HTTP_NAMES + 63) / 64];
};

/* Whether it was seen before; it is now. */
static bool is_repeated(struct names_seen *seen, enum http_name id)
{
	uint64_t bit = (uint64_t)1 << (id % 64);
	bool was = (seen->words[id / 64] & bit) != 0;

	seen->words[id / 64] |= bit;
	return was;
}

/* To take one of these off a message would change what it is or for whom. */
static bool may_nominate(enum http_name id, bool is_request)
{
	switch (id) {
	case HTTP_CONTENT_LENGTH:
	case HTTP_TRANSFER_ENCODING:
		return false;
	case HTTP_HOST:
	case HTTP_AUTHORIZATION:
	case HTTP_CONTENT_TYPE:
		return !is_request;
	default:
		return true;
	}
}

/* RFC 9110 section 7.6.1. Empty members of the list are legal; what is no token is not. */
static enum h1_error connection_read(str options, bool is_request, struct h1_control *control)
{
	str option;

	while (str_next(&options, ',', &option)) {
		if (++control->options > OPTIONS_MAX)
			return H1_ERROR_CONNECTION;
		if (str_eq_nocase(option, STR("close")))
			control->close = true;
		else if (str_eq_nocase(option, STR("keep-alive")))
			control->keep_alive = true;
		else if (!http_is_token(option))
			return H1_ERROR_CONNECTION;
		else if (!may_nominate(http_name_find(option), is_request))
			return H1_ERROR_NOMINATED;
	}
	return H1_ERROR_NONE;
}

/* Several Connection fields are one list; of the other fields of control there is one at most. */
static enum h1_error field_read(const struct http_field *field, bool is_request, struct names_seen *seen,
				struct h1_control *control)
{
	switch (field->id) {
	case HTTP_CONNECTION:
		return connection_read(field->value, is_request, control);
	case HTTP_CONTENT_LENGTH:
		if (control->length)
			return H1_ERROR_LENGTH_REPEATED;
		control->length = field;
		return H1_ERROR_NONE;
	case HTTP_TRANSFER_ENCODING:
		if (control->coding)
			return H1_ERROR_CODING;
		control->coding = field;
		return H1_ERROR_NONE;
	case HTTP_HOST:
		control->host = field;
		break;
	case HTTP_EXPECT:
		control->expect = field;
		break;
	default:
		break;
	}
	if (is_request && (http_name_flags(field->id) & HTTP_NAME_SINGLETON) && is_repeated(seen, field->id))
		return H1_ERROR_FIELD_REPEATED;
	return H1_ERROR_NONE;
}

enum h1_error h1_control_read(const struct http_fields *fields, bool is_request,
			      struct h1_control *ret_control)
{
	struct names_seen seen = { 0 };

	*ret_control = (struct h1_control) { 0 };
	for (size_t i = 0; i < fields->count; i++) {
		enum h1_error error = field_read(&fields->at[i], is_request, &seen, ret_control);

		if (error != H1_ERROR_NONE)
			return error;
	}
	return H1_ERROR_NONE;
}

/* Not exactly "chunked": a coding that is not implemented here, or nonsense (RFC 9112 section 6.1). */
static enum h1_error coding_error(str codings)
{
	str coding = { 0 }, rest = codings;

	while (str_cut(rest, ',', &coding, &rest))
		if (!http_is_token(str_trim(coding)) || str_eq_nocase(str_trim(coding), STR("chunked")))
			return H1_ERROR_CODING;
	return str_eq_nocase(str_trim(rest), STR("chunked")) ? H1_ERROR_CODING_UNSUPPORTED : H1_ERROR_CODING;
}

enum h1_error h1_body_read(const struct h1_control *control, enum http_version version,
			   enum http_framing *ret_framing, uint64_t *ret_length)
{
	*ret_framing = HTTP_NO_BODY;
	*ret_length = 0;
	/* Two answers to where the message ends are a smuggler's tool, whichever of them a standard prefers.
	 */
	if (control->coding) {
		if (version == HTTP_1_0)
			return H1_ERROR_CODING_VERSION;
		if (control->length)
			return H1_ERROR_LENGTH_AND_CODING;
		if (!str_eq_nocase(control->coding->value, STR("chunked")))
			return coding_error(control->coding->value);
		*ret_framing = HTTP_CHUNKED;
		return H1_ERROR_NONE;
	}
	if (!control->length)
		return H1_ERROR_NONE;
	/* One plain number: a list of equal ones is legal to accept, and refused. */
	*ret_framing = HTTP_LENGTH;
	return str_to_u64(control->length->value, INT64_MAX, ret_length) ? H1_ERROR_NONE : H1_ERROR_LENGTH;
}
