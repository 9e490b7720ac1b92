/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: a cross-cutting concern is one file and one row.
 *
 * A policy is a typed table of options, a compile function and a request and/or a response function. It sees
 * the exchange through struct view and nothing else: it may read and edit the heads, answer itself, and park;
 * what it does to the world goes through view->effects, so that live traffic, explain and tests run the same
 * code with other effects.
 *
 * Request functions run in the order written, response functions of the whole chain in reverse, also on
 * answers that the gateway made.
 */
#pragma once

#include "codec/http_head.h"
#include "config/field.h"
#include "http/encoder.h"
#include "observe/decision.h"
#include "observe/reason.h"
#include "policy/fetch.h"
#include "route/route.h"
#include "store/quota_window.h"

struct auth_worker;
struct body_digest;
struct body_source;
struct consumer;
struct consumers;
struct expression;
struct jwk_set;
struct key_set;
struct limit_taken;
struct principal;
struct policy_instance;
struct gcra;
struct rate_standing;
struct rate_table;
struct policy_names;
struct quota_standing;
struct quota_table;
struct regex_scratch;
struct regex_table;
struct revocations;
struct slot;
struct slot_table;
struct slot_wish;
struct token_mint;
struct view;

enum verdict {
	POLICY_CONTINUE,
	POLICY_ANSWERED, /* view_answer() or view_refuse() said what */
};

/* What compile functions get: a place for diagnostics, an arena that lives as long as the snapshot. */
struct policy_compile {
	struct reader *reader;
	const struct node *node;          /* the map of this policy's options; may be empty */
	struct regex_table *regexes;      /* of the snapshot; NULL: texts that need one are refused */
	const struct policy_hooks *hooks; /* NULL: policies that ask others are refused */
	struct policy_names *names;       /* for policies that are made of others; NULL: they are refused */
};

result policy_reject(const struct policy_compile *compile, const char *key, const char *why);
/* What a compile function returns: reports it at the option, or at the policy where key is NULL or the option
 * is not given. ERROR_INVALID. */

result policy_reject_several(const struct policy_compile *compile, const struct node *map,
			     const char *const *keys);
/* The same where the map has several of these keys, 8 at most and NULL, of which it may have one: says which.
 */

void policy_warn_open(const struct policy_compile *compile, const char *key, const char *why);
/* Where the option is a URL by which others could read what is sent. */

/* Where that is counted which limits count. */
struct store_choice {
	bool is_shared; /* by several gateways together, on a Redis */
	int on_failure; /* enum limit_failure */
};

/* What compile functions may ask of the configuration around them. */
struct policy_hooks {
	const struct destination *(*find_url)(void *owner, const struct node *url);
	/* "http://host:port/path". NULL after a report. */

	const struct destination *(*find_upstream)(void *owner, const struct node *name);
	/* One of `upstreams`. NULL after a report. */

	struct key_set *(*find_keys)(void *owner, const struct node *at, const struct node *keys, str issuer);
	/* keys: a URL or "file:PATH"; NULL: where the issuer says that they are. As long as the snapshot.
	 * NULL after a report, at keys, else at `at`. */

	struct revocations *(*find_revocations)(void *owner, const struct node *path);
	/* As long as the snapshot. NULL after a report. */

	struct key_set *(*keep_keys)(void *owner, const struct node *at, struct jwk_set *keys, str content);
	/* Keys that do not change, and what they were made of. Takes them. NULL after a report. */

	void (*manage)(void *owner, str name);
	/* Services are told something by a field of this name: no client may send it, on any route. The slice
	 * must live in the snapshot. */

	void (*redact)(void *owner, str parameter);
	/* The value of this parameter of a query is a credential: no log shows it. The slice must live in the
	 * snapshot. */

	void (*keep_cookie)(void *owner, str name);
	/* The cookie, in however many parts, is the gateway's own: no service gets it, on any route. The
	 * slice must live in the snapshot. */

	void *owner;
	struct store_choice store;         /* of limits that do not say it themselves */
	const struct consumers *consumers; /* as they are now; NULL: nobody is known */
	bool asks_for_no_certificate;      /* no listener does, so nobody can show one */
};

/* What holds where several gateways count together, and what they count on is not there: from the strictest
 * on. */
enum limit_failure {
	LIMIT_DENIES, /* nobody is let through */
	LIMIT_COUNTS, /* each gateway for itself, its share */
	LIMIT_ALLOWS, /* everybody is */
};

extern const char *const limit_failure_words[]; /* of these; ended by NULL */

/* How an option can make its policy weaker, for those who compare two configurations. */
enum risk_direction {
	RISK_MORE,         /* a larger number, a longer list, a word further down in the manual's list */
	RISK_FEWER,        /* the other way round */
	RISK_FEWER_NAMES,  /* of names, or a map by names: one less; its case and the value are no matter */
	RISK_MORE_OR_NONE, /* a larger number or a longer list; 0 and the empty list set no bound at all */
	RISK_ANY,          /* no direction can be told */
	RISK_ANY_NAME,     /* the same of a name, or a list of them; its case is no matter */
};

struct policy_risk {
	const char *option; /* "allow", "inner.option", or "inner" for all within */
	enum risk_direction weaker;
	const char *or_in; /* of names of fields: another option where each is as good; NULL: there is none */
};

/* Who would be asked about a credential that says nothing by itself, and what he must answer for it to be
 * what was wished for. */
struct credential_voucher {
	const struct destination *by; /* NULL: nobody is asked */
	str json;
};

/* A credential that a request of a rehearsal shall bear. */
struct credential_wish {
	const struct node *claims; /* a map */
	str json;                  /* the same, as an object */
	str certificate;           /* that the client shows, DER; empty: none */
	wall_time now;
	struct token_mint *mint;
	struct credential_voucher *voucher; /* to be filled */
	struct arena *arena;
};

/* What a policy that knows who asks by a credential is to others that choose among such (any_of). */
struct authenticator {
	bool (*recognises)(const void *self, const struct view *view);
	/* The request bears a credential of this kind, good or not. */

	str (*place)(const void *self, struct arena *arena);
	/* Where it looks for it, by credential_place_text(): of two in one place the first has them all. In
	 * the arena or constant. NULL: all policies of the kind look in the same one. */

	str (*challenge)(const void *self, struct view *view);
	/* What WWW-Authenticate says to who bears none; in the arena or the snapshot. Empty, and NULL:
	 * nothing. */

	void (*strip)(const void *self, struct view *view);
	/* No upstream gets its credential, where the policy says so: another one has decided. NULL: there is
	 * none to take out. */

	str (*make)(const void *self, const struct credential_wish *wish);
	/* For `gatehouse test`: a line of a head, "Authorization: Bearer ...", in the wish's arena. Empty:
	 * none of these claims can be made. NULL: there are no claims in it. */
};

/* A path, beneath the API's, that a policy answers itself. */
struct own_path {
	const char *option; /* that says it; NULL ends a list of them */
	str path;
	bool is_needed; /* without it the policy is of no use */
};

struct policy {
	const char *name;
	const char *doc;       /* one sentence */
	const char *shorthand; /* options that are no map are what this key of them would be; NULL: none */
	size_t size;           /* of its struct, which lives in the snapshot */
	const struct field *fields;
	result (*compile)(struct policy_compile *compile,
			  void *self); /* after reading; may report and fail; NULL: nothing to do */
	enum verdict (*on_request)(const void *self, struct view *view); /* NULL: none. May yield. */
	void (*on_response)(const void *self, struct view *view);        /* NULL: none. May yield. */
	/* Of a CORS preflight, before the on_request of any policy; NULL: none. May yield. */
	enum verdict (*on_preflight)(const void *self, struct view *view);
	bool always_answers; /* what stands behind it never runs */
	bool authenticates;  /* a request that it lets through has a consumer or claims */
	const struct authenticator *authenticator; /* NULL: it looks at no credential of its own */
	const struct own_path *(*own_paths)(const void *self); /* NULL, and what it gives: it has none */
	bool (*needs_principal)(const void *self);             /* it is about who asks; NULL: it never is */
	bool refuses_unknown; /* it refuses those of whom no policy before it has found out who they are */

	uint64_t (*learnt_limit)(const struct policy_instance *instance, const struct route_names *names,
				 struct slot_table *slots);
	/* How many requests there it lets be under way at once now, where it has found that out itself; 0: it
	 * has not, or need not. From any thread. NULL: it never does. */

	str (*describe)(const void *self, struct arena *arena);
	/* For `gatehouse explain`: what it bounds, in a few words, without anything secret. NULL: its name
	 * says enough. */

	/* For `gatehouse diff`. */
	const struct policy_risk *risks; /* ended by an option NULL; NULL: it neither restricts nor grants */
	bool grants; /* it lets through what nobody gets without it: having none is the stricter state */
	bool is_its_options; /* neither by itself: having none is as having one without what its risks name */

	/* For the manual. */
	const char *page; /* paragraphs of Markdown about what the options alone do not say */
	/* A whole small configuration, and behind a line `---` cases for `gatehouse test`; a test runs both.
	 */
	const char *example;
};

/* A policy with its options, ready to run. */
struct policy_instance {
	const struct policy *policy;
	const void *self;
	const struct node *options;    /* as they are written; NULL: none are */
	str name;                      /* of `policies:` when it came by `use`; else the kind's */
	const struct expression *when; /* NULL: every request */
	bool is_report;                /* `report: true`: what it would answer is written down only */
	uint8_t condition;             /* its bit in view->skipped; with `when` only */
};

enum { POLICY_CONDITIONS_MAX = 64 }; /* policies with `when` in one chain */

struct policy_chain {
	const struct policy_instance *at;
	uint32_t count;
	bool has_preflight; /* some on_preflight */
};

static inline uint64_t policy_learnt_limit(const struct policy_instance *instance,
					   const struct route_names *names, struct slot_table *slots)
{
	return instance->policy->learnt_limit ? instance->policy->learnt_limit(instance, names, slots) : 0;
}

/* What a policy has to say to whoever runs the gateway. */
enum telling {
	TELL_TROUBLE, /* something must be mended: here, or with whom the policy asks */
	TELL_DETAIL,  /* of a refusal that is the client's own affair: for `explain`, not for a log */
};

enum { SHARED_KEY_LEN = 16 };

/* Something that several gateways count together. */
struct shared_take {
	unsigned char key[SHARED_KEY_LEN]; /* the same in all of them */
	const struct gcra *gcra;
	int64_t cost;      /* 0 only looks; below 0: so much is given back */
	duration sync;     /* how far ahead a gateway may take; 0: not at all, and each is asked for */
	unsigned gateways; /* out, also on failure: how many they are, as last seen */
};

/* The same of a quota, in windows by the clock of whoever counts. */
struct shared_quota {
	unsigned char key[SHARED_KEY_LEN];
	int64_t period; /* seconds; 0: months of the calendar */
	uint64_t limit;
	int64_t cost;               /* as above; given back, if its window is not over */
	struct quota_window window; /* in: of what is given back; out: the one that it is now */
	duration until_end;         /* out */
	unsigned gateways;          /* out, also on failure */
};

/* What policies do to the world. */
struct effects {
	wall_time (*wall)(void *self);
	uint64_t (*random)(void *self);

	result (*sleep)(void *self, struct view *view, duration time);
	/* Yields; never longer than the exchange may take. Any error means that it is over: view_abandon().
	 */

	result (*fetch)(void *self, struct view *view, const struct fetch_request *request,
			struct fetch_answer *ret_answer);
	/* By view_fetch(); NULL: nobody can be asked. Yields. ERROR_CANCELLED: the exchange is over, answer
	 * with nothing. Otherwise no answer came: ERROR_REFUSED, ERROR_RESET, ERROR_CLOSED, ERROR_MISSING,
	 * ERROR_TIMEOUT, ERROR_MALFORMED, ERROR_LIMIT. */

	result (*fetch_url)(void *self, struct view *view, const struct url_request *request,
			    struct fetch_answer *ret_answer);
	/* The same of a URL that nobody knew when the configuration was read. */

	result (*refresh_keys)(void *self, struct view *view, struct key_set *keys, duration time);
	/* Yields until the keys were asked for anew, or that has failed; at once when it may not be now.
	 * ERROR_CANCELLED as above, ERROR_TIMEOUT. */

	result (*work)(void *self, struct view *view, void (*work)(void *argument), void *argument);
	/* Yields while it is done by a thread that has time for it. ERROR_LIMIT, and nothing was done: too
	 * many wait. ERROR_CANCELLED: it was done, and the exchange is over. */

	void (*mirror)(void *self, struct view *view, const struct destination *to, bool compares);
	/* A copy of this request goes to another upstream, if there is room for one; with compares, both
	 * answers are compared. NULL: to nobody. */

	struct body_source *(*encode)(void *self, struct view *view, enum coding coding);
	/* A source above view->response_body that gives it in a coding, until the exchange ends. NULL: none
	 * can be had now. */

	struct rate_table *rates; /* what limits count in that are this process' own */
	struct quota_table *quotas;
	struct slot_table *slots; /* likewise, of what is under way at once */

	result (*take_slot)(void *self, struct view *view, const struct slot_wish *wish, duration patience,
			    struct slot *ret_slot);
	/* Yields while it waits, never longer than the exchange may take. ERROR_LIMIT, ERROR_TIMEOUT: there
	 * is none. ERROR_CANCELLED: the exchange is over. */

	result (*take)(void *self, struct view *view, struct shared_take *take,
		       struct rate_standing *ret_standing);
	/* Yields, briefly. What rate_table_take() does, for all gateways together. ERROR_CANCELLED: the
	 * exchange is over. Otherwise it cannot be found out now. NULL: nothing is shared here, and `rates`
	 * stands in for it. */

	result (*take_quota)(void *self, struct view *view, struct shared_quota *quota,
			     struct quota_standing *ret_standing);
	/* The same of a quota, for which `quotas` stands in. */

	void (*decided)(void *self, const struct view *view, const struct policy_instance *instance,
			enum decision decision);
	/* After each policy that has an on_request or an on_preflight. NULL: nobody wants to know. */

	void (*tell)(void *self, const struct view *view, enum telling what, const char *text);
	/* For people, not yet escaped. NULL: nobody listens. */

	bool hears_details; /* also to TELL_DETAIL */

	void *self;
};

/* What lives until an exchange ends, beside its arena. */
struct view_held {
	struct view_held *next;
	void (*release)(void *self);
	void *self;
};

/* What an exchange has until it ends, or, where it becomes a WebSocket, until that is closed; the first
 * member of something that is nobody else's. */
struct view_lasting {
	struct view_lasting *next;
	void (*release)(struct view_lasting *self);
};

/* An answer of the gateway's own. */
struct answer {
	enum reason reason;
	int status;             /* 0: the reason's */
	str content_type, body; /* without a body, a reason other than `respond` gives a problem document */
	str detail;             /* of the problem document; empty: the reason's */
	str problem;            /* its type; empty: about:blank */
	str members;            /* its further members, each with a comma before it; empty: none */
	struct http_fields fields; /* further ones */
};

struct view {
	struct arena *arena; /* of the exchange: what a policy makes lives there */
	const struct effects *effects;

	struct http_request
		*request;  /* its fields may be edited; hop-by-hop and managed names are gone already */
	size_t sent;       /* so many of them, from the first, are the client's: for view_sent() */
	str scheme;        /* "http" or "https" */
	str host;          /* lower case, without port: what was routed by */
	str authority;     /* "host:port" as the client wrote it, also to a proxy that is trusted: for URLs */
	str path;          /* the one normalised path; change it by view_set_path() */
	str query;         /* without '?', as it came; may be replaced */
	str upstream_host; /* Host for the upstream; empty: the client's own */

	str client_ip;
	const struct address *client;
	str request_id;
	str request_id_header; /* the field that bears it to the upstream; empty: none does */

	duration total_timeout; /* for the whole exchange; narrow it by view_limit_time(). 0: none */
	uint64_t body_max;      /* of the request; narrow it by view_limit_body() */
	const struct body_digest *body_digest; /* what its body must come to; NULL: no matter */

	const struct route_names *names; /* NULL: not routed */
	/* Who asks, by view_identify(); NULL, or by its certificate alone: nobody was authenticated. */
	const struct principal *principal;
	const struct principal *supposed;  /* the same to policies that only report; NULL: no other */
	const struct consumers *consumers; /* who may be known; NULL: nobody */
	struct auth_worker *auth;          /* the worker's own: what it remembers of credentials */
	struct view_held *held;            /* by view_hold() */
	struct view_lasting *lasting;      /* by view_hold_on() */
	struct limit_taken *limits;        /* what limits counted it as, the first one first */
	const struct route_parameter *parameters;
	size_t parameter_count;

	struct http_response *response;    /* in response functions: its fields and status may be edited */
	str endpoint;                      /* in response functions; empty when no upstream was asked */
	struct body_source *response_body; /* of an upstream's answer; NULL: the gateway's own. A source above
					      it may take its place. */

	struct answer answer;        /* by view_answer() */
	bool is_report;              /* the policy at work shall change nothing: `report: true` */
	str reported;                /* by view_report(): "limit=rate_limited, door=ip_denied" */
	struct regex_scratch *regex; /* the worker's; what a match leaves in it is gone after a yield */

	/* The chain's own. */
	uint64_t settled, skipped; /* by policy_instance.condition: whether `when` was asked, and is false */
};

wall_time view_now(const struct view *view);

const struct http_field *view_sent(const struct view *view, enum http_name id);
/* The first such field of the client, also where a policy has kept it from the upstream: for what goes by who
 * asks and not by what the upstream is asked. NULL: it sent none. */

str view_sent_value(const struct view *view, enum http_name id);
/* Its value; empty without one. Of a cookie field what no policy has taken out of it. */

result view_fetch(struct view *view, const struct fetch_request *request, struct fetch_answer *ret_answer);
/* Yields. As effects.fetch; ERROR_MISSING also where nobody can be asked. */

enum verdict view_answer(struct view *view, const struct answer *answer);
/* Copies the struct; its slices must live in the snapshot or the exchange's arena. POLICY_ANSWERED. */

enum verdict view_refuse(struct view *view, enum reason reason);
/* A problem document with the reason's own words. POLICY_ANSWERED. */

extern const str view_no_scheme;
/* The challenge of a 401 that is about something that HTTP has no scheme for. */

enum verdict view_unauthorized(struct view *view, enum reason reason, const str *challenges, size_t count);
/* The same with a WWW-Authenticate for each of the challenges (RFC 9110 section 11.6.1); empty ones are left
 * out, and where none is left stands one of no scheme, as in every 401 of view_refuse(). They must live in
 * the snapshot or the arena. POLICY_ANSWERED. */

enum verdict view_refuse_credential(struct view *view, enum reason reason, str challenge);
/* What an authentication has found out: a 401 bears the challenge (empty: HTTP has no scheme for it), what is
 * not the client's fault (503) none, and REASON_CLIENT_ABORTED is view_abandon(). POLICY_ANSWERED. */

struct principal *view_identify(struct view *view, str method);
/* Who asks is known now, by a policy of this kind: what was known before, for the caller to fill. By one that
 * only reports it is known to those behind it that only report. */

void view_set_consumer(struct principal *principal, const struct consumer *consumer);
/* Its name, groups and labels. The consumer is one of view->consumers, or of the snapshot. */

bool view_is_authenticated(const struct view *view);

void view_hold(struct view *view, void (*release)(void *self), void *self);
/* release(self) when the exchange ends, the last one held first. */

void view_hold_on(struct view *view, struct view_lasting *lasting);
/* lasting->release(lasting) when the exchange ends, and what has become of it. */

void view_let_go(struct view_lasting **lasting);
/* Releases all of them and clears the address; by whoever ends what the exchange has become. */

void view_release(struct view *view);
/* All that is held; by whoever ends the exchange, before its arena. */

bool view_encode_body(struct view *view, enum coding coding);
/* In response functions: the client gets the body in this coding; the fields are the caller's business.
 * False, and nothing changed, when it is the gateway's own answer or as much is at work as may be. */

void view_tell(const struct view *view, enum telling what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* One line, cut where it is long. Never a credential. */

void view_report(struct view *view, str name, enum reason reason);
/* For the log: what the policy of this name would have answered, but lets pass. A list that grows too long is
 * cut: it is for people. */

enum verdict view_abandon(struct view *view);
/* The exchange is over (the client has gone, the worker stops): nothing is said any more. POLICY_ANSWERED. */

void view_limit_time(struct view *view, duration total);
/* The whole exchange, from the request's first byte to the answer's last, may take no longer. */

enum verdict view_limit_body(struct view *view, uint64_t max);
/* The request's body may be no larger: refused when it says that it is, else as soon as it turns out to be.
 */

bool view_is_preflight(const struct view *view);
/* A CORS preflight: OPTIONS with Origin and Access-Control-Request-Method (Fetch standard). */

result view_set_path(struct view *view, str path);
/* Normalises and checks it again; ERROR_MALFORMED leaves the old one. */
