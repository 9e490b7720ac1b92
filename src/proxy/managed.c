/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/managed.h"

bool managed_has(const struct managed_names *managed, str name)
{
	for (size_t i = 0; i < managed->count; i++)
		if (http_name_is_alias(managed->at[i], name))
			return true;
	return false;
}

void managed_remove(const struct managed_names *managed, struct http_fields *fields)
{
	for (size_t i = 0; managed->count && i < fields->count; i++)
		if (managed_has(managed, fields->at[i].name))
			fields->at[i].removed = true;
}

static struct managed_source *managed_of(const struct body_source *source)
{
	return (struct managed_source *)(uintptr_t)source;
}

static bool managed_is_ready(const struct body_source *source)
{
	return body_is_ready(managed_of(source)->from);
}

static result managed_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct managed_source *managed = managed_of(source);

	TRY(body_peek(managed->from, until, ret_piece));
	if (!ret_piece->is_last)
		return OK;
	source->trailers = managed->from->trailers;
	managed_remove(managed->managed, &source->trailers);
	return OK;
}

static void managed_consume(struct body_source *source, size_t n)
{
	body_consume(managed_of(source)->from, n);
}

static const struct body_source_ops managed_source_ops = {
	.is_ready = managed_is_ready,
	.peek = managed_peek,
	.consume = managed_consume,
};

void managed_source_init(struct managed_source *source, struct body_source *from,
			 const struct managed_names *managed)
{
	*source = (struct managed_source) { .source.ops = &managed_source_ops,
					    .from = from,
					    .managed = managed };
}
