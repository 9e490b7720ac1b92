/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_config: the rows of `discovery`, and what has to be true of them together.
 *
 * What it asks for is one line of text, the key: "A catalog.internal 8080 10.0.0.53:53,...". It is what a
 * discovery is found by, and what its question is read from.
 */
#include "upstream/discovery_private.h"

static const char *const type_words[] = { "A", "SRV", NULL };

const struct field discovery_fields[] = {
	FIELD_STR_REQUIRED(struct discovery_config, dns, "dns", "The name that stands for the service."),
	FIELD_INT(struct discovery_config, port, "port", NULL, 1, 65535,
		  "Where each address listens; with `SRV` the records say it."),
	FIELD_ENUM(struct discovery_config, type, "type", type_words, "A",
		   "`A`: all addresses of the name, IPv6 (AAAA) too; `SRV`: hosts, ports, weights and "
		   "priorities, of which the lowest serves and the others are its backup."),
	FIELD_STRS(struct discovery_config, servers, "servers", 1, 8,
		   "DNS servers that are asked instead of the system's: `address` or `address:port`."),
	FIELD_END
};

static bool is_name_char(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool is_name(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return false;
	return name.len <= DISCOVERY_NAME_MAX;
}

static bool check_name(struct reader *reader, const struct node *node, str name)
{
	struct address address;
	const struct node *at = node_find(node, STR("dns"));

	if (str_is_empty(name))
		return false; /* its row has reported it */
	if (address_of_ip(name, 1, &address))
		diagnostic_error(reader->diagnostics, at, "an address needs no discovery: use endpoints");
	else if (!is_name(name))
		diagnostic_error(reader->diagnostics, at, "want a host name, read %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, at)));
	else
		return true;
	return false;
}

static bool check_port(struct reader *reader, const struct node *node, const struct discovery_config *config)
{
	const struct node *at = node_find(node, STR("port"));

	if (config->type == DISCOVERY_SRV && at)
		diagnostic_error(reader->diagnostics, at, "the SRV records say the port");
	else if (config->type == DISCOVERY_A && !at)
		diagnostic_error(reader->diagnostics, node, "the key \"port\" is missing");
	else
		return true;
	return false;
}

static bool server_address(str text, struct address *ret_address)
{
	struct address_text parts;

	if (address_of_ip(text, DISCOVERY_DNS_PORT, ret_address))
		return true;
	return !failed(address_text_parse(text, &parts)) && !parts.is_local && parts.port &&
	       address_of_text(&parts, ret_address);
}

static bool put_servers(struct reader *reader, const struct node *node, const struct discovery_config *config,
			struct buf *key)
{
	const struct node *list = node_find(node, STR("servers"));
	const struct node *item = list ? list->first : NULL;

	for (size_t i = 0; i < config->servers.len; i++, item = item->next) {
		struct address address;

		if (!server_address(config->servers.at[i], &address)) {
			diagnostic_error(reader->diagnostics, item,
					 "want addresses such as 10.0.0.53 or 127.0.0.1:8600, read %.*s",
					 STR_ARG(diagnostic_read(reader->diagnostics, item)));
			return false;
		}
		buf_put(key, i ? STR(",") : (str) { 0 });
		address_print(&address, key);
	}
	return true;
}

result discovery_key(struct reader *reader, const struct node *node, const struct discovery_config *config,
		     struct buf *ret_key)
{
	bool is_good = check_name(reader, node, config->dns);

	is_good &= check_port(reader, node, config);
	buf_put(ret_key, str_of(type_words[config->type]));
	buf_put_char(ret_key, ' ');
	for (size_t i = 0; is_good && i < config->dns.len; i++)
		buf_put_char(ret_key, ascii_lower(config->dns.ptr[i]));
	buf_put_char(ret_key, ' ');
	buf_put_u64(ret_key, (uint64_t)config->port);
	buf_put_char(ret_key, ' ');
	is_good &= put_servers(reader, node, config, ret_key);
	return is_good ? OK : error_make(ERROR_INVALID, "a discovery is wrong");
}
