/* SPDX-License-Identifier: Apache-2.0 */
/*
 * any_of: several ways to be known: the first policy that recognises its own credential in the request
 * decides, for good or for bad.
 *
 * A credential that is there and wrong is not passed over for another one: a client that sends two would else
 * have two tries, and the log one reason. Yields when the policy does.
 */
#include "policy/chain.h"

enum { MEMBERS_MAX = 16 };

struct any_of {
	const struct node *policies;
	/* Compiled. */
	const struct policy_instance *members[MEMBERS_MAX];
	size_t count;
};

const struct field policy_any_of_fields[] = {
	FIELD_CUSTOM_REQUIRED(struct any_of, policies, "policies", const struct node *, &policy_list_form,
			      "Policies that know who asks by a credential of the request."),
	FIELD_END
};

static const char *member_wrong(const struct policy_instance *member)
{
	if (!member->policy->authenticator)
		return "want a policy that knows who asks by a credential, such as jwt or api_key";
	if (member->when || member->is_report)
		return "`when` and `report` stand beside any_of, not within it";
	return NULL;
}

static str place_of(const struct policy_instance *member, struct arena *arena)
{
	const struct policy *policy = member->policy;

	return policy->authenticator->place ? policy->authenticator->place(member->self, arena)
					    : str_of(policy->name);
}

/* Whatever is found in place is found in the first one too. */
static bool has_all_of(str first, str place)
{
	return first.len && str_starts(place, first) &&
	       (place.len == first.len || place.ptr[first.len] == ' ');
}

/* A member behind one that looks for its credential in the same place. */
static void warn_never_decides(const struct policy_compile *compile, const struct any_of *p,
			       const struct node *item, size_t at)
{
	struct arena *arena = compile->reader->arena;
	str place = place_of(p->members[at], arena);

	for (size_t i = 0; i < at; i++) {
		if (!p->members[i] || !has_all_of(place_of(p->members[i], arena), place))
			continue;
		diagnostic_warning(compile->reader->diagnostics, item,
				   "never decides: %.*s before it takes whatever is in the same place (%.*s)",
				   STR_ARG(p->members[i]->name), STR_ARG(place));
		return;
	}
}

/* It has paths of its own for a login, and takes a browser that asks for a page there, whatever else it
 * bears. */
static bool logs_in(const struct policy_instance *member)
{
	const struct policy *policy = member->policy;

	return policy->own_paths && policy->own_paths(member->self);
}

/* Of the members before the last. */
static void warn_logs_in_first(const struct policy_compile *compile, const struct any_of *p)
{
	const struct node *item = p->policies->first;

	for (size_t i = 0; i + 1 < p->count; i++, item = item->next)
		if (p->members[i] && logs_in(p->members[i]))
			diagnostic_warning(
				compile->reader->diagnostics, item,
				"%.*s sends a browser to log in also when it bears a credential of a "
				"policy behind it: want it last",
				STR_ARG(p->members[i]->name));
}

static result any_of_compile(struct policy_compile *compile, void *self)
{
	struct any_of *p = self;
	bool is_good = p->policies && p->policies->first;

	if (!is_good)
		return policy_reject(compile, "policies", "want a list of policies");
	if (!compile->names || p->policies->count > MEMBERS_MAX)
		return policy_reject(compile, "policies", "want at most 16 policies");
	for (const struct node *item = p->policies->first; item; item = item->next) {
		const struct policy_instance *member = policy_names_item(compile->names, item);
		const char *wrong = member ? member_wrong(member) : NULL;

		if (wrong)
			diagnostic_error(compile->reader->diagnostics, item, "%s", wrong);
		is_good &= member && !wrong;
		p->members[p->count] = wrong ? NULL : member;
		if (p->members[p->count])
			warn_never_decides(compile, p, item, p->count);
		p->count++;
	}
	warn_logs_in_first(compile, p);
	return is_good ? OK : error_make(ERROR_INVALID, "a policy of it is wrong");
}

static const struct policy_instance *find_member(const struct any_of *p, const struct view *view)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->members[i]->policy->authenticator->recognises(p->members[i]->self, view))
			return p->members[i];
	return NULL;
}

static str challenge_of(const struct policy_instance *member, struct view *view)
{
	const struct authenticator *of = member->policy->authenticator;

	return of->challenge ? of->challenge(member->self, view) : (str) { 0 };
}

static enum verdict refuse(const struct any_of *p, struct view *view)
{
	str challenges[MEMBERS_MAX];

	for (size_t i = 0; i < p->count; i++)
		challenges[i] = challenge_of(p->members[i], view);
	return view_unauthorized(view, REASON_CREDENTIALS_MISSING, challenges, p->count);
}

static void any_of_strip(const void *self, struct view *view)
{
	const struct any_of *p = self;

	for (size_t i = 0; i < p->count; i++) {
		const struct policy_instance *member = p->members[i];

		if (member->policy->authenticator->strip)
			member->policy->authenticator->strip(member->self, view);
	}
}

/* The service is told who it is by the one that has decided, and gets the credentials of none. */
static enum verdict any_of_request(const void *self, struct view *view)
{
	const struct any_of *p = self;
	const struct policy_instance *member = find_member(p, view);

	if (!member)
		return refuse(p, view);
	if (member->policy->on_request(member->self, view) == POLICY_ANSWERED)
		return POLICY_ANSWERED;
	any_of_strip(p, view);
	return POLICY_CONTINUE;
}

static bool any_of_recognises(const void *self, const struct view *view)
{
	return find_member(self, view);
}

/* Within another one: the first that there is, as each has one place. */
static str any_of_challenge(const void *self, struct view *view)
{
	const struct any_of *p = self;
	str challenge = { 0 };

	for (size_t i = 0; i < p->count && !challenge.len; i++)
		challenge = challenge_of(p->members[i], view);
	return challenge;
}

static str any_of_make(const void *self, const struct credential_wish *wish)
{
	const struct any_of *p = self;
	str line = { 0 };

	for (size_t i = 0; i < p->count && !line.len; i++) {
		const struct authenticator *of = p->members[i]->policy->authenticator;

		if (of->make)
			line = of->make(p->members[i]->self, wish);
	}
	return line;
}

/* Within another one: in those of its members, which are not compared. */
static str any_of_place(const void *self, struct arena *arena)
{
	(void)self;
	(void)arena;
	return (str) { 0 };
}

/* What members do to answers, as if they stood in the chain themselves: in reverse. */
static void any_of_response(const void *self, struct view *view)
{
	const struct any_of *p = self;

	for (size_t i = p->count; i-- > 0;)
		if (p->members[i]->policy->on_response)
			p->members[i]->policy->on_response(p->members[i]->self, view);
}

static const struct authenticator authenticator = { .recognises = any_of_recognises,
						    .place = any_of_place,
						    .strip = any_of_strip,
						    .challenge = any_of_challenge,
						    .make = any_of_make };

static const struct policy_risk risks[] = { { "policies", RISK_ANY }, { 0 } };

/* Of the first member that has some: nobody has two ways to log in. */
static const struct own_path *any_of_own_paths(const void *self)
{
	const struct any_of *p = self;
	const struct own_path *own = NULL;

	for (size_t i = 0; i < p->count && !own; i++)
		if (p->members[i]->policy->own_paths)
			own = p->members[i]->policy->own_paths(p->members[i]->self);
	return own;
}

const struct policy policy_any_of = {
	.name = "any_of",
	.doc = "Lets in by whichever of several policies knows the credential.",
	.shorthand = "policies",
	.size = sizeof(struct any_of),
	.fields = policy_any_of_fields,
	.compile = any_of_compile,
	.on_request = any_of_request,
	.on_response = any_of_response,
	.authenticates = true,
	.authenticator = &authenticator,
	.own_paths = any_of_own_paths,
	.risks = risks,
	.page = "The policies are asked in the order written whether the request bears a credential of "
		"theirs; the "
		"first one that finds it decides, also when the credential is bad. A request that bears none "
		"gets 401 `credentials_missing` with the challenges of those that have one: `api_key`, "
		"`client_certificate`, `signature` and `oidc` have none, for HTTP has no scheme of theirs. "
		"Where two of them look in the same place, the first one decides always: `check` warns of "
		"the "
		"other, and of `oidc` where it is not the last: a browser that asks for a page is sent to "
		"log in, "
		"whatever a policy behind would have found in its request. Several issuers of tokens are "
		"`issuers` of one `jwt`. Once somebody is known, every "
		"policy takes its own credential out of the request, as its "
		"`strip` says.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers:\n"
		   "  acme: { api_keys: "
		   "[\"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683\"] }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - any_of:\n"
		   "          - api_key: {}\n"
		   "          - jwt:\n"
		   "              issuer: https://id.example.com\n"
		   "              audience: orders\n"
		   "              secret: \"${JWT_SECRET:-only an example: take 32 random bytes}\"\n"
		   "---\n"
		   "cases:\n"
		   "  - name: a key is enough\n"
		   "    request: { url: \"http://gw.test/\", headers: { X-API-Key: key } }\n"
		   "    expect: { status: 200 }\n"
		   "  - name: without any of them nobody is known\n"
		   "    request: { url: \"http://gw.test/\" }\n"
		   "    expect: { status: 401, reason: credentials_missing }\n",
};
