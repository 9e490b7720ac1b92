/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/list.h"

#include "policy/expression.h"

#define X(name, doc)                              \
	extern const struct policy policy_##name; \
	extern const struct field policy_##name##_fields[];
#include "policy/policies.h"
#undef X

const struct policy *const policies[POLICIES] = {
#define X(name, doc) &policy_##name,
#include "policy/policies.h"
#undef X
};

const struct field policy_list_fields[] = {
	{ .name = "use", .type = FIELD_T_STR, .doc = "A policy of `policies`, by its name." },
#define X(kind, text) \
	{ .name = #kind, .type = FIELD_T_OBJECT, .fields = policy_##kind##_fields, .doc = text },
#define X_SHORT(kind, key, text)            \
	{ .name = #kind,                    \
	  .type = FIELD_T_OBJECT,           \
	  .fields = policy_##kind##_fields, \
	  .shorthand = key,                 \
	  .doc = text },
#include "policy/policies.h"
#undef X
	{ .name = "when",
	  .type = FIELD_T_CUSTOM,
	  .form = &expression_form,
	  .doc = "Which requests the policy takes part in; all of them without it." },
	{ .name = "report",
	  .type = FIELD_T_BOOL,
	  .standard = "false",
	  .doc = "Whether the policy refuses nothing: what it would have answered is logged (`reported`) and "
		 "counted, and the request goes on as if the policy had not been there. Whom it finds out is "
		 "known to policies behind it that only report too, and to nobody else." },
	FIELD_END
};

const struct policy *policy_find(str name)
{
	for (size_t i = 0; i < POLICIES; i++)
		if (str_eq(str_of(policies[i]->name), name))
			return policies[i];
	return NULL;
}

str policy_suggest(struct arena *arena, str name)
{
	enum { OTHERS = 3 };
	str known[POLICIES + OTHERS] = { STR("use") };

	for (size_t i = 0; i < POLICIES; i++)
		known[i + 1] = str_of(policies[i]->name);
	known[POLICIES + 1] = STR("when");
	known[POLICIES + 2] = STR("report");
	return diagnostic_suggest(arena, name, known, POLICIES + OTHERS);
}
