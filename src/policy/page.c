/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/page.h"

#include "policy/expression_private.h"
#include "policy/list.h"

/* Cases, where there are some, stand behind a line "---", as in every example of the documents. */
static void print_example(str example, FILE *to)
{
	bool has_cases = str_contains(example, STR("\n---\n"));

	fprintf(to, "\nAn example%s:\n\n```yaml\n%.*s```\n",
		has_cases ? ", and behind `---` cases for `gatehouse test`" : "", STR_ARG(example));
}

void policy_page_print(const struct field *fields, FILE *to)
{
	for (size_t i = 0; i < POLICIES; i++) {
		const struct policy *policy = policies[i];

		if (policy->fields != fields)
			continue;
		if (policy->page)
			fprintf(to, "\n%s", policy->page);
		if (policy->example)
			print_example(str_of(policy->example), to);
	}
}

/* The same as expression_parse.c has above its rules. */
static const char grammar[] =
	"\n"
	"```\n"
	"expression = or [ \"?\" or \":\" expression ]\n"
	"or         = and { \"||\" and }\n"
	"and        = relation { \"&&\" relation }\n"
	"relation   = sum [ ( \"==\" | \"!=\" | \"<\" | \"<=\" | \">\" | \">=\" | \"in\" ) sum ]\n"
	"sum        = unary { \"+\" unary }\n"
	"unary      = { \"!\" } member\n"
	"member     = primary { \".\" NAME | \"[\" expression \"]\" | \".\" NAME \"(\" expression \")\" }\n"
	"primary    = constant | \"[\" [ constant { \",\" constant } ] \"]\" | \"(\" expression \")\"\n"
	"           | NAME \"(\" expression \")\" | NAME [ \".\" NAME ]\n"
	"constant   = STRING | [ \"-\" ] INT | [ \"-\" ] DOUBLE | \"true\" | \"false\"\n"
	"```\n";

static const char introduction[] =
	"\n<a id=\"expressions\"></a>\n# Expressions\n\n"
	"What `when` says is a subset of CEL, the Common Expression Language. It is checked for its types "
	"when the "
	"configuration is loaded, and must be a boolean:\n\n"
	"```yaml\n"
	"- ip: { deny: [192.0.2.0/24] }\n"
	"  when: request.method != \"GET\" && !request.path.startsWith(\"/public/\")\n"
	"```\n";

static const char rules[] =
	"\n"
	"Strings stand in `'` or `\"`, with the escapes `\\\\`, `\\'`, `\\\"`, `\\n`, `\\r` and `\\t`; in "
	"`r'...'` nothing is "
	"one. A list holds constants of one type. `claims.sub` is the same as `claims[\"sub\"]`.\n"
	"\n"
	"| function | gives |\n"
	"| --- | --- |\n"
	"| `x.startsWith(s)`, `x.endsWith(s)`, `x.contains(s)` | A boolean. |\n"
	"| `x.matches(regex)` | Whether a regular expression (PCRE2), written as a constant, is found in the "
	"string; `^` "
	"and `$` are its ends. |\n"
	"| `has(x)` | Whether something is there: `has(request.headers[\"Origin\"])`; `\"Origin\" in "
	"request.headers` is "
	"the same. |\n"
	"| `size(x)` | The characters of a string, or the items of a list. |\n"
	"| `int(x)` | An int of a double (cut off), a string, or a timestamp (seconds since 1970). |\n"
	"| `string(x)` | A string of anything but lists and maps. |\n"
	"| `timestamp(x)` | A timestamp of a string as in RFC 3339, `\"2026-01-01T00:00:00Z\"`, or of an int "
	"(seconds since 1970). |\n"
	"\n"
	"Names of fields are compared without case, and several lines of one name are one list, joined by `, "
	"`. The "
	"first parameter of a query, and the first cookie of a name, is the one; parameters are decoded. "
	"`request.path` and `path` are the normalised path, still encoded, as routing sees it. `client.ip in "
	"[\"10.0.0.0/8\"]` takes addresses and ranges.\n"
	"\n"
	"There is no error at run time. What is missing, or turns out to have another type than it would "
	"have to, "
	"makes a comparison false, also `!=`; where a boolean is wanted it is false. So "
	"`request.headers[\"X\"] != \"a\"` "
	"does not hold where there is no X, and `!(request.headers[\"X\"] == \"a\")` does. Ints and doubles "
	"can be "
	"compared with each other; a sum that does not fit an int is missing. `consumer` and `claims` are "
	"missing "
	"until a policy before has authenticated the request; `certificate` where the connection has none.\n"
	"\n"
	"An expression is asked once, when its policy's turn comes, before the policy changes anything. "
	"Where asking "
	"would cost too much (a regular expression at its limit, more than 8 KiB of decoded or joined texts) "
	"the "
	"request is refused with 400, and the log says `condition_undecided`: by being expensive nothing "
	"slips past "
	"a policy, and nothing is given what another would give it. At most 64 policies with `when` can "
	"run for a "
	"request. With `use`, the `when` of the named policy and the one beside `use` must both hold.\n";

static const char *type_of(const struct expression_source *source)
{
	if (source->type == TYPE_MAP)
		return "a map of names to strings";
	if (source->type == TYPE_LIST)
		return "a list of strings";
	return source->type == TYPE_DYNAMIC ? "a map of anything" : expression_type_word(source->type);
}

void expression_page_print(FILE *to)
{
	fputs(introduction, to);
	fputs(grammar, to);
	fputs("\n| name | is | meaning |\n| --- | --- | --- |\n", to);
	for (const struct expression_source *row = expression_sources; row->name.len; row++)
		fprintf(to, "| `%.*s` | %s | %s |\n", STR_ARG(row->name), type_of(row), row->doc);
	fputs(rules, to);
}
