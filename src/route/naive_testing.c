/* SPDX-License-Identifier: Apache-2.0 */
#include "route/naive_testing.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/assert.h"

enum { SEGMENTS_MAX = 16, HOST_NONE = -1, HOST_EXACT_RANK = 100000, TEXT_MAX = 256 };

/* How a pattern ranks at one segment; smaller goes first. */
enum class { CLASS_LITERAL, CLASS_PART, CLASS_NAME, CLASS_STAR, CLASS_REST, CLASS_REGEX };

struct rank {
	enum class at[SEGMENTS_MAX + 1];
	str part[SEGMENTS_MAX + 1]; /* the segment of the pattern, of a part */
	size_t len;
};

struct fit {
	int host;
	struct rank path;
	struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
	size_t parameter_count;
	bool has_method, has_conditions;
};

static bool same_host(str a, str b)
{
	return str_eq_nocase(a, b);
}

static int host_rank(str pattern, str host)
{
	if (str_eq(pattern, STR("*")))
		return 0;
	if (!str_starts(pattern, STR("*.")))
		return same_host(pattern, host) ? HOST_EXACT_RANK : HOST_NONE;
	pattern = str_skip(pattern, 1);
	if (host.len <= pattern.len || !same_host(str_skip(host, host.len - pattern.len), pattern))
		return HOST_NONE;
	return (int)pattern.len;
}

static const str any_host[] = { STR_INIT("*") };

static str_list or_any(str_list hosts)
{
	return hosts.len ? hosts : (str_list) { any_host, 1 };
}

static str_list match_hosts(const struct route_rule *rule)
{
	return or_any(rule->match ? rule->match->hosts : (str_list) { 0 });
}

/* The most specific pattern among pairs of an API's and a route's that both take the host. */
static int rule_host_rank(const struct route_rule *rule, str host)
{
	str_list apis = or_any(rule->api_hosts), own = match_hosts(rule);
	int best = HOST_NONE;

	for (size_t i = 0; i < apis.len; i++)
		for (size_t j = 0; j < own.len; j++) {
			int a = host_rank(apis.at[i], host), b = host_rank(own.at[j], host);
			int both = a > b ? a : b;

			if (a != HOST_NONE && b != HOST_NONE && both > best)
				best = both;
		}
	return best;
}

/* The next segment of "/a/b"; false at the end. */
static bool next_segment(str *path, str *ret_segment)
{
	str rest;

	if (path->len == 0)
		return false;
	*path = str_skip(*path, 1);
	*ret_segment = *path;
	if (str_cut(*path, '/', ret_segment, &rest))
		*path = (str) { rest.ptr - 1, rest.len + 1 };
	else
		*path = (str) { 0 };
	return true;
}

/* A part of a segment, byte by byte with all ways tried, a name as short as possible first. */
static bool part_fits(str pattern, str text, struct fit *fit)
{
	size_t end, kept = fit->parameter_count;

	if (pattern.len == 0)
		return text.len == 0;
	if (pattern.ptr[0] != '{')
		return text.len && text.ptr[0] == pattern.ptr[0] &&
		       part_fits(str_skip(pattern, 1), str_skip(text, 1), fit);
	ASSERT(str_find(pattern, '}', &end));
	for (size_t taken = 1; taken <= text.len; taken++) {
		fit->parameters[kept] =
			(struct route_parameter) { str_slice(pattern, 1, end), str_slice(text, 0, taken) };
		fit->parameter_count = kept + 1;
		if (part_fits(str_skip(pattern, end + 1), str_skip(text, taken), fit))
			return true;
	}
	fit->parameter_count = kept;
	return false;
}

static enum class class_of(str segment) {
	size_t open, close;

	if (str_eq(segment, STR("*"))) return CLASS_STAR;
	if (str_eq(segment, STR("**"))) return CLASS_REST;
	if (!str_find(segment, '{', &open)) return CLASS_LITERAL;
	ASSERT(str_find(segment, '}', &close));
	return open == 0 && close == segment.len - 1 ? CLASS_NAME : CLASS_PART;
}

static bool segment_fits(str pattern, str text, struct fit *fit)
{
	enum class class = class_of(pattern);

	fit->path.part[fit->path.len] = pattern;
	fit->path.at[fit->path.len++] = class;
	if (class == CLASS_STAR)
		return text.len > 0;
	return class == CLASS_LITERAL ? str_eq(pattern, text) : part_fits(pattern, text, fit);
}

static bool regex_fits(str text, str subject)
{
	int error;
	size_t at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY,
					 &error, &at, NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int outcome;

	ASSERT(code && data);
	outcome = pcre2_match(code, (PCRE2_SPTR)(subject.len ? subject.ptr : ""), subject.len, 0, 0, data,
			      NULL);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return outcome >= 0;
}

static str without_last_slash(str path)
{
	if (str_ends(path, STR("/")))
		path.len--;
	return path;
}

/* rest: of the path, behind the API's. */
static bool route_path_fits(str pattern, str rest, struct fit *fit)
{
	str segment, text;

	if (str_starts(pattern, STR("~"))) {
		fit->path.at[fit->path.len++] = CLASS_REGEX;
		return regex_fits(str_skip(pattern, 1), rest.len ? rest : STR("/"));
	}
	if (str_eq(pattern, STR("/")) && rest.len == 0)
		pattern.len = 0;
	while (next_segment(&pattern, &segment)) {
		if (class_of(segment) == CLASS_REST) {
			fit->path.at[fit->path.len++] = CLASS_REST;
			return true;
		}
		if (!next_segment(&rest, &text) || !segment_fits(segment, text, fit))
			return false;
	}
	fit->path.at[fit->path.len++] = CLASS_LITERAL; /* the end */
	return rest.len == 0;
}

static bool path_fits(const struct route_rule *rule, str path, struct fit *fit)
{
	str api = without_last_slash(rule->api_path), segment, text;
	str route = rule->match && rule->match->path.len ? rule->match->path : STR("/**");

	while (next_segment(&api, &segment))
		if (!next_segment(&path, &text) || !segment_fits(segment, text, fit))
			return false;
	return route_path_fits(route, path, fit);
}

static bool list_has(str_list list, str text)
{
	for (size_t i = 0; i < list.len; i++)
		if (str_eq(list.at[i], text))
			return true;
	return list.len == 0;
}

static bool takes_method(const struct route_rule *rule, str method)
{
	return list_has(rule->api_methods, method) &&
	       (!rule->match || list_has(rule->match->methods, method));
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef", *hit = c ? strchr(digits, ascii_lower(c)) : NULL;

	return hit ? (int)(hit - digits) : -1;
}

static str decoded(str text, char *room)
{
	size_t len = 0;

	ASSERT(text.len <= TEXT_MAX);
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
		int low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;

		room[len] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
		if (text.ptr[i] == '%' && high >= 0 && low >= 0) {
			room[len] = (char)(high * 16 + low);
			i += 2;
		}
		len++;
	}
	return (str) { room, len };
}

/* The values seen under a name so far, against what is wanted. */
struct test {
	str want;
	bool is_seen, is_good;
};

static void see(struct test *test, str value)
{
	test->is_seen = true;
	if (str_starts(test->want, STR("~")))
		test->is_good |= regex_fits(str_skip(test->want, 1), value);
	else
		test->is_good |= str_eq(test->want, STR("*")) || str_eq(test->want, value);
}

static bool holds(const struct test *test)
{
	return str_eq(test->want, STR("!")) ? !test->is_seen : test->is_good;
}

static bool header_holds(const struct pair *pair, const struct route_request *request)
{
	struct test test = { .want = pair->value };

	for (size_t i = 0; i < request->fields->count; i++)
		if (!request->fields->at[i].removed && str_eq_nocase(request->fields->at[i].name, pair->name))
			see(&test, request->fields->at[i].value);
	return holds(&test);
}

static bool query_holds(const struct pair *pair, const struct route_request *request)
{
	struct test test = { .want = pair->value };
	str rest = request->query;

	while (rest.len) {
		char name_room[TEXT_MAX], value_room[TEXT_MAX];
		str item = rest, name, value = { 0 };

		if (!str_cut(rest, '&', &item, &rest))
			rest.len = 0;
		name = item;
		str_cut(item, '=', &name, &value);
		if (item.len && str_eq(decoded(name, name_room), pair->name))
			see(&test, decoded(value, value_room));
	}
	return holds(&test);
}

static bool cookie_holds(const struct pair *pair, const struct route_request *request)
{
	struct test test = { .want = pair->value };

	for (size_t i = 0; i < request->fields->count; i++) {
		str rest = request->fields->at[i].value, item, name, value;

		if (request->fields->at[i].removed ||
		    !str_eq_nocase(request->fields->at[i].name, STR("cookie")))
			continue;
		while (rest.len) {
			item = rest;
			if (!str_cut(rest, ';', &item, &rest))
				rest.len = 0;
			if (str_cut(str_trim(item), '=', &name, &value) && str_eq(name, pair->name))
				see(&test, value);
		}
	}
	return holds(&test);
}

/* Tests use IPv4 ranges "a.b.c.d/n" only. */
static bool range_has(str range, const struct address *client)
{
	char text[TEXT_MAX] = { 0 };
	struct in_addr base;
	str ip, bits;
	uint64_t len;
	uint32_t mask;

	ASSERT(str_cut(range, '/', &ip, &bits) && ip.len < TEXT_MAX && str_to_u64(bits, 32, &len));
	memcpy(text, ip.ptr, ip.len);
	ASSERT(inet_pton(AF_INET, text, &base) == 1);
	mask = len ? UINT32_MAX << (32 - len) : 0;
	return client->any.sa_family == AF_INET &&
	       ((ntohl(client->v4.sin_addr.s_addr) ^ ntohl(base.s_addr)) & mask) == 0;
}

static bool client_holds(str_list ranges, const struct route_request *request)
{
	for (size_t i = 0; i < ranges.len; i++)
		if (range_has(ranges.at[i], request->client))
			return true;
	return ranges.len == 0;
}

static bool conditions_hold(const struct match_config *match, const struct route_request *request)
{
	bool good = client_holds(match->client_ip, request);

	for (size_t i = 0; i < match->headers.len; i++)
		good &= header_holds(&match->headers.at[i], request);
	for (size_t i = 0; i < match->query.len; i++)
		good &= query_holds(&match->query.at[i], request);
	for (size_t i = 0; i < match->cookies.len; i++)
		good &= cookie_holds(&match->cookies.at[i], request);
	return good;
}

static bool fits(const struct route_rule *rule, const struct route_request *request, struct fit *ret_fit)
{
	*ret_fit = (struct fit) { .host = rule_host_rank(rule, request->host) };
	if (ret_fit->host == HOST_NONE || !path_fits(rule, request->path, ret_fit))
		return false;
	ret_fit->has_method = takes_method(rule, request->method);
	ret_fit->has_conditions = !rule->match || conditions_hold(rule->match, request);
	return true;
}

static size_t further_conditions(const struct route_rule *rule)
{
	size_t count = rule->api_methods.len > 0;
	const struct match_config *match = rule->match;

	if (match)
		count += (match->methods.len > 0) + match->headers.len + match->query.len +
			 match->cookies.len + (match->client_ip.len > 0);
	return count;
}

struct part_size {
	size_t all, first, last;
	char shape[TEXT_MAX];
	size_t shape_len;
};

static struct part_size part_size(str part)
{
	struct part_size size = { 0 };
	bool is_name = false, was_name = false;

	for (size_t i = 0; i < part.len; i++) {
		char c = part.ptr[i];
		bool is_brace = c == '{' || c == '}';

		if (is_brace || !is_name)
			size.shape[size.shape_len++] = c;
		was_name |= is_brace;
		is_name = c == '{' || (is_name && c != '}');
		if (is_brace)
			size.last = 0;
		if (is_brace || is_name)
			continue;
		size.all++;
		size.first += !was_name;
		size.last++;
	}
	return size;
}

static int more_first(size_t a, size_t b)
{
	return a > b ? -1 : a < b;
}

static int compare_parts(str a, str b)
{
	struct part_size left = part_size(a), right = part_size(b);
	int order = more_first(left.all, right.all);

	if (!order)
		order = more_first(left.first, right.first);
	if (!order)
		order = more_first(left.last, right.last);
	return order ? order
		     : str_cmp((str) { left.shape, left.shape_len }, (str) { right.shape, right.shape_len });
}

static int compare_paths(const struct rank *a, const struct rank *b)
{
	for (size_t i = 0; i < a->len && i < b->len; i++) {
		int order = (int)a->at[i] - (int)b->at[i];

		if (!order && a->at[i] == CLASS_PART)
			order = compare_parts(a->part[i], b->part[i]);
		if (order)
			return order;
	}
	return 0;
}

static size_t first_of_api(const struct route_rule *rules, size_t index)
{
	size_t first = 0;

	while (!str_eq(rules[first].api, rules[index].api))
		first++;
	return first;
}

/* Two rules that both fit. */
static int compare(const struct route_rule *rules, size_t a, const struct fit *left, size_t b,
		   const struct fit *right)
{
	size_t api_a = first_of_api(rules, a), api_b = first_of_api(rules, b);
	int order = right->host - left->host;

	if (!order)
		order = compare_paths(&left->path, &right->path);
	if (!order)
		order = more_first(further_conditions(&rules[a]), further_conditions(&rules[b]));
	if (!order)
		order = more_first(api_b, api_a);
	if (!order)
		order = (rules[a].route.len == 0) - (rules[b].route.len == 0);
	return order ? order : more_first(b, a);
}

/* An API counts by its own rule only where none of its routes fits. */
static bool has_fitting_route(const struct route_rule *rules, size_t count, size_t own,
			      const struct route_request *request)
{
	struct fit fit;

	for (size_t i = 0; i < count; i++)
		if (rules[i].route.len && str_eq(rules[i].api, rules[own].api) &&
		    fits(&rules[i], request, &fit) && fit.has_method && fit.has_conditions)
			return true;
	return false;
}

static void allow(const struct route_rule *rule, struct naive_answer *answer)
{
	answer->outcome = ROUTE_METHOD;
	answer->allows_purge |= takes_method(rule, STR("PURGE"));
	for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
		if (takes_method(rule, http_method_text(method)))
			answer->allowed |= 1u << method;
}

void naive_match(const struct route_rule *rules, size_t count, const struct route_request *request,
		 struct naive_answer *ret_answer)
{
	struct naive_answer wrong_method = { .outcome = ROUTE_NONE };
	struct fit best = { 0 }, best_of_wrong = { 0 }, fit;

	*ret_answer = (struct naive_answer) { .outcome = ROUTE_NONE };
	for (size_t i = 0; i < count; i++) {
		if (!fits(&rules[i], request, &fit) || !fit.has_conditions)
			continue;
		if (!fit.has_method) {
			if (wrong_method.outcome == ROUTE_NONE ||
			    compare(rules, i, &fit, wrong_method.rule, &best_of_wrong) <= 0) {
				best_of_wrong = fit;
				wrong_method.rule = i;
			}
			allow(&rules[i], &wrong_method);
			continue;
		}
		if (rules[i].route.len == 0 && has_fitting_route(rules, count, i, request))
			continue;
		if (ret_answer->outcome == ROUTE_FOUND &&
		    compare(rules, i, &fit, ret_answer->rule, &best) > 0)
			continue;
		best = fit;
		ret_answer->outcome = ROUTE_FOUND;
		ret_answer->rule = i;
	}
	if (ret_answer->outcome != ROUTE_FOUND)
		*ret_answer = wrong_method;
	memcpy(ret_answer->parameters, best.parameters, sizeof best.parameters);
	ret_answer->parameter_count = best.parameter_count;
}

/* One path in one spelling: without names. */
static str path_shape(const struct route_rule *rule, char *room)
{
	str route = rule->match && rule->match->path.len ? rule->match->path : STR("/**");
	str parts[] = { without_last_slash(rule->api_path), STR("|"), route };
	bool is_regex = route.ptr[0] == '~', is_name = false;
	size_t len = 0;

	/* "/a" under "/" is the same path as "/" under "/a" only where nothing follows: the bar tells "/" and
	 * expressions apart by their API's path, and nothing else. */
	for (size_t p = 0; p < 3; p++)
		for (size_t i = 0; i < parts[p].len; i++) {
			char c = parts[p].ptr[i];

			is_name = (is_name || c == '{') && c != '}';
			if (p == 1 && !is_regex && !str_eq(route, STR("/")))
				continue;
			if (!is_name || c == '{' || (is_regex && p == 2))
				room[len++] = c;
		}
	return (str) { room, len };
}

static bool same_pairs(const struct pair_list *a, const struct pair_list *b, bool is_nocase)
{
	bool is_taken[SEGMENTS_MAX] = { false };

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		size_t j = 0;

		while (j < b->len && (is_taken[j] || !str_eq(a->at[i].value, b->at[j].value) ||
				      !(is_nocase ? str_eq_nocase(a->at[i].name, b->at[j].name)
						  : str_eq(a->at[i].name, b->at[j].name))))
			j++;
		if (j == b->len)
			return false;
		is_taken[j] = true;
	}
	return true;
}

static size_t times(str_list list, str text)
{
	size_t count = 0;

	for (size_t i = 0; i < list.len; i++)
		count += str_eq(list.at[i], text);
	return count;
}

static bool same_ranges(str_list a, str_list b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (times(a, a.at[i]) != times(b, a.at[i]))
			return false;
	return true;
}

static bool same_conditions(const struct route_rule *a, const struct route_rule *b)
{
	static const struct match_config none;
	const struct match_config *left = a->match ? a->match : &none, *right = b->match ? b->match : &none;

	return further_conditions(a) == further_conditions(b) &&
	       same_pairs(&left->headers, &right->headers, true) &&
	       same_pairs(&left->query, &right->query, false) &&
	       same_pairs(&left->cookies, &right->cookies, false) &&
	       same_ranges(left->client_ip, right->client_ip);
}

static const str all_methods[] = { STR_INIT("GET"), STR_INIT("POST"), STR_INIT("PUT"), STR_INIT("PURGE"),
				   STR_INIT("X") };

static bool share_method(const struct route_rule *a, const struct route_rule *b)
{
	for (size_t i = 0; i < sizeof all_methods / sizeof *all_methods; i++)
		if (takes_method(a, all_methods[i]) && takes_method(b, all_methods[i]))
			return true;
	return false;
}

/* The more specific of two patterns, or empty when they share no host. */
static str narrower(str a, str b)
{
	bool b_in_a = str_eq(a, STR("*")) || same_host(a, b) ||
		      (str_starts(a, STR("*.")) && b.len > a.len - 1 && !str_eq(b, STR("*")) &&
		       same_host(str_skip(b, b.len - (a.len - 1)), str_skip(a, 1)));

	return b_in_a ? b : (str) { 0 };
}

static str meet(str a, str b)
{
	str both = narrower(a, b);

	return both.len ? both : narrower(b, a);
}

static bool has_host(const struct route_rule *rule, str want)
{
	str_list apis = or_any(rule->api_hosts), own = match_hosts(rule);

	for (size_t i = 0; i < apis.len; i++)
		for (size_t j = 0; j < own.len; j++)
			if (same_host(meet(apis.at[i], own.at[j]), want))
				return true;
	return false;
}

static bool share_host(const struct route_rule *a, const struct route_rule *b)
{
	str_list apis = or_any(a->api_hosts), own = match_hosts(a);

	for (size_t i = 0; i < apis.len; i++)
		for (size_t j = 0; j < own.len; j++) {
			str both = meet(apis.at[i], own.at[j]);

			if (both.len && has_host(b, both))
				return true;
		}
	return false;
}

static bool cannot_be_told_apart(const struct route_rule *a, const struct route_rule *b)
{
	char left[TEXT_MAX], right[TEXT_MAX];

	if (str_eq(a->api, b->api) && (a->route.len == 0) != (b->route.len == 0))
		return false;
	return str_eq(path_shape(a, left), path_shape(b, right)) && same_conditions(a, b) &&
	       share_method(a, b) && share_host(a, b);
}

static bool is_outside_its_api(const struct route_rule *rule)
{
	str_list apis = or_any(rule->api_hosts), own = match_hosts(rule);

	for (size_t j = 0; j < own.len; j++) {
		bool is_met = false;

		for (size_t i = 0; i < apis.len; i++)
			is_met |= meet(apis.at[i], own.at[j]).len > 0;
		if (!is_met)
			return true;
	}
	return !share_method(rule, rule);
}

bool naive_refuses(const struct route_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_outside_its_api(&rules[i]))
			return true;
		for (size_t j = 0; j < i; j++)
			if (cannot_be_told_apart(&rules[j], &rules[i]))
				return true;
	}
	return false;
}
