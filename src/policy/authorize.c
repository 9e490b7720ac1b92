/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorize: whether who asks may: every condition that is given must hold.
 *
 * Nobody known is 401, somebody who may not is 403: so a policy that authenticates stands before it. What
 * cannot be decided is denied. Never yields.
 */
#include "auth/claims.h"
#include "policy/claim_rules.h"
#include "policy/consumer_check.h"
#include "policy/expression.h"
#include "policy/principal.h"

enum { WORDS_MAX = 1000 };

struct authorize {
	str_list consumers, groups, scopes, any_scope;
	struct claim_rules claims;
	const struct node *when;
	/* Compiled. */
	const struct expression *condition; /* NULL: none */
	bool asks_who;                      /* something but `when` is given, or nothing is */
	str scope_text;                     /* what insufficient_scope asks for */
};

const struct field policy_authorize_fields[] = {
	FIELD_STRS(struct authorize, consumers, "consumers", 1, WORDS_MAX, "It is one of these consumers."),
	FIELD_STRS(struct authorize, groups, "groups", 1, WORDS_MAX,
		   "It is in one of these groups: the consumer's, else those of the claim `groups`."),
	FIELD_STRS(struct authorize, scopes, "scopes", 1, WORDS_MAX, "Its token has all of these scopes."),
	FIELD_STRS(struct authorize, any_scope, "any_scope", 1, WORDS_MAX,
		   "Its token has one of these scopes."),
	FIELD_CUSTOM(struct authorize, claims, "claims", struct claim_rules, &claim_rules_form,
		     "Its token has these claims, each with one of the values."),
	FIELD_CUSTOM(struct authorize, when, "when", const struct node *, &expression_form,
		     "This holds; what is missing makes it false."),
	FIELD_END
};

static result check_scopes(struct policy_compile *compile, const char *key, const str_list *scopes)
{
	for (size_t i = 0; i < scopes->len; i++)
		if (!http_is_token(scopes->at[i]))
			return policy_reject(compile, key, "want scopes, each without spaces and quotes");
	return OK;
}

static result authorize_compile(struct policy_compile *compile, void *self)
{
	struct authorize *p = self;
	const struct node *consumers = node_find(compile->node, STR("consumers"));
	const str_list *scopes = p->scopes.len ? &p->scopes : &p->any_scope;

	TRY(check_scopes(compile, "scopes", &p->scopes));
	TRY(check_scopes(compile, "any_scope", &p->any_scope));
	for (const struct node *name = consumers ? consumers->first : NULL; name; name = name->next)
		policy_check_consumer(compile, name, true);
	p->scope_text = arena_join_list(compile->reader->arena, scopes, STR(" "));
	p->asks_who = p->consumers.len || p->groups.len || scopes->len || p->claims.len || !p->when;
	return p->when ? expression_compile(compile, p->when, EXPRESSION_BOOL, &p->condition) : OK;
}

/* ---- conditions ---- */

static bool is_consumer(const struct authorize *p, const struct principal *who)
{
	for (size_t i = 0; i < p->consumers.len; i++)
		if (who->consumer.len && str_eq(who->consumer, p->consumers.at[i]))
			return true;
	return !p->consumers.len;
}

static bool is_in_group(const struct authorize *p, const struct principal *who)
{
	const struct operand *groups = &who->groups;
	struct operand of_claims = json_find(&who->claims, STR("groups"));

	if (groups->kind != OPERAND_LIST)
		groups = &of_claims;
	for (size_t i = 0; groups->kind == OPERAND_LIST && i < groups->list.count; i++)
		for (size_t j = 0; j < p->groups.len; j++)
			if (groups->list.at[i].kind == OPERAND_STRING &&
			    str_eq(groups->list.at[i].text, p->groups.at[j]))
				return true;
	return !p->groups.len;
}

static bool has_scopes(const struct authorize *p, const struct principal *who)
{
	bool has_any = !p->any_scope.len;

	for (size_t i = 0; i < p->scopes.len; i++)
		if (!claims_has_scope(&who->claims, p->scopes.at[i]))
			return false;
	for (size_t i = 0; i < p->any_scope.len && !has_any; i++)
		has_any = claims_has_scope(&who->claims, p->any_scope.at[i]);
	return has_any;
}

static enum reason check(const struct authorize *p, const struct principal *who)
{
	if (!is_consumer(p, who))
		return REASON_CONSUMER_DENIED;
	if (!is_in_group(p, who))
		return REASON_GROUP_DENIED;
	if (!has_scopes(p, who))
		return REASON_SCOPE_DENIED;
	return claim_rules_hold(&p->claims, &who->claims) ? REASON_NONE : REASON_CLAIM_DENIED;
}

/* ---- the answer ---- */

/* RFC 6750 section 3.1: which scope it takes. */
static enum verdict refuse_scope(const struct authorize *p, struct view *view)
{
	str parts[] = { STR("Bearer error=\"insufficient_scope\", scope=\""), p->scope_text, STR("\"") };
	str challenge = arena_join(view->arena, parts, 3);

	return view_unauthorized(view, REASON_SCOPE_DENIED, &challenge, 1);
}

static void tell_refusal(const struct view *view)
{
	const struct principal *who = view->principal;
	str groups = { 0 };

	if (!view->effects->hears_details)
		return;
	if (!view_is_authenticated(view)) {
		view_tell(view, TELL_DETAIL, "authorize: no policy before it knows who asks");
		return;
	}
	groups = claims_print(&who->groups, view->arena);
	view_tell(view, TELL_DETAIL, "authorize: it is known by %.*s as consumer %.*s, in groups %.*s",
		  STR_ARG(who->method), STR_ARG(who->consumer.len ? who->consumer : STR("none")),
		  STR_ARG(groups.len ? groups : STR("none")));
}

static enum verdict authorize_request(const void *self, struct view *view)
{
	const struct authorize *p = self;
	bool is_known = view_is_authenticated(view);
	enum reason reason = REASON_NONE;

	if (p->asks_who)
		reason = is_known ? check(p, view->principal) : REASON_NOT_AUTHENTICATED;
	if (reason == REASON_NONE && p->condition && expression_holds(p->condition, view) != EXPRESSION_YES)
		reason = is_known ? REASON_CONDITION_DENIED : REASON_NOT_AUTHENTICATED;
	if (reason != REASON_NONE)
		tell_refusal(view);
	if (reason == REASON_SCOPE_DENIED)
		return refuse_scope(p, view);
	return reason == REASON_NONE ? POLICY_CONTINUE : view_refuse(view, reason);
}

static bool authorize_needs_principal(const void *self)
{
	const struct authorize *p = self;

	return p->asks_who || (p->condition && expression_needs_principal(p->condition));
}

/* Fewer conditions are fewer bars; more names in one of them are more who pass. */
static const struct policy_risk risks[] = {
	{ "consumers", RISK_MORE_OR_NONE },
	{ "groups", RISK_MORE_OR_NONE },
	{ "scopes", RISK_FEWER },
	{ "any_scope", RISK_MORE_OR_NONE },
	{ "claims", RISK_ANY },
	{ "when", RISK_FEWER },
	{ 0 },
};

const struct policy policy_authorize = {
	.name = "authorize",
	.doc = "Lets pass whom the conditions allow.",
	.size = sizeof(struct authorize),
	.fields = policy_authorize_fields,
	.compile = authorize_compile,
	.on_request = authorize_request,
	.needs_principal = authorize_needs_principal,
	.refuses_unknown = true,
	.risks = risks,
	.page = "Every condition that is given must hold; without any, it is enough to be known. Whoever is "
		"not "
		"known gets 401 `not_authenticated`; whoever is, and may not, 403: `consumer_denied`, "
		"`group_denied`, `scope_denied` (with `WWW-Authenticate: Bearer "
		"error=\"insufficient_scope\"`), "
		"`claim_denied` or `condition_denied`. Where only `when` is given, it decides alone, also of "
		"requests of nobody who is known.\n"
		"\n"
		"Scopes are those of the claims `scope` (separated by spaces) and `scp`; groups those of the "
		"consumer, or of the claim `groups` where the token named no consumer.\n"
		"\n"
		"An API that shall be closed has its `authorize` among its own policies, or in `defaults`: a "
		"route that is added has it too, and one that shall be open says `without: [authorize]`.\n"
		"\n"
		"`when` inside of `authorize` is a condition to be met; `when` beside it says which requests "
		"it "
		"looks at, and lets all others pass.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers:\n"
		   "  acme:\n"
		   "    groups: [partners]\n"
		   "    api_keys: "
		   "[\"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683\"]\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies: [api_key: {}, authorize: { groups: [partners] }]\n"
		   "    routes:\n"
		   "      cancel: { match: { methods: [DELETE] }, policies: [authorize: { groups: [admins] "
		   "}] }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: partners may read\n"
		   "    request: { url: \"http://gw.test/1\", headers: { X-API-Key: key } }\n"
		   "    expect: { status: 200 }\n"
		   "  - name: and not cancel\n"
		   "    request: { method: DELETE, url: \"http://gw.test/1\", headers: { X-API-Key: key } }\n"
		   "    expect: { status: 403, reason: group_denied }\n",
};
