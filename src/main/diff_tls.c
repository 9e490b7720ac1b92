/* SPDX-License-Identifier: Apache-2.0 */
#include "main/diff_tls.h"

#include "proxy/listener_tls.h"

static const char *const demands[] = { "none", "optional", "required" };

static const char *version(int minimum)
{
	return minimum == TLS1_3_VERSION ? "1.3" : "1.2";
}

/* The first certificate with a name that is written so: a star, if any, and the rest. The count: none has. */
static size_t find_written(const struct tls_material *material, str star, str rest)
{
	for (size_t i = 0; i < material->count; i++) {
		for (size_t j = 0; j < material->facts[i].names.len; j++) {
			str name = material->facts[i].names.at[j];

			if (str_starts(name, star) && str_eq(str_skip(name, star.len), rest))
				return i;
		}
	}
	return material->count;
}

static bool is_written(const struct tls_material *material, str name)
{
	return find_written(material, (str) { 0 }, name) < material->count;
}

/* Which one a client gets that asks for this name: as tls_server_context_find() has it. */
static size_t find(const struct tls_material *material, str name)
{
	size_t found = find_written(material, (str) { 0 }, name);

	for (str rest = name, label; found == material->count && str_cut(rest, '.', &label, &rest);)
		found = find_written(material, STR("*."), rest);
	return found < material->count ? found : 0; /* as for everybody who is not known */
}

static str authorities(const struct tls_source *source)
{
	const struct tls_file *file = source->files[TLS_PART_CLIENT_CA];

	return file && source->settings.demand != TLS_DEMAND_NONE ? file->path : (str) { 0 };
}

static void compare(struct diff_lines *lines, str listener, str name, const struct tls_source *one,
		    const struct tls_source *other)
{
	const struct tls_settings *before = &one->settings, *after = &other->settings;
	str trusted = authorities(one), trusted_now = authorities(other);

	/* Whom other authorities vouch for cannot be told. */
	if (trusted.len && trusted_now.len && !str_eq(trusted, trusted_now))
		diff_add(lines, RISK_OPEN, "listeners.%.*s: %.*s: client_ca: \"%.*s\" -> \"%.*s\"",
			 STR_ARG(listener), STR_ARG(name), STR_ARG(trusted), STR_ARG(trusted_now));
	if (before->demand != after->demand)
		diff_add(lines, after->demand < before->demand ? RISK_OPEN : RISK_TIGHT,
			 "listeners.%.*s: %.*s: client_certificate: %s -> %s", STR_ARG(listener),
			 STR_ARG(name), demands[before->demand], demands[after->demand]);
	if (before->minimum != after->minimum)
		diff_add(lines, after->minimum < before->minimum ? RISK_OPEN : RISK_TIGHT,
			 "listeners.%.*s: %.*s: TLS from %s -> %s", STR_ARG(listener), STR_ARG(name),
			 version(before->minimum), version(after->minimum));
}

/* All names of one side, each once. */
static void compare_names(struct diff_lines *lines, str listener, const struct listener_tls *before,
			  const struct listener_tls *after, const struct listener_tls *of)
{
	const struct tls_material *names = of->material;

	for (size_t i = 0; i < names->count; i++) {
		for (size_t j = 0; j < names->facts[i].names.len; j++) {
			str name = names->facts[i].names.at[j];
			bool is_told = of == after && is_written(before->material, name);

			if (!is_told && find(names, name) == i)
				compare(lines, listener, name, &before->sources[find(before->material, name)],
					&after->sources[find(after->material, name)]);
		}
	}
}

/* A name that only one of them knows was or will be served as one that is unknown. */
static void compare_both(struct diff_lines *lines, str listener, const struct listener_tls *before,
			 const struct listener_tls *after)
{
	compare_names(lines, listener, before, after, before);
	compare_names(lines, listener, before, after, after);
}

void diff_tls(struct diff_lines *lines, const struct listener_snapshot *before,
	      const struct listener_snapshot *after)
{
	if (before->tls && after->tls)
		compare_both(lines, after->name, before->tls, after->tls);
}
