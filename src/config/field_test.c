/* SPDX-License-Identifier: Apache-2.0 */
/* Reading by tables: every type, every mistake with its place and its words, and defaults. */
#include <stdio.h>
#include <unistd.h>

#include "config/config_testing.h"
#include "config/field_testing.h"
#include "config/file_list.h"

static void read_everything(struct reading *reading, const char *text, struct everything *ret_everything)
{
	struct reader reader;

	reading_open(reading);
	reading_parse(reading, text);
	assert_non_null(reading->document);
	reader = (struct reader) { &reading->arena, reading->diagnostics, reading->document };
	*ret_everything = (struct everything) { 0 };
	fields_read(&reader, document_root(reading->document), everything_fields, ret_everything);
}

#define ALLOWED                                                                                           \
	"; allowed: include, text, needed, flag, number, any_number, at_least, wait, room, pace, names, " \
	"methods, "                                                                                       \
	"mode, modes, pairs, inner, items, named and custom"

static const struct {
	const char *what, *text, *problems;
} bad[] = {
	{ "a required key is missing", "text: a\n", "1:1: the key \"needed\" is missing" },
	{ "everything is missing", "{}\n", "1:1: the key \"needed\" is missing" },
	{ "an unknown key, near another", "needed: x\ntxt: a\n",
	  "2:1: txt: unknown key; did you mean \"text\"?" },
	{ "an unknown key, far from all", "needed: x\nzebra: a\n", "2:1: zebra: unknown key" ALLOWED },
	{ "an unknown key in another case", "needed: x\nText: a\n",
	  "2:1: Text: unknown key; did you mean \"text\"?" },
	{ "an unknown key with a dash", "needed: x\nany-number: 1\n",
	  "2:1: any-number: unknown key; did you mean \"any_number\"?" },
	{ "two unknown keys", "needed: x\nfoo1: a\nnumbr: b\n",
	  "2:1: foo1: unknown key" ALLOWED "\n3:1: numbr: unknown key; did you mean \"number\"?" },
	{ "a required text is empty", "needed: \"\"\n", "1:9: needed: this must not be empty" },
	{ "a required text is nothing", "needed:\n", "1:1: needed: want text, read nothing" },
	{ "a required text is empty after expansion", "needed: ${EMPTY}\n",
	  "1:9: needed: this must not be empty" },
	{ "text is a list", "needed: [a]\n", "1:9: needed: want text, read a list" },
	{ "text is a map", "needed: {a: b}\n", "1:9: needed: want text, read a map" },
	{ "text is null", "needed: x\ntext: null\n", "2:7: text: want text, read nothing" },
	{ "text is a tilde", "needed: x\ntext: ~\n", "2:7: text: want text, read nothing" },
	{ "yes is not a flag", "needed: x\nflag: yes\n", "2:7: flag: want true or false, read \"yes\"" },
	{ "on is not a flag", "needed: x\nflag: on\n", "2:7: flag: want true or false, read \"on\"" },
	{ "1 is not a flag", "needed: x\nflag: 1\n", "2:7: flag: want true or false, read \"1\"" },
	{ "a flag in quotes", "needed: x\nflag: \"true\"\n",
	  "2:7: flag: want true or false, read \"true\" in quotes, which is text" },
	{ "a flag in single quotes", "needed: x\nflag: 'false'\n",
	  "2:7: flag: want true or false, read \"false\" in quotes, which is text" },
	{ "a flag is nothing", "needed: x\nflag:\n", "2:1: flag: want true or false, read nothing" },
	{ "a flag is a list", "needed: x\nflag: [true]\n", "2:7: flag: want true or false, read a list" },
	{ "a flag from outside", "needed: x\nflag: ${HOST}\n",
	  "2:7: flag: want true or false, read what \"${HOST}\" stands for" },
	{ "tRUE is not a flag", "needed: x\nflag: tRUE\n", "2:7: flag: want true or false, read \"tRUE\"" },
	{ "a number is text", "needed: x\nnumber: five\n",
	  "2:9: number: want a whole number from 1 to 10, read \"five\"" },
	{ "a number in quotes", "needed: x\nnumber: \"5\"\n",
	  "2:9: number: want a whole number from 1 to 10, read \"5\" in quotes, which is text" },
	{ "a number is too small", "needed: x\nnumber: 0\n",
	  "2:9: number: want a whole number from 1 to 10, read \"0\"" },
	{ "a number is too large", "needed: x\nnumber: 11\n",
	  "2:9: number: want a whole number from 1 to 10, read \"11\"" },
	{ "a number is negative", "needed: x\nnumber: -1\n",
	  "2:9: number: want a whole number from 1 to 10, read \"-1\"" },
	{ "a number is a fraction", "needed: x\nnumber: 1.5\n",
	  "2:9: number: want a whole number from 1 to 10, read \"1.5\"" },
	{ "a number with an exponent", "needed: x\nnumber: 1e1\n",
	  "2:9: number: want a whole number from 1 to 10, read \"1e1\"" },
	{ "a hexadecimal number", "needed: x\nnumber: 0x3\n",
	  "2:9: number: want a whole number from 1 to 10, read \"0x3\"" },
	{ "a number with a leading zero", "needed: x\nnumber: 010\n",
	  "2:9: number: want a whole number from 1 to 10, read \"010\"" },
	{ "a number with a plus", "needed: x\nnumber: +3\n",
	  "2:9: number: want a whole number from 1 to 10, read \"+3\"" },
	{ "a number with a line", "needed: x\nnumber: 1_0\n",
	  "2:9: number: want a whole number from 1 to 10, read \"1_0\"" },
	{ "a number is enormous", "needed: x\nany_number: 9223372036854775808\n",
	  "2:13: any_number: want a whole number, read \"9223372036854775808\"" },
	{ "a number is a map", "needed: x\nnumber: {a: 1}\n",
	  "2:9: number: want a whole number from 1 to 10, read a map" },
	{ "a number is nothing", "needed: x\nnumber:\n",
	  "2:1: number: want a whole number from 1 to 10, read nothing" },
	{ "a number from outside", "needed: x\nnumber: ${PORT}\n",
	  "2:9: number: want a whole number from 1 to 10, read what \"${PORT}\" stands for" },
	{ "a number without its upper bound", "needed: x\nat_least: 4\n",
	  "2:11: at_least: want a whole number of at least 5, read \"4\"" },
	{ "a number with a unit", "needed: x\nnumber: 5s\n",
	  "2:9: number: want a whole number from 1 to 10, read \"5s\"" },
	{ "a rate without its time", "needed: x\npace: 100\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read \"100\"" },
	{ "a rate by a unit alone", "needed: x\npace: 100/s\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read \"100/s\"; did you mean "
	  "\"100/1s\"?" },
	{ "a rate as nginx has it", "needed: x\npace: 10r/m\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read \"10r/m\"; did you mean "
	  "\"10/1m\"?" },
	{ "a rate of none", "needed: x\npace: 0/1s\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read \"0/1s\"" },
	{ "a rate is a list", "needed: x\npace: [1/1s]\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read a list" },
	{ "a rate that is too fast", "needed: x\npace: 1001/1s\n",
	  "2:7: pace: want at most 1000 in a second, by a time of at most 365d, read \"1001/1s\"" },
	{ "a rate that is too fast by its unit", "needed: x\npace: 2/1ms\n",
	  "2:7: pace: want at most 1000 in a second, by a time of at most 365d, read \"2/1ms\"" },
	{ "a rate by a time that is too long", "needed: x\npace: 1/366d\n",
	  "2:7: pace: want at most 1000 in a second, by a time of at most 365d, read \"1/366d\"" },
	{ "a rate from outside", "needed: x\npace: ${PORT}\n",
	  "2:7: pace: want a number of requests by a time, such as 100/1s, read what \"${PORT}\" stands "
	  "for" },
	{ "a duration in words", "needed: x\nwait: 5 seconds\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5 seconds\"; did you mean \"5s\"?" },
	{ "a duration without unit", "needed: x\nwait: 5\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5\"; did you mean \"5s\"?" },
	{ "a duration in a wrong case", "needed: x\nwait: 5S\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5S\"; did you mean \"5s\"?" },
	{ "a duration with a fraction", "needed: x\nwait: 1.5s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"1.5s\"" },
	{ "a duration of two units", "needed: x\nwait: 1m30s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"1m30s\"" },
	{ "a duration in an unknown unit", "needed: x\nwait: 5w\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5w\"" },
	{ "a duration with a space", "needed: x\nwait: 5 s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5 s\"; did you mean \"5s\"?" },
	{ "a negative duration", "needed: x\nwait: -5s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"-5s\"" },
	{ "a duration is too long", "needed: x\nwait: 3h\n",
	  "2:7: wait: want a duration from 1ms to 2h, read \"3h\"" },
	{ "a duration is too short", "needed: x\nwait: 0s\n",
	  "2:7: wait: want a duration from 1ms to 2h, read \"0s\"" },
	{ "a duration overflows", "needed: x\nwait: 99999999999999999999s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"99999999999999999999s\"" },
	{ "a duration overflows by its unit", "needed: x\nwait: 9223372036855s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"9223372036855s\"" },
	{ "a duration is a list", "needed: x\nwait: [5s]\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read a list" },
	{ "a duration is nothing", "needed: x\nwait:\n",
	  "2:1: wait: want a duration such as 5s, 250ms or 1m, read nothing" },
	{ "a duration is empty", "needed: x\nwait: \"\"\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"\"" },
	{ "a duration from outside", "needed: x\nwait: ${PORT}\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read what \"${PORT}\" stands for" },
	{ "a unit without a number", "needed: x\nwait: s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"s\"" },
	{ "minutes", "needed: x\nwait: 5min\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"5min\"; did you mean \"5m\"?" },
	{ "a duration with a leading zero", "needed: x\nwait: 05s\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read \"05s\"" },
	{ "a size in thousands", "needed: x\nroom: 16KB\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"16KB\"; did you mean \"16KiB\"?" },
	{ "a size in lower case", "needed: x\nroom: 16kib\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"16kib\"; did you mean \"16KiB\"?" },
	{ "a size in short", "needed: x\nroom: 16k\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"16k\"; did you mean \"16KiB\"?" },
	{ "megabytes", "needed: x\nroom: 5 MB\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"5 MB\"; did you mean \"5MiB\"?" },
	{ "gigabytes", "needed: x\nroom: 1G\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"1G\"; did you mean \"1GiB\"?" },
	{ "a size in bytes", "needed: x\nroom: 512B\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"512B\"; did you mean \"512\"?" },
	{ "a size with a fraction", "needed: x\nroom: 1.5MiB\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"1.5MiB\"" },
	{ "a negative size", "needed: x\nroom: -1\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"-1\"" },
	{ "a size is too small", "needed: x\nroom: 511\n",
	  "2:7: room: want a size from 512 to 1GiB, read \"511\"" },
	{ "a size is too large", "needed: x\nroom: 2GiB\n",
	  "2:7: room: want a size from 512 to 1GiB, read \"2GiB\"" },
	{ "a size overflows", "needed: x\nroom: 99999999999GiB\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"99999999999GiB\"" },
	{ "a size in a larger unit", "needed: x\nroom: 1TiB\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"1TiB\"" },
	{ "a size is a map", "needed: x\nroom: {a: 1}\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read a map" },
	{ "a size is text", "needed: x\nroom: large\n",
	  "2:7: room: want a size such as 512, 16KiB or 1MiB, read \"large\"" },
	{ "a list of texts is a text", "needed: x\nnames: a\n",
	  "2:8: names: want a list, such as [a, b], read \"a\"" },
	{ "a list of texts is a map", "needed: x\nnames: {a: b}\n",
	  "2:8: names: want a list, such as [a, b], read a map" },
	{ "a list of texts is empty", "needed: x\nnames: []\n", "2:8: names: want at least 1 item, read 0" },
	{ "a list of texts is nothing", "needed: x\nnames:\n", "2:1: names: want at least 1 item, read 0" },
	{ "a list of texts is too long", "needed: x\nnames: [a, b, c, d]\n",
	  "2:8: names: want at most 3 items, read 4" },
	{ "a list of texts holds a list", "needed: x\nnames: [a, [b]]\n",
	  "2:12: names[1]: want text, read a list" },
	{ "a list of texts holds a map", "needed: x\nnames:\n  - a\n  - b: c\n",
	  "4:5: names[1]: want text, read a map" },
	{ "a list of texts holds nothing", "needed: x\nnames: [a, ~]\n",
	  "2:12: names[1]: want text, read nothing" },
	{ "a word is misspelt", "needed: x\nmode: random_robin\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read \"random_robin\"" },
	{ "a word is near one", "needed: x\nmode: least_request\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read \"least_request\"; did you mean "
	  "\"least_requests\"?" },
	{ "a word in another case", "needed: x\nmode: Random\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read \"Random\"; did you mean "
	  "\"random\"?" },
	{ "a word is far from all", "needed: x\nmode: zzz\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read \"zzz\"" },
	{ "a word is a list", "needed: x\nmode: [random]\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read a list" },
	{ "a word is nothing", "needed: x\nmode:\n",
	  "2:1: mode: want round_robin, least_requests, random or 502, read nothing" },
	{ "a word from outside", "needed: x\nmode: ${HOST}\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read what \"${HOST}\" stands for" },
	{ "words are one word", "needed: x\nmodes: random\n",
	  "2:8: modes: want a list, such as [a, b], read \"random\"" },
	{ "words hold another", "needed: x\nmodes: [random, 503, least]\n",
	  "2:17: modes[1]: want round_robin, least_requests, random or 502, read \"503\"; did you mean "
	  "\"502\"?\n2:22: modes[2]: want round_robin, least_requests, random or 502, read \"least\"" },
	{ "words hold a list", "needed: x\nmodes: [[random]]\n",
	  "2:9: modes[0]: want round_robin, least_requests, random or 502, read a list" },
	{ "pairs are a list", "needed: x\npairs: [a]\n", "2:8: pairs: want a map, read a list" },
	{ "pairs are a text", "needed: x\npairs: a\n", "2:8: pairs: want a map, read \"a\"" },
	{ "pairs hold a list", "needed: x\npairs: {a: [b]}\n", "2:12: pairs.a: want text, read a list" },
	{ "pairs hold nothing", "needed: x\npairs:\n  a:\n", "3:3: pairs.a: want text, read nothing" },
	{ "too many pairs", "needed: x\npairs: {a: 1, b: 2, c: 3}\n",
	  "2:8: pairs: want at most 2 items, read 3" },
	{ "an object is a text", "needed: x\ninner: 5s\n", "2:8: inner: want a map, read \"5s\"" },
	{ "an object is a list", "needed: x\ninner: [a]\n", "2:8: inner: want a map, read a list" },
	{ "an object lacks a key", "needed: x\ninner: {wait: 5s}\n",
	  "2:1: inner: the key \"needed\" is missing" },
	{ "an object is nothing but needs a key", "needed: x\ninner:\n",
	  "2:1: inner: the key \"needed\" is missing" },
	{ "an object has an unknown key", "needed: x\ninner: {needed: x, wat: 5s}\n",
	  "2:20: inner.wat: unknown key; did you mean \"wait\"?" },
	{ "a wrong value in an object", "needed: x\ninner:\n  needed: x\n  wait: 2h\n",
	  "4:9: inner.wait: want a duration from 0s to 1h, read \"2h\"" },
	{ "a list of objects is a map", "needed: x\nitems: {a: b}\n",
	  "2:8: items: want a list, such as [a, b], read a map" },
	{ "a list of objects is empty", "needed: x\nitems: []\n",
	  "2:8: items: want at least 1 item, read 0" },
	{ "a list of objects is too long", "needed: x\nitems: [a, b, c, d, e]\n",
	  "2:8: items: want at most 4 items, read 5" },
	{ "an object in a list lacks a key", "needed: x\nitems:\n  - a\n  - weight: 2\n",
	  "4:5: items[1]: the key \"address\" is missing" },
	{ "a wrong value in a list",
	  "needed: x\nitems:\n  - { address: a, weight: 101 }\n  - b\n  - { address: c, wight: 1 }\n",
	  "3:27: items[0].weight: want a whole number from 0 to 100, read \"101\"\n5:19: items[2].wight: "
	  "unknown key; did you mean \"weight\"?" },
	{ "a list in a list of objects", "needed: x\nitems: [[a]]\n",
	  "2:9: items[0]: want a map, read a list" },
	{ "an empty text stands for an object", "needed: x\nitems: [\"\"]\n",
	  "2:9: items[0]: this must not be empty" },
	{ "a map of objects is a list", "needed: x\nnamed: [a]\n", "2:8: named: want a map, read a list" },
	{ "too many objects in a map",
	  "needed: x\nnamed: {a: {address: x}, b: {address: x}, c: {address: x}, d: {address: x}}\n",
	  "2:8: named: want at most 3 items, read 4" },
	{ "an object in a map is a text", "needed: x\nnamed: {a: x}\n",
	  "2:12: named.a: want a map, read \"x\"" },
	{ "an object in a map lacks a key", "needed: x\nnamed:\n  a:\n  b: {}\n",
	  "3:3: named.a: the key \"address\" is missing\n4:3: named.b: the key \"address\" is missing" },
	{ "a key of a map that is no word", "needed: x\nnamed:\n  \"a.b c\": {}\n",
	  "3:3: named[\"a.b c\"]: the key \"address\" is missing" },
	{ "a form reports", "needed: x\ncustom: [a]\n", "2:9: custom: want text, read a list" },
	{ "a form reports deeper", "needed: x\ncustom: {is: {a: b}}\n",
	  "2:14: custom.is: want text, read a map" },
	{ "many mistakes, in the order of the file", "number: 99\ntxt: a\nwait: 5\nnames: a\n",
	  "1:1: the key \"needed\" is missing\n1:9: number: want a whole number from 1 to 10, read "
	  "\"99\"\n2:1: txt: unknown key; did you mean \"text\"?\n3:7: wait: want a duration such as 5s, "
	  "250ms or 1m, read \"5\"; did you mean \"5s\"?\n4:8: names: want a list, such as [a, b], read "
	  "\"a\"" },
	{ "a mistake is not reported twice", "needed: ${NOPE}\nnumber: ${NOPE}\n",
	  "1:9: needed: the environment variable NOPE is not set\n2:9: number: the environment variable NOPE "
	  "is not set" },
	{ "a list with something broken", "needed: x\nnames: [\"${NOPE}\"]\n",
	  "2:10: names[0]: the environment variable NOPE is not set" },
	{ "control characters in a value", "needed: x\nnumber: \"\\e[31mred\\x07\"\n",
	  "2:9: number: want a whole number from 1 to 10, read \"\\x1b[31mred\\x07\" in quotes, which is "
	  "text" },
	{ "a direction mark in a value", "needed: x\nnumber: \"\\u202eabc\"\n",
	  "2:9: number: want a whole number from 1 to 10, read \"\\u202eabc\" in quotes, which is text" },
	{ "a long value is cut",
	  "needed: x\nnumber: "
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaa\n",
	  "2:9: number: want a whole number from 1 to 10, read "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\"" },
	{ "a long key is cut",
	  "needed: "
	  "x\nkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkk: 1\n",
	  "2:1: [\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...\"]: unknown "
	  "key" ALLOWED },
	{ "a secret is not shown", "needed: x\nnumber: ${SECRET}\n",
	  "2:9: number: want a whole number from 1 to 10, read what \"${SECRET}\" stands for" },
	{ "a secret within a text is not shown", "needed: x\nnumber: a-${SECRET}-b\n",
	  "2:9: number: want a whole number from 1 to 10, read what \"a-${SECRET}-b\" stands for" },
	{ "a secret in quotes is not shown", "needed: x\nwait: \"${SECRET}\"\n",
	  "2:7: wait: want a duration such as 5s, 250ms or 1m, read what \"${SECRET}\" stands for" },
	{ "a secret word is not shown", "needed: x\nmode: ${SECRET}\n",
	  "2:7: mode: want round_robin, least_requests, random or 502, read what \"${SECRET}\" stands for" },
};

static void test_mistakes_are_reported_in_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct reading reading;
		struct everything everything;

		read_everything(&reading, bad[i].text, &everything);
		if (strcmp(reading_summary(&reading), bad[i].problems) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", bad[i].what, reading.printed,
				 bad[i].problems);
		reading_close(&reading);
	}
}

/* What the defaults of everything_fields say. */
static void assert_defaults(const struct everything *e)
{
	assert_text(e->text, "some text");
	assert_true(e->flag);
	assert_int_equal(e->number, 3);
	assert_int_equal(e->any_number, -7);
	assert_int_equal(e->at_least, 5);
	assert_int_equal(e->wait, 250 * MILLISECOND);
	assert_int_equal(e->room, 16 * 1024);
	assert_int_equal(e->names.len, 0);
	assert_int_equal(e->methods.len, 2);
	assert_text(e->methods.at[0], "GET");
	assert_text(e->methods.at[1], "HEAD");
	assert_int_equal(e->mode, 1);
	assert_int_equal(e->modes, 1 << 2 | 1 << 3);
	assert_int_equal(e->pairs.len, 0);
	assert_int_equal(e->inner.wait, 2 * SECOND);
	assert_int_equal(e->inner.room, 1024 * 1024);
	assert_int_equal(e->items.len, 0);
	assert_int_equal(e->named.len, 0);
	assert_text(e->custom, "own");
}

static void test_defaults_hold_where_nothing_is_said(void **state)
{
	struct reading reading;
	struct everything e;

	(void)state;
	read_everything(&reading, "needed: x\n", &e);
	assert_string_equal(reading_summary(&reading), "");
	assert_text(e.needed, "x");
	assert_defaults(&e);
	reading_close(&reading);
}

static void test_defaults_hold_without_a_map_and_nothing_is_missing(void **state)
{
	struct reading reading;
	struct everything e = { 0 };
	struct reader reader;

	(void)state;
	reading_open(&reading);
	reader = (struct reader) { &reading.arena, reading.diagnostics, NULL };
	fields_read(&reader, NULL, everything_fields, &e);
	assert_int_equal(diagnostics_errors(reading.diagnostics), 0);
	assert_defaults(&e);
	reading_close(&reading);
}

static void test_defaults_hold_where_a_value_is_wrong(void **state)
{
	struct reading reading;
	struct everything e;

	(void)state;
	read_everything(&reading,
			"needed: x\ntext: []\nflag: 1\nnumber: a\nany_number: b\nat_least: 1\nwait: 1\n"
			"room: -1\nnames: 1\nmethods: a\nmode: a\nmodes: a\npairs: a\ninner: []\nitems: a\n"
			"named: a\ncustom: []\n",
			&e);
	assert_int_equal(diagnostics_errors(reading.diagnostics), 16);
	assert_defaults(&e);
	reading_close(&reading);
}

static const char full[] = "text: \"other\"\n"
			   "needed: 12\n"
			   "flag: FALSE\n"
			   "number: 10\n"
			   "any_number: -9223372036854775807\n"
			   "at_least: 9223372036854775807\n"
			   "wait: \"2h\"\n"
			   "room: 512\n"
			   "names: [a, \"b c\", true]\n"
			   "methods: []\n"
			   "mode: 502\n"
			   "modes: [round_robin, 502, round_robin]\n"
			   "pairs: { X-A: b, \"y z\": 2 }\n"
			   "inner: { wait: 0s, room: 3GiB, needed: y }\n"
			   "items:\n"
			   "  - a:1\n"
			   "  - { address: b, weight: 0 }\n"
			   "named:\n"
			   "  second: { address: c }\n"
			   "  first: { address: d, weight: 100 }\n"
			   "custom: { is: e }\n";

static void test_scalars_are_read(void **state)
{
	struct reading reading;
	struct everything e;

	(void)state;
	read_everything(&reading, full, &e);
	assert_string_equal(reading_summary(&reading), "");
	assert_text(e.text, "other");
	assert_text(e.needed, "12");
	assert_false(e.flag);
	assert_int_equal(e.number, 10);
	assert_int_equal(e.any_number, -INT64_MAX);
	assert_int_equal(e.at_least, INT64_MAX);
	assert_int_equal(e.wait, 2 * HOUR);
	assert_int_equal(e.room, 512);
	assert_int_equal(e.mode, 3);
	assert_int_equal(e.modes, 1 << 0 | 1 << 3);
	assert_text(e.custom, "e");
	reading_close(&reading);
}

static void test_lists_and_maps_are_read_in_order(void **state)
{
	struct reading reading;
	struct everything e;

	(void)state;
	read_everything(&reading, full, &e);
	assert_int_equal(e.names.len, 3);
	assert_text(e.names.at[1], "b c");
	assert_text(e.names.at[2], "true");
	assert_int_equal(e.methods.len, 0);
	assert_int_equal(e.pairs.len, 2);
	assert_text(e.pairs.at[0].name, "X-A");
	assert_text(e.pairs.at[1].value, "2");
	assert_int_equal(e.pairs.at[1].node->line, 13);
	assert_int_equal(e.inner.wait, 0);
	assert_int_equal(e.inner.room, (uint64_t)3 << 30);
	assert_int_equal(e.items.len, 2);
	assert_text(e.items.at[0].address, "a:1");
	assert_int_equal(e.items.at[0].weight, 1);
	assert_int_equal(e.items.at[1].weight, 0);
	assert_int_equal(e.items.at[1].entry.name.len, 0);
	assert_int_equal(e.items.at[1].entry.node->line, 17);
	assert_int_equal(e.named.len, 2);
	assert_text(e.named.at[0].entry.name, "second");
	assert_int_equal(e.named.at[0].weight, 1);
	assert_text(e.named.at[1].address, "d");
	reading_close(&reading);
}

static const char *const as_good_as_absent[] = { "needed: x\nmethods:\n", "needed: x\nmodes: ~\n",
						 "needed: x\npairs: null\n", "needed: x\nnamed:\n" };

static void test_lists_and_maps_may_be_left_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(as_good_as_absent); i++) {
		struct reading reading;
		struct everything e;

		read_everything(&reading, as_good_as_absent[i], &e);
		assert_row(diagnostics_errors(reading.diagnostics) == 0, i, as_good_as_absent[i]);
		reading_close(&reading);
	}
}

static void test_what_came_from_outside_is_read_by_its_field(void **state)
{
	struct reading reading;
	struct everything e;

	(void)state;
	read_everything(&reading,
			"needed: ${HOST}\nany_number: ${PORT}\nroom: ${PORT}\nflag: \"${NONE:-false}\"\n"
			"wait: \"${NONE:-5}s\"\nnames: [\"${TRICKY}\"]\n",
			&e);
	assert_string_equal(reading_summary(&reading), "");
	assert_int_equal(e.any_number, 8080);
	assert_int_equal(e.room, 8080);
	assert_false(e.flag);
	assert_int_equal(e.wait, 5 * SECOND);
	assert_text(e.names.at[0], "{a: 1}\n- ${HOST} ${request.id}");
	reading_close(&reading);
}

/* The single readers, as forms use them: each on every kind of value. */
static const struct {
	const char *text;
	bool is_str, is_strs, is_duration, is_size, is_int, is_bool;
} kinds[] = {
	{ "a: x\n", true, false, false, false, false, false },
	{ "a: \"x\"\n", true, false, false, false, false, false },
	{ "a: 5\n", true, false, false, true, true, false },
	{ "a: \"5\"\n", true, false, false, true, false, false },
	{ "a: ${NONE:-5}\n", true, false, false, true, true, false },
	{ "a: \"${NONE:-5}\"\n", true, false, false, true, true, false },
	{ "a: 5s\n", true, false, true, false, false, false },
	{ "a: '5s'\n", true, false, true, false, false, false },
	{ "a: 5KiB\n", true, false, false, true, false, false },
	{ "a: true\n", true, false, false, false, false, true },
	{ "a: 'true'\n", true, false, false, false, false, false },
	{ "a: -5\n", true, false, false, false, true, false },
	{ "a: 0\n", true, false, false, true, true, false },
	{ "a:\n", false, true, false, false, false, false },
	{ "a: []\n", false, true, false, false, false, false },
	{ "a: [x, 5]\n", false, true, false, false, false, false },
	{ "a: [[x]]\n", false, false, false, false, false, false },
	{ "a: [~]\n", false, false, false, false, false, false },
	{ "a: {}\n", false, false, false, false, false, false },
	{ "a: \"\"\n", true, false, false, false, false, false },
	{ "a: |\n  5s\n", true, false, false, false, false, false },
	{ "a: >-\n  5s\n", true, false, true, false, false, false },
};

/* A node of its own for each reader: what one reports, the next would not. */
static bool try_reader(size_t row, int which)
{
	struct reading reading;
	struct reader reader;
	const struct node *node;
	str text;
	str_list list;
	int64_t number;
	uint64_t size;
	bool flag, is_read = false;

	reading_open(&reading);
	reading_parse(&reading, kinds[row].text);
	reader = (struct reader) { &reading.arena, reading.diagnostics, reading.document };
	node = node_find(document_root(reading.document), STR("a"));
	if (which == 0)
		is_read = field_read_str(&reader, node, &text);
	if (which == 1)
		is_read = field_read_strs(&reader, node, 0, 10, &list);
	if (which == 2)
		is_read = field_read_duration(&reader, node, 0, HOUR, &number);
	if (which == 3)
		is_read = field_read_size(&reader, node, 0, 1 << 20, &size);
	if (which == 4)
		is_read = field_read_int(&reader, node, -10, 10, &number);
	if (which == 5)
		is_read = field_read_bool(&reader, node, &flag);
	assert_int_equal(diagnostics_errors(reading.diagnostics), !is_read);
	reading_close(&reading);
	return is_read;
}

static void test_single_readers_take_their_kind_and_report_the_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		assert_row(try_reader(i, 0) == kinds[i].is_str, i, kinds[i].text);
		assert_row(try_reader(i, 1) == kinds[i].is_strs, i, kinds[i].text);
		assert_row(try_reader(i, 2) == kinds[i].is_duration, i, kinds[i].text);
		assert_row(try_reader(i, 3) == kinds[i].is_size, i, kinds[i].text);
		assert_row(try_reader(i, 4) == kinds[i].is_int, i, kinds[i].text);
		assert_row(try_reader(i, 5) == kinds[i].is_bool, i, kinds[i].text);
	}
}

/* Bounds belong to what is allowed; both 0 are none. */
static const struct {
	const char *text;
	int64_t min, max;
	bool is_read;
} ranges[] = {
	{ "1", 1, 3, true },
	{ "3", 1, 3, true },
	{ "0", 1, 3, false },
	{ "4", 1, 3, false },
	{ "-1", -1, 0, true },
	{ "-2", -1, 0, false },
	{ "1", -1, 0, false },
	{ "-9223372036854775807", 0, 0, true },
	{ "9223372036854775807", 0, 0, true },
	{ "9223372036854775807", 5, INT64_MAX, true },
	{ "-0", 0, 0, true },
	{ "0", 0, 10, true },
	{ "-1", 0, 10, false },
	{ "9223372036854775808", 0, 0, false },
};

static void test_ranges_hold_their_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ranges); i++) {
		struct reading reading;
		struct reader reader;
		int64_t value = 77;
		char text[64];

		snprintf(text, sizeof text, "a: %s\n", ranges[i].text);
		reading_open(&reading);
		reading_parse(&reading, text);
		reader = (struct reader) { &reading.arena, reading.diagnostics, reading.document };
		assert_row(field_read_int(&reader, document_root(reading.document)->first, ranges[i].min,
					  ranges[i].max, &value) == ranges[i].is_read,
			   i, ranges[i].text);
		assert_row(ranges[i].is_read || value == 77, i, "nothing is written");
		reading_close(&reading);
	}
}

static void test_reading_over_keeps_what_is_not_given(void **state)
{
	struct reading reading;
	struct everything e = { .number = 9, .wait = 77, .text = STR("kept") };
	struct reader reader;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "needed: x\nwait: 1s\nnumbr: 1\n");
	reader = (struct reader) { &reading.arena, reading.diagnostics, reading.document };
	fields_read_over(&reader, document_root(reading.document), everything_fields, &e);
	assert_int_equal(e.number, 9);
	assert_int_equal(e.wait, SECOND);
	assert_text(e.text, "kept");
	assert_string_equal(reading_summary(&reading), "3:1: numbr: unknown key; did you mean \"number\"?");
	reading_close(&reading);
}

/* Defaults are written as in YAML: given in a file, they make the same struct. */
static void test_defaults_written_into_a_file_mean_the_same(void **state)
{
	struct reading reading;
	struct everything e;
	char text[2048];
	struct buf b = buf_over(text, sizeof text);

	(void)state;
	buf_put(&b, STR("needed: x\n"));
	for (const struct field *field = everything_fields; field->type != FIELD_T_END; field++) {
		if (!field->standard)
			continue;
		buf_put(&b, str_of(field->name));
		buf_put(&b, STR(": "));
		buf_put(&b, str_of(field->standard));
		buf_put_char(&b, '\n');
	}
	buf_put_char(&b, 0);
	read_everything(&reading, text, &e);
	assert_string_equal(reading_summary(&reading), "");
	assert_defaults(&e);
	reading_close(&reading);
}

static void test_a_struct_that_does_not_fit_is_refused(void **state)
{
	struct reading reading;
	struct everything e = { 0 };
	struct arena little;
	struct reader reader;

	(void)state;
	reading_open(&reading);
	reading_parse(&reading, "needed: x\nmethods: [a, b]\nitems: [a, b]\n");
	arena_init(&little, NULL, 128 * 1024);
	reader = (struct reader) { &little, reading.diagnostics, reading.document };
	arena_bytes(&little, 64 * 1024 - 64);
	fields_read_over(&reader, document_root(reading.document), everything_fields, &e);
	assert_string_equal(reading_summary(&reading), "2:10: methods: the configuration is too large\n"
						       "3:8: items: the configuration is too large");
	arena_fini(&little);
	reading_close(&reading);
}

/* Relative to the file that names it, and a part of the configuration from then on, also when it is not
 * there. */
static void test_files_are_read_and_remembered(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		bool is_read;
		const char *problem;
	} rows[] = {
		{ "secret", 100, true, "" },
		{ "secret", 3, false, "is too large" },
		{ "none", 100, false, "cannot be opened: No such file or directory" },
		{ ".", 100, false, "cannot be read: Is a directory" },
	};
	char folder[] = "/tmp/field-test-XXXXXX", name[64], secret[64];
	FILE *to;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof name, "%s/t.yaml", folder);
	snprintf(secret, sizeof secret, "%s/secret", folder);
	to = fopen(secret, "w");
	assert_non_null(to);
	fputs("hunter2", to);
	fclose(to);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reading reading;
		struct reader reader;
		str text = { 0 };

		reading_open(&reading);
		reading.outcome = document_parse(&reading.arena, str_of(name), STR("file: x\n"), NULL,
						 reading.diagnostics, &reading.document);
		reader = (struct reader) { &reading.arena, reading.diagnostics, reading.document };
		assert_row(reader_read_file(&reader, node_find(document_root(reading.document), STR("file")),
					    str_of(rows[i].path), rows[i].max, &text) == rows[i].is_read,
			   i, rows[i].path);
		assert_row(str_contains(str_of(reading_print(&reading)), str_of(rows[i].problem)), i,
			   rows[i].problem);
		assert_row(diagnostics_errors(reading.diagnostics) == !rows[i].is_read, i, rows[i].path);
		assert_int_equal(document_files(reading.document)->count, 1);
		assert_true(!rows[i].is_read || str_eq(text, STR("hunter2")));
		reading_close(&reading);
	}
	unlink(secret);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes_are_reported_in_their_place),
		cmocka_unit_test(test_defaults_hold_where_nothing_is_said),
		cmocka_unit_test(test_defaults_hold_without_a_map_and_nothing_is_missing),
		cmocka_unit_test(test_defaults_hold_where_a_value_is_wrong),
		cmocka_unit_test(test_scalars_are_read),
		cmocka_unit_test(test_lists_and_maps_are_read_in_order),
		cmocka_unit_test(test_lists_and_maps_may_be_left_empty),
		cmocka_unit_test(test_what_came_from_outside_is_read_by_its_field),
		cmocka_unit_test(test_single_readers_take_their_kind_and_report_the_others),
		cmocka_unit_test(test_ranges_hold_their_ends),
		cmocka_unit_test(test_reading_over_keeps_what_is_not_given),
		cmocka_unit_test(test_defaults_written_into_a_file_mean_the_same),
		cmocka_unit_test(test_a_struct_that_does_not_fit_is_refused),
		cmocka_unit_test(test_files_are_read_and_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
