/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_value.h"

#include "config/secret_name.h"

/* Between "://" and the next '/' there is an '@'. */
static bool has_userinfo(str text)
{
	while (text.len > 3) {
		size_t at;

		if (!str_find(text, ':', &at))
			return false;
		text = str_skip(text, at);
		if (!str_starts(text, STR("://"))) {
			text = str_skip(text, 1);
			continue;
		}
		text = str_skip(text, 3);
		for (size_t i = 0; i < text.len && text.ptr[i] != '/'; i++)
			if (text.ptr[i] == '@')
				return true;
	}
	return false;
}

/* Some readers take ';' for '&'. */
static bool has_secret_name(str query)
{
	str part, parameter, name, value;

	while (str_next(&query, '&', &part))
		while (str_next(&part, ';', &parameter))
			if (str_cut(parameter, '=', &name, &value) && value.len &&
			    secret_name_judge_encoded(name) != SECRET_NAME_NONE)
				return true;
	return false;
}

/* "?a=1&token=x": by the name of a parameter, also of a URL that is one. */
static bool has_secret_parameter(str text)
{
	str before;

	while (str_cut(text, '?', &before, &text))
		if (has_secret_name(text))
			return true;
	return false;
}

bool secret_value_is_evident(str text)
{
	static const str schemes[] = { STR_INIT("bearer "), STR_INIT("basic "), STR_INIT("sha256:"),
				       STR_INIT("$argon2"), STR_INIT("-----begin ") };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_eq_nocase(str_slice(text, 0, schemes[i].len), schemes[i]))
			return true;
	return has_userinfo(text) || has_secret_parameter(text);
}
