/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused while a file is read, with its place; and what comes out of one that is not. */
#include <stdio.h>

#include "config/config_testing.h"
#include "config/character.h"

static const struct {
	const char *what, *text, *problems;
} bad[] = {
	{ "a tab indents", "a:\n\tb: 1\n", "2:1: tab character may not be used as indentation" },
	{ "a quote is not closed", "a: \"x\n", "1:4: the quote that begins here is not closed" },
	{ "a single quote is not closed", "a: 'x\nb: 1\n",
	  "1:4: the quote that begins here is not closed, or its text is indented too little" },
	{ "a bracket is not closed", "a: [1, 2\n", "1:4: this [ is not closed" },
	{ "a brace is not closed", "a: {b: 1\n", "1:4: this { is not closed" },
	{ "two values in a line", "a: b: c\n",
	  "1:5: a second \": \" in one line; text with a colon in it must stand in quotes" },
	{ "a key in a wrong column", "a:\n  b: 1\n c: 2\n",
	  "3:2: this does not stand in the column of the keys above" },
	{ "a list where a map goes on", "a: 1\n- b\n", "2:1: want a key, such as those above" },
	{ "a reserved character", "a: @b\n", "1:4: plain scalar cannot start with '@'" },
	{ "a percent begins a value", "a: %x\n", "1:4: plain scalar cannot start with '%'" },
	{ "an unknown escape", "a: \"\\q\"\n", "1:4: invalid escape 'q' in double-quoted string" },
	{ "text at the top", "just text\n", "1:1: want a map at the top, read text" },
	{ "a list at the top", "- a\n- b\n", "1:1: want a map at the top, read a list" },
	{ "a number at the top", "42\n", "1:1: want a map at the top, read text" },
	{ "two documents", "a: 1\n---\nb: 2\n",
	  "2:1: a second document begins here; one file is one document" },
	{ "a document after an end", "a: 1\n...\n---\nb: 2\n",
	  "3:1: a second document begins here; one file is one document" },
	{ "a tag", "a: !!str 1\n", "1:4: tags are not supported; put text in quotes instead" },
	{ "an own tag", "a: 1\nb: !secret x\n", "2:4: tags are not supported; put text in quotes instead" },
	{ "a tag of a list", "a: !x [1]\n", "1:4: tags are not supported; put text in quotes instead" },
	{ "a tag of a map", "a: !x {b: 1}\n", "1:4: tags are not supported; put text in quotes instead" },
	{ "a key in brackets", "? [a]\n: 1\n", "1:3: a key must be text, not a list" },
	{ "a key in braces", "{a: 1}: 2\n", "1:1: a key must be text, not a map" },
	{ "an empty key", ": 1\n", "1:1: a key cannot be empty" },
	{ "an empty key in quotes", "\"\": 1\n", "1:1: a key cannot be empty" },
	{ "an empty key deeper", "a:\n  : 1\n", "2:3: a: a key cannot be empty" },
	{ "a missing comma", "a: {b: 1 c: 2}\n", "1:11: want a comma or }" },
	{ "a missing comma in a list", "a: [\"x\" \"y\"]\n", "1:10: want a comma or ]" },
	{ "a reference in brackets without quotes", "a: [b, ${HOST}]\n",
	  "1:8: ${...} must stand in quotes within brackets" },
	{ "a reference in braces without quotes", "a: { b: ${HOST}, c: d }\n",
	  "1:9: ${...} must stand in quotes within brackets" },
	{ "a bracket too many", "a: [1]]\n", "1:7: a ] without its [" },
	{ "a block scalar begins wrongly", "a: |x\n  y\n", "1:5: the text begins in the line after | or >" },
	{ "a key twice", "a: 1\nb: 2\na: 3\n", "3:1: a: this key stands in line 1 already" },
	{ "a key twice in quotes", "a: 1\n\"a\": 2\n", "2:1: a: this key stands in line 1 already" },
	{ "a key twice in braces", "x: {k: 1, l: 2, k: 3}\n",
	  "1:17: x.k: this key stands in line 1 already" },
	{ "a key three times", "a: 1\na: 2\na: 3\n",
	  "2:1: a: this key stands in line 1 already\n3:1: a: this key stands in line 1 already" },
	{ "a key twice, deeper", "a:\n  b:\n    c: 1\n    c: 2\n",
	  "4:5: a.b.c: this key stands in line 3 already" },
	{ "a key twice in a list's map", "l:\n  - {a: 1, a: 2}\n",
	  "2:12: l[0].a: this key stands in line 2 already" },
	{ "a key twice in a large map",
	  "k0: 1\nk1: 1\nk2: 1\nk3: 1\nk4: 1\nk5: 1\nk6: 1\nk7: 1\nk8: 1\nk9: 1\nk10: 1\nk11: 1\nk12: "
	  "1\nk13: 1\nk14: 1\nk15: 1\nk16: 1\nk17: 1\nk18: 1\nk19: 1\nk3: 2\nk19: 2\n",
	  "21:1: k3: this key stands in line 4 already\n22:1: k19: this key stands in line 20 already" },
	{ "a wide key twice", "\303\251\344\270\255: 1\nb: 1\n\303\251\344\270\255: 2\n",
	  "3:1: \303\251\344\270\255: this key stands in line 1 already" },
	{ "an unknown alias", "a: *b\n", "1:5: no anchor &b stands before this" },
	{ "an alias before its anchor", "a: *b\nc: &b 1\n", "1:5: no anchor &b stands before this" },
	{ "an anchor twice", "a: &x 1\nb: &x 2\n", "2:7: the anchor &x is given twice" },
	{ "an alias within its anchor", "a: &x [1, *x]\n",
	  "1:12: an alias cannot stand within what it names" },
	{ "an alias as a key", "a: &x k\n*x : 1\n", "2:2: a key cannot be an alias" },
	{ "a merge of text", "a:\n  <<: b\n", "2:3: a[\"<<\"]: << wants a map or a list of maps" },
	{ "a merge of a list of texts", "a: &x 1\nb:\n  <<: [*x]\n",
	  "3:3: b[\"<<\"]: << wants a map or a list of maps" },
	{ "a merge of nothing", "a:\n  <<:\n", "2:3: a[\"<<\"]: << wants a map or a list of maps" },
	{ "an anchor in a merge", "a:\n  <<: &x {b: 1}\n", "2:10: no anchor can stand in <<" },
	{ "a merge twice", "a: &x {k: 1}\nb:\n  <<: *x\n  <<: *x\n",
	  "4:3: b[\"<<\"]: this key stands in line 3 already" },
	{ "not UTF-8", "a: \377\n", "1:4: the file is not UTF-8: byte ff" },
	{ "not UTF-8 after a wide character", "a: \303\251\303\n", "1:5: the file is not UTF-8: byte c3" },
	{ "overlong", "a: \300\257\n", "1:4: the file is not UTF-8: byte c0" },
	{ "a surrogate", "a: \355\240\200\n", "1:4: the file is not UTF-8: byte ed" },
	{ "an escape sequence", "a: 1\nb: \033[31mred\n", "2:4: the character U+001B is not allowed here" },
	{ "DEL", "a: \177\n", "1:4: the character U+007F is not allowed here" },
	{ "C1", "a: \302\23331m\n", "1:4: the character U+009B is not allowed here" },
	{ "not UTF-8 after CR LF", "a: 1\r\nb: \376\r\n", "2:4: the file is not UTF-8: byte fe" },
	{ "not UTF-8 after CR", "a: 1\rb: \376\r", "2:4: the file is not UTF-8: byte fe" },
	{ "an unset variable", "a: ${NOPE}\n", "1:4: a: the environment variable NOPE is not set" },
	{ "an unset variable after text", "a: http://${HOST}:${NOPE}/x\n",
	  "1:19: a: the environment variable NOPE is not set" },
	{ "an unset variable in quotes", "a: \"x ${NOPE}\"\n",
	  "1:7: a: the environment variable NOPE is not set" },
	{ "an unset variable in single quotes", "a: 'x ${NOPE}'\n",
	  "1:7: a: the environment variable NOPE is not set" },
	{ "an unset variable after a wide character", "a: \303\251\344\270\255 ${NOPE}\n",
	  "1:7: a: the environment variable NOPE is not set" },
	{ "an unset variable in a list", "a: [b, \"${NOPE}\"]\n",
	  "1:9: a[1]: the environment variable NOPE is not set" },
	{ "an unset variable in a block", "a: |\n  line\n  b ${NOPE}\n",
	  "3:5: a: the environment variable NOPE is not set" },
	{ "an unset variable in a folded block", "a: >-\n  line\n   ${NOPE}\n",
	  "3:4: a: the environment variable NOPE is not set" },
	{ "an unset variable in a second line", "a: \"one\n  two ${NOPE}\"\n",
	  "2:7: a: the environment variable NOPE is not set" },
	{ "an unset variable behind an escape that hides it", "a: \"\\x24{NOPE} ${NOPE}\"\n",
	  "1:4: a: the environment variable NOPE is not set" },
	{ "an unset variable after an escape", "a: $${HOST} ${NOPE}\n",
	  "1:13: a: the environment variable NOPE is not set" },
	{ "two unset variables", "a: ${NOPE}\nb: ${NADA}\n",
	  "1:4: a: the environment variable NOPE is not set\n2:4: b: the environment variable NADA is not "
	  "set" },
	{ "no closing brace", "a: x${HOST\n", "1:5: a: ${ without its }; write $${ for ${ itself" },
	{ "an empty name", "a: ${}\n",
	  "1:4: a: want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself" },
	{ "a name with a space", "a: ${A B}\n",
	  "1:4: a: want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself" },
	{ "a name that begins with a digit", "a: ${1A}\n",
	  "1:4: a: want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself" },
	{ "a name with a dash", "a: ${A-b}\n",
	  "1:4: a: want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself" },
	{ "shell's other forms", "a: ${HOST:=x}\n",
	  "1:4: a: want ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for ${ itself" },
	{ "a default in a default", "a: ${NOPE:-${HOST}}\n", "1:4: a: a default cannot hold another ${...}" },
	{ "a file that is not there", "a: ${file:/no/such/file}\n",
	  "1:4: a: /no/such/file cannot be opened: No such file or directory" },
	{ "a file without a name", "a: ${file:}\n", "1:4: a: ${file:} names no file" },
	{ "a folder as a file", "a: ${file:/}\n", "1:4: a: / cannot be read: Is a directory" },
	{ "a variable that is not UTF-8", "a: ${BINARY}\n",
	  "1:4: a: the environment variable BINARY is not UTF-8" },
	{ "an empty variable is set, a missing one is not",
	  "a: ${EMPTY}\nb: ${EMPTY:-x}\nc: ${NOPE:-}\nd: ${NOPE2}\n",
	  "4:4: d: the environment variable NOPE2 is not set" },
	{ "a binary file", "a: ${file:/proc/self/cmdline}\n",
	  "1:4: a: /proc/self/cmdline is not a text in UTF-8" },
	{ "include is a text", "include: a.yaml\n",
	  "1:10: include: want a list of files, such as [conf.d/*.yaml]" },
	{ "include of a map", "include: [{a: 1}]\n",
	  "1:11: include[0]: want the path of a file or a pattern such as conf.d/*.yaml" },
	{ "include of nothing", "include:\n- \"\"\n",
	  "2:3: include[0]: want the path of a file or a pattern such as conf.d/*.yaml" },
	{ "a file to include is not there", "a: 1\ninclude: [no-such-file.yaml]\n",
	  "2:11: include[0]: no-such-file.yaml cannot be opened: No such file or directory" },
	{ "include deeper is a key like any other", "a:\n  include: [x]\n", "" },
	{ "a pattern that finds nothing", "include: [no-such-folder/*.yaml]\n", "" },
	{ "depth",
	  "a: "
	  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
	  "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
	  "1:67: more than 64 lists and maps within each other" },
};

static void test_bad_files_are_refused_in_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct reading reading;

		reading_open(&reading);
		reading_parse(&reading, bad[i].text);
		if (strcmp(reading_summary(&reading), bad[i].problems) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", bad[i].what, reading.printed,
				 bad[i].problems);
		assert_row(failed(reading.outcome) == (bad[i].problems[0] != 0), i, bad[i].what);
		reading_close(&reading);
	}
}

/* A tree as text: lists in brackets, maps in braces, quoted scalars in quotes, null as ~, with line:column.
 */
static void print_tree(FILE *to, const struct node *node)
{
	const char *between = "";

	if (node->key.len)
		fprintf(to, "%.*s@%u:%u=", STR_ARG(node->key), node->key_line, node->key_column);
	if (node->kind == NODE_NULL)
		fputc('~', to);
	if (node->kind == NODE_SCALAR)
		fprintf(to, node->is_quoted ? "\"%.*s\"" : "%.*s", STR_ARG(node->text));
	fprintf(to, node->kind == NODE_LIST ? "[" : node->kind == NODE_MAP ? "{" : "");
	for (const struct node *child = node->first; child; child = child->next) {
		assert_ptr_equal(child->parent, node);
		fputs(between, to);
		print_tree(to, child);
		between = " ";
	}
	fprintf(to, node->kind == NODE_LIST ? "]" : node->kind == NODE_MAP ? "}" : "");
	fprintf(to, "@%u:%u+%u", node->line, node->column, node->width);
}

static const struct {
	const char *what, *text, *tree;
} good[] = {
	{ "nothing at all", "", "{}@1:1+0" },
	{ "only a comment", "# nothing\n", "{}@1:1+0" },
	{ "only a marker", "---\n", "{}@1:1+0" },
	{ "null at the top", "~\n", "{}@1:1+0" },
	{ "an empty map", "{}\n", "{}@1:1+2" },
	{ "words", "a: b\n", "{a@1:1=b@1:4+1}@1:1+0" },
	{ "without a last line end", "a: b", "{a@1:1=b@1:4+1}@1:1+0" },
	{ "a marker before", "---\na: b\n", "{a@2:1=b@2:4+1}@2:1+0" },
	{ "a version", "%YAML 1.2\n---\na: b\n", "{a@3:1=b@3:4+1}@3:1+0" },
	{ "a byte order mark", "\357\273\277a: b\n", "{a@1:1=b@1:4+1}@1:1+0" },
	{ "quotes", "a: \"b c\"\nd: 'e f'\n", "{a@1:1=\"b c\"@1:4+5 d@2:1=\"e f\"@2:4+5}@1:1+0" },
	{ "quotes in keys", "\"a b\": 1\n'c': 2\n", "{a b@1:1=1@1:8+1 c@2:1=2@2:6+1}@1:1+0" },
	{ "escapes", "a: \"x\\ty\\u00e9\\x41\\n\"\n", "{a@1:1=\"x\ty\303\251A\n\"@1:4+18}@1:1+0" },
	{ "a quote in quotes", "a: 'it''s'\n", "{a@1:1=\"it's\"@1:4+7}@1:1+0" },
	{ "all that is null", "a:\nb: ~\nc: null\nd: Null\ne: NULL\n",
	  "{a@1:1=~@1:1+1 b@2:1=~@2:4+1 c@3:1=~@3:4+4 d@4:1=~@4:4+4 e@5:1=~@5:4+4}@1:1+0" },
	{ "what is not null in quotes", "a: \"\"\nb: 'null'\nc: \"~\"\n",
	  "{a@1:1=\"\"@1:4+2 b@2:1=\"null\"@2:4+6 c@3:1=\"~\"@3:4+3}@1:1+0" },
	{ "nULL is a text", "a: nULL\n", "{a@1:1=nULL@1:4+4}@1:1+0" },
	{ "numbers and flags are text until they are read", "a: 1\nb: true\nc: 1.5\nd: yes\n",
	  "{a@1:1=1@1:4+1 b@2:1=true@2:4+4 c@3:1=1.5@3:4+3 d@4:1=yes@4:4+3}@1:1+0" },
	{ "lists and maps", "a:\n  - b\n  - c: d\n    e: f\n",
	  "{a@1:1=[b@2:5+1 {c@3:5=d@3:8+1 e@4:5=f@4:8+1}@3:5+0]@2:3+0}@1:1+0" },
	{ "a list in the column of its key", "a:\n- b\n- c\n", "{a@1:1=[b@2:3+1 c@3:3+1]@2:1+0}@1:1+0" },
	{ "lists in lists", "a:\n- - b\n  - c\n- [d, [e]]\n",
	  "{a@1:1=[[b@2:5+1 c@3:5+1]@2:3+0 [d@4:4+1 [e@4:8+1]@4:7+3]@4:3+8]@2:1+0}@1:1+0" },
	{ "brackets", "a: [b, c, {d: e}]\nf: {g: h, i: [j]}\n",
	  "{a@1:1=[b@1:5+1 c@1:8+1 {d@1:12=e@1:15+1}@1:11+6]@1:4+14 f@2:1={g@2:5=h@2:8+1 "
	  "i@2:11=[j@2:15+1]@2:14+3}@2:4+14}@1:1+0" },
	{ "brackets over lines", "a: [b,\n  c]\nd: {\n  e: f }\n",
	  "{a@1:1=[b@1:5+1 c@2:3+1]@1:4+0 d@3:1={e@4:3=f@4:6+1}@3:4+0}@1:1+0" },
	{ "empty brackets", "a: []\nb: {}\n", "{a@1:1=[]@1:4+2 b@2:1={}@2:4+2}@1:1+0" },
	{ "a trailing comma", "a: [b, ]\nc: {d: e, }\n",
	  "{a@1:1=[b@1:5+1]@1:4+5 c@2:1={d@2:5=e@2:8+1}@2:4+8}@1:1+0" },
	{ "JSON", "{\"a\": {\"b\": [1, true, null, \"c\"]}}\n",
	  "{a@1:2={b@1:8=[1@1:14+1 true@1:17+4 ~@1:23+4 \"c\"@1:29+3]@1:13+20}@1:7+27}@1:1+34" },
	{ "JSON without spaces", "{\"a\":1,\"b\":\"c\"}\n", "{a@1:2=1@1:6+1 b@1:8=\"c\"@1:12+3}@1:1+15" },
	{ "a literal block", "a: |\n  b\n   c\n\n", "{a@1:1=\"b\n c\n\"@2:3+0}@1:1+0" },
	{ "a folded block", "a: >-\n  b\n  c\n", "{a@1:1=\"b c\"@2:3+0}@1:1+0" },
	{ "a block that keeps its end", "a: |+\n  b\n\n", "{a@1:1=\"b\n\n\"@2:3+0}@1:1+0" },
	{ "text over lines", "a: b\n  c\n", "{a@1:1=b c@1:4+0}@1:1+0" },
	{ "quoted text over lines", "a: \"b\n  c\"\n", "{a@1:1=\"b c\"@1:4+0}@1:1+0" },
	{ "wide characters", "\303\251: \303\274\n\344\270\255: [\346\226\207, x]\n",
	  "{\303\251@1:1=\303\274@1:4+1 \344\270\255@2:1=[\346\226\207@2:5+1 x@2:8+1]@2:4+6}@1:1+0" },
	{ "tabs between", "a:\tb\n", "{a@1:1=b@1:4+1}@1:1+0" },
	{ "a comment behind", "a: b # c\n", "{a@1:1=b@1:4+1}@1:1+0" },
	{ "a hash in a word", "a: b#c\n", "{a@1:1=b#c@1:4+3}@1:1+0" },
	{ "a colon in a word", "a: b:c\n", "{a@1:1=b:c@1:4+3}@1:1+0" },
	{ "a URL", "a: http://x/y?z\n", "{a@1:1=http://x/y?z@1:4+12}@1:1+0" },
	{ "CR LF", "a: b\r\nc:\r\n  - d\r\n", "{a@1:1=b@1:4+1 c@2:1=[d@3:5+1]@3:3+0}@1:1+0" },
	{ "CR", "a: b\rc: d\r", "{a@1:1=b@1:4+1 c@2:1=d@2:4+1}@1:1+0" },
	{ "an alias of a text", "a: &x b\nc: *x\n", "{a@1:1=b@1:7+1 c@2:1=b@1:7+1}@1:1+0" },
	{ "an alias of a map", "a: &x {b: c}\nd: *x\n",
	  "{a@1:1={b@1:8=c@1:11+1}@1:7+6 d@2:1={b@1:8=c@1:11+1}@1:7+6}@1:1+0" },
	{ "an alias of a list", "a: &x\n  - b\nc: [*x, *x]\n",
	  "{a@1:1=[b@2:5+1]@2:3+0 c@3:1=[[b@2:5+1]@2:3+0 [b@2:5+1]@2:3+0]@3:4+8}@1:1+0" },
	{ "an alias of nothing", "a: &x\nb: *x\n", "{a@1:1=~@1:1+1 b@2:1=~@1:1+1}@1:1+0" },
	{ "an alias in a copy", "a: &x 1\nb: &y [*x]\nc: *y\n",
	  "{a@1:1=1@1:7+1 b@2:1=[1@1:7+1]@2:7+4 c@3:1=[1@1:7+1]@2:7+4}@1:1+0" },
	{ "a merge", "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
	  "{a@1:1={b@1:8=1@1:11+1 c@1:14=2@1:17+1}@1:7+12 d@2:1={c@4:3=3@4:6+1 "
	  "b@1:8=1@1:11+1}@3:3+0}@1:1+0" },
	{ "a merge after the keys", "a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n",
	  "{a@1:1={b@1:8=1@1:11+1 c@1:14=2@1:17+1}@1:7+12 d@2:1={c@3:3=3@3:6+1 "
	  "b@1:8=1@1:11+1}@3:3+0}@1:1+0" },
	{ "a merge of two", "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]\n",
	  "{a@1:1={b@1:8=1@1:11+1}@1:7+6 c@2:1={b@2:8=2@2:11+1 d@2:14=3@2:17+1}@2:7+12 e@3:1={b@1:8=1@1:11+1 "
	  "d@2:14=3@2:17+1}@4:3+0}@1:1+0" },
	{ "a merge of a map in place", "a:\n  <<: {b: 1}\n  c: 2\n",
	  "{a@1:1={c@3:3=2@3:6+1 b@2:8=1@2:11+1}@2:3+0}@1:1+0" },
	{ "<< in quotes is a key", "a:\n  \"<<\": 1\n", "{a@1:1={<<@2:3=1@2:9+1}@2:3+0}@1:1+0" },
	{ "a key of merge in a merge", "a: &x {b: 1}\nc: &y\n  <<: *x\n  d: 2\ne:\n  <<: *y\n",
	  "{a@1:1={b@1:8=1@1:11+1}@1:7+6 c@2:1={d@4:3=2@4:6+1 b@1:8=1@1:11+1}@3:3+0 e@5:1={d@4:3=2@4:6+1 "
	  "b@1:8=1@1:11+1}@6:3+0}@1:1+0" },
	{ "a question mark begins a key", "? a\n: b\n", "{a@1:3=b@2:3+1}@1:1+0" },
	{ "variables", "a: ${HOST}:${PORT}\n", "{a@1:1=orders.internal:8080@1:4+15}@1:1+0" },
	{ "a variable in quotes", "a: \"${PORT}\"\n", "{a@1:1=\"8080\"@1:4+9}@1:1+0" },
	{ "keys are not expanded", "${HOST}: a\n", "{${HOST}@1:1=a@1:10+1}@1:1+0" },
};

static void test_good_files_become_trees_with_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct reading reading;
		char *tree;
		size_t size;
		FILE *to = open_memstream(&tree, &size);

		reading_open(&reading);
		reading_parse(&reading, good[i].text);
		assert_row(!failed(reading.outcome), i, good[i].what);
		print_tree(to, document_root(reading.document));
		fclose(to);
		if (strcmp(tree, good[i].tree) != 0)
			fail_msg("%s: got %s, want %s", good[i].what, tree, good[i].tree);
		free(tree);
		reading_close(&reading);
	}
}

/* What stands at a node's place, as wide as the node says. */
static str source_at(const char *text, const struct node *node)
{
	str rest = source_line(str_of(text), node->line), all;
	uint32_t character;

	if (str_starts(rest, STR("\xef\xbb\xbf")))
		rest = str_skip(rest, 3);
	for (uint32_t column = 1; column < node->column; column++)
		assert_true(character_take(&rest, &character));
	all = rest;
	for (uint32_t width = 0; width < node->width; width++)
		assert_true(character_take(&rest, &character));
	return str_slice(all, 0, all.len - rest.len);
}

static char last_of(str s)
{
	return s.ptr[s.len - 1];
}

/* Text stands there as it is, quoted text in its quotes. */
static void check_scalar(str source, const struct node *node)
{
	if (node->is_quoted)
		assert_true(source.len >= 2 && source.ptr[0] == last_of(source));
	else if (!node->is_expanded)
		assert_true(str_eq(source, node->text));
}

/* Lists and maps stand there in their brackets. */
static void check_place(const char *text, const struct node *node)
{
	str source = source_at(text, node);

	if (node->width && node->kind == NODE_SCALAR)
		check_scalar(source, node);
	if (node->width && node->kind == NODE_LIST)
		assert_true(source.ptr[0] == '[' && last_of(source) == ']');
	if (node->width && node->kind == NODE_MAP)
		assert_true(source.ptr[0] == '{' && last_of(source) == '}');
	for (const struct node *child = node->first; child; child = child->next)
		check_place(text, child);
}

static void test_places_and_widths_are_those_of_the_source(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct reading reading;

		reading_open(&reading);
		reading_parse(&reading, good[i].text);
		check_place(good[i].text, document_root(reading.document));
		reading_close(&reading);
	}
}

static char *repeat(const char *before, const char *part, size_t count, const char *after)
{
	size_t size = strlen(before) + count * strlen(part) + strlen(after) + 1;
	char *text = malloc(size);
	struct buf b = buf_over(text, size);

	buf_put(&b, str_of(before));
	while (count--)
		buf_put(&b, str_of(part));
	buf_put(&b, str_of(after));
	text[b.len] = 0;
	return text;
}

static void expect_problem(const char *text, const char *problem)
{
	struct reading reading;

	reading_open(&reading);
	reading_parse(&reading, text);
	assert_string_equal(reading_summary(&reading), problem);
	reading_close(&reading);
}

static void test_depth_is_bounded(void **state)
{
	char *deepest = repeat("a: ", "[", 63, "");
	char *good_text = repeat(deepest, "]", 63, ""), *bad_text = repeat("a: ", "[", 64, "");

	(void)state;
	expect_problem(good_text, "");
	expect_problem(bad_text, "1:67: more than 64 lists and maps within each other");
	free(deepest);
	free(good_text);
	free(bad_text);
}

static void test_depth_is_bounded_through_aliases(void **state)
{
	char *deep = repeat("a: &a ", "[", 40, "");
	char *closed = repeat(deep, "]", 40, "\nb: ");
	char *more = repeat(closed, "[", 30, "*a");
	char *text = repeat(more, "]", 30, "");

	(void)state;
	expect_problem(text, "2:35: more than 64 lists and maps within each other");
	free(deep);
	free(closed);
	free(more);
	free(text);
}

/* Nine lines that would make a thousand million nodes. */
static void test_a_billion_laughs_are_refused(void **state)
{
	(void)state;
	expect_problem("a: &a [x, x, x, x, x, x, x, x, x, x]\n"
		       "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
		       "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
		       "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
		       "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n"
		       "f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n",
		       "5:37: aliases make the configuration too large");
}

static void test_a_file_that_does_not_fit_is_refused(void **state)
{
	char *text = repeat("a: [", "b, ", 20000, "]\n");
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading_parse_bytes(&reading, str_of(text), 2 * 1024 * 1024);
	assert_true(failed(reading.outcome));
	assert_true(str_contains(str_of(reading_summary(&reading)), STR("the configuration is too large")));
	reading_close(&reading);
	free(text);
}

/* 50,000 routes of eight nodes each: the bound that is promised, without a clock. */
static void test_a_large_file_takes_little_room(void **state)
{
	enum { ROUTES = 50000, LINE = 96 };
	char *text = malloc((size_t)ROUTES * LINE);
	struct buf b = buf_over(text, (size_t)ROUTES * LINE);
	struct reading reading;
	char line[LINE];

	(void)state;
	buf_put(&b, STR("routes:\n"));
	for (int i = 0; i < ROUTES; i++) {
		snprintf(line, sizeof line,
			 "  r%d: { path: /orders/%d, methods: [GET, POST], timeout: 5s, h: { a: b } }\n", i,
			 i);
		buf_put(&b, str_of(line));
	}
	assert_false(buf_overflowed(&b));
	reading_open(&reading);
	reading_parse_bytes(&reading, buf_str(&b), 100 * 1024 * 1024);
	assert_false(failed(reading.outcome));
	assert_int_equal(node_find(document_root(reading.document), STR("routes"))->count, ROUTES);
	assert_true(reading.arena.used < 60 * 1024 * 1024);
	reading_close(&reading);
	free(text);
}

static void test_a_nul_is_refused(void **state)
{
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading_parse_bytes(&reading, STR("a: b\0c\n"), 8 * 1024 * 1024);
	assert_string_equal(reading_summary(&reading), "1:5: the character U+0000 is not allowed here");
	reading_close(&reading);
}

static void test_keys_of_a_large_map_are_found(void **state)
{
	enum { KEYS = 1000 };
	char text[KEYS * 16];
	struct buf b = buf_over(text, sizeof text);
	struct reading reading;
	char key[16];

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		snprintf(key, sizeof key, "k%zu: %zu\n", i, i);
		buf_put(&b, str_of(key));
	}
	reading_open(&reading);
	reading_parse_bytes(&reading, buf_str(&b), 8 * 1024 * 1024);
	assert_false(failed(reading.outcome));
	assert_int_equal(document_root(reading.document)->count, KEYS);
	assert_non_null(document_root(reading.document)->index);
	assert_text(node_find(document_root(reading.document), STR("k999"))->text, "999");
	assert_null(node_find(document_root(reading.document), STR("k1000")));
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files_are_refused_in_their_place),
		cmocka_unit_test(test_good_files_become_trees_with_places),
		cmocka_unit_test(test_places_and_widths_are_those_of_the_source),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_depth_is_bounded_through_aliases),
		cmocka_unit_test(test_a_billion_laughs_are_refused),
		cmocka_unit_test(test_a_file_that_does_not_fit_is_refused),
		cmocka_unit_test(test_a_large_file_takes_little_room),
		cmocka_unit_test(test_a_nul_is_refused),
		cmocka_unit_test(test_keys_of_a_large_map_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
