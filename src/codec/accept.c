/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/accept.h"

enum { DECIMALS = 3 };

/* RFC 9110 section 12.4.2: "0" or "1" with at most three decimals, and none above 1. */
static int weight_parse(str text)
{
	int weight, unit = ACCEPT_BEST / 10;

	if (!text.len || text.len > 2 + DECIMALS || (text.ptr[0] != '0' && text.ptr[0] != '1'))
		return 0;
	weight = (text.ptr[0] - '0') * ACCEPT_BEST;
	if (text.len > 1 && text.ptr[1] != '.')
		return 0;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return 0;
		weight += (text.ptr[i] - '0') * unit;
	}
	return weight <= ACCEPT_BEST ? weight : 0;
}

/* Of one item's parameters; other ones than q mean nothing here. */
static int weight_of(str parameters)
{
	str parameter, name, value;

	while (str_next(&parameters, ';', &parameter)) {
		if (!str_cut(parameter, '=', &name, &value))
			continue;
		if (str_eq_nocase(str_trim(name), STR("q")))
			return weight_parse(str_trim(value));
	}
	return ACCEPT_BEST;
}

static void take_lower(int weight, int *lowest)
{
	if (*lowest == ACCEPT_MISSING || weight < *lowest)
		*lowest = weight;
}

int accept_weight(str list, str word)
{
	int named = ACCEPT_MISSING, any = ACCEPT_MISSING;
	str item;

	while (str_next(&list, ',', &item)) {
		str name = item, parameters = { 0 };

		str_cut(item, ';', &name, &parameters);
		name = str_trim(name);
		if (str_eq_nocase(name, word))
			take_lower(weight_of(parameters), &named);
		else if (str_eq(name, STR("*")))
			take_lower(weight_of(parameters), &any);
	}
	return named != ACCEPT_MISSING ? named : any;
}
