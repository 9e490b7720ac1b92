/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reasons: X(id, word, status, proxy_error, title, detail). Included where X is defined.
 *
 * The word is the log's and the metrics'; once released it is never changed. The status is the client's. The
 * error is one of RFC 9209 section 2.3, empty where nobody but the client is at fault and the standard has no
 * word for it. The title is empty where the status's own phrase says it, as RFC 9457 section 4.2.1 wants it
 * for problems without a type of their own. The detail tells nothing of the inside: no address, no name of an
 * upstream, nothing that came with the request.
 *
 * X_MEANING(..., meaning): what it means for who runs the gateway, where the detail does not tell him all.
 */
#ifndef X_MEANING
#define X_MEANING(id, word, status, proxy_error, title, detail, meaning) \
	X(id, word, status, proxy_error, title, detail)
#endif

/* The request's head cannot be understood. Words of codec/h1_errors.h must all be here. */
X(REQUEST_LINE_MALFORMED, "request_line_malformed", 400, "http_request_error", "",
  "The request line is malformed.")
X(HEADER_MALFORMED, "header_malformed", 400, "http_request_error", "", "The header section is malformed.")
X(HOST_MALFORMED, "host_malformed", 400, "http_request_error", "",
  "The host is missing, malformed or contradictory.")
X(PATH_INVALID, "path_invalid", 400, "http_request_error", "", "The path has no single normal form.")
X(FRAMING_AMBIGUOUS, "framing_ambiguous", 400, "http_request_error", "",
  "The end of the request cannot be told.")
X(CHUNK_MALFORMED, "chunk_malformed", 400, "http_request_error", "", "The chunked coding is malformed.")
X(BASE64_MALFORMED, "base64_malformed", 400, "http_request_error", "",
  "The body is not the base64 that it should be.")
X(STATUS_LINE_MALFORMED, "status_line_malformed", 502, "http_protocol_error", "",
  "The service gave an answer that cannot be understood.")
X(EXPECTATION_FAILED, "expectation_failed", 417, "http_request_error", "",
  "The only expectation that can be met is 100-continue.")
X(METHOD_UNSUPPORTED, "method_unsupported", 501, "http_request_error", "", "The method is not implemented.")
X(CODING_UNSUPPORTED, "coding_unsupported", 501, "http_request_error", "",
  "The transfer coding is not implemented.")
X(WEBSOCKET_MALFORMED, "websocket_malformed", 400, "http_request_error", "",
  "This is no request for a WebSocket that can be understood.")
X(WEBSOCKET_VERSION_UNSUPPORTED, "websocket_version_unsupported", 426, "http_request_error", "",
  "The only version of the WebSocket protocol here is 13.")
X(VERSION_UNSUPPORTED, "version_unsupported", 505, "http_request_error", "",
  "This version of HTTP is not supported here.")

/* The request is too large or too slow. */
X(URI_TOO_LONG, "uri_too_long", 414, "http_request_error", "", "The request line is too long.")
X(HEADER_TOO_LARGE, "header_too_large", 431, "http_request_error", "", "The header section is too large.")
X(BODY_TOO_LARGE, "body_too_large", 413, "http_request_error", "", "The body is too large.")
X(HEADER_TIMEOUT, "header_timeout", 408, "http_request_error", "",
  "The header section was not complete in time.")
X(BODY_TIMEOUT, "body_timeout", 408, "http_request_error", "", "The body did not come in time.")

/* The request is understood, and came by the wrong way. */
X(HTTPS_REDIRECT, "https_redirect", 308, "", "", "It is served by https only.")
X(TLS_REQUIRED, "tls_required", 400, "http_request_error", "", "This port speaks https only.")
X(MISDIRECTED_REQUEST, "misdirected_request", 421, "http_request_error", "",
  "The connection was made for another host.")

/* It belongs nowhere. */
X(NO_ROUTE, "no_route", 404, "http_request_error", "", "Nothing is served under this address.")
X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "http_request_error", "",
  "The method is not allowed for this address.")

X(LOOP, "loop", 502, "proxy_loop_detected", "", "The request has come through here too often.")

/* A policy says so. */
X(RESPOND, "respond", 200, "", "", "")
X(REDIRECT, "redirect", 302, "", "", "")
X(CORS_PREFLIGHT, "cors_preflight", 204, "", "", "")
X(CORS_DENIED, "cors_denied", 403, "http_request_denied", "", "Pages of other origins may not ask that.")
X(AUTH_DENIED, "auth_denied", 403, "http_request_denied", "",
  "The service that decides does not let this through.")
X(AUTH_UNAVAILABLE, "auth_unavailable", 503, "proxy_internal_response", "",
  "Whether this is allowed cannot be found out now.")
X(VALUE_INVALID, "value_invalid", 400, "http_request_error", "",
  "A value of the request cannot be passed on: it holds a line end or another control character.")
X(CONDITION_UNDECIDED, "condition_undecided", 400, "http_request_error", "",
  "The request is such that it cannot be told what holds for it.")
X(REWRITE_INVALID, "rewrite_invalid", 400, "http_request_error", "",
  "The path that the request would get is not a valid one.")

X(REDIRECT_INVALID, "redirect_invalid", 400, "http_request_error", "",
  "The address that the request would be sent to is not a valid one.")
X(IP_DENIED, "ip_denied", 403, "http_request_denied", "", "This client is not let in.")

/* Who asks is not known. All of them say the same to the client: which part has failed is for the log. */
#define UNAUTHORIZED "The credentials are missing or not valid."
X_MEANING(TOKEN_MISSING, "token_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request bears no token where the policy looks for it.")
X_MEANING(TOKEN_MALFORMED, "token_malformed", 401, "http_request_denied", "", UNAUTHORIZED,
	  "What stands where the token should is none, or there are several of them.")
X_MEANING(TOKEN_TOO_LARGE, "token_too_large", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token is longer than any that is read.")
X_MEANING(TOKEN_ALGORITHM, "token_algorithm", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token is signed by an algorithm that is not among those of its issuer.")
X_MEANING(TOKEN_KEY_UNKNOWN, "token_key_unknown", 401, "http_request_denied", "", UNAUTHORIZED,
	  "No key of the issuer's fits the token's `kid` and algorithm.")
X_MEANING(TOKEN_SIGNATURE, "token_signature", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's signature was not made by a key of its issuer.")
X_MEANING(TOKEN_EXPIRED, "token_expired", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's `exp` is past, by more than `skew`, or it has none and must have one.")
X_MEANING(TOKEN_NOT_YET_VALID, "token_not_yet_valid", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's `nbf` or `iat` is still to come, by more than `skew`.")
X_MEANING(TOKEN_ISSUER, "token_issuer", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's `iss` is no issuer of the policy.")
X_MEANING(TOKEN_AUDIENCE, "token_audience", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's `aud` has none of the `audience` that is asked for.")
X_MEANING(TOKEN_TYPE, "token_type", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token's `typ` is none of the `types`.")
X_MEANING(TOKEN_CLAIMS, "token_claims", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token lacks what `require` or `claims` ask for, or has a time that is none.")
X_MEANING(TOKEN_REVOKED, "token_revoked", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The list in `revoked` has the token, or whom it is about.")
X_MEANING(TOKEN_BINDING, "token_binding", 401, "http_request_denied", "", UNAUTHORIZED,
	  "Who sent the token did not prove to have the certificate or the key that it is bound to.")
X_MEANING(TOKEN_REPLAYED, "token_replayed", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The proof (DPoP) or the `nonce` of the signature was shown before; it is good once.")
X_MEANING(TOKEN_INACTIVE, "token_inactive", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The issuer says that the token is not, or no longer, good.")
X_MEANING(TOKEN_CONSUMER_UNKNOWN, "token_consumer_unknown", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The token is good, but the claim of `consumer` names nobody who is configured.")
X_MEANING(KEY_MISSING, "key_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request bears no API key where the policy looks for it.")
X_MEANING(KEY_UNKNOWN, "key_unknown", 401, "http_request_denied", "", UNAUTHORIZED,
	  "No consumer has this API key, or the request bears two.")
X_MEANING(PASSWORD_MISSING, "password_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request bears no name and password.")
X_MEANING(PASSWORD_WRONG, "password_wrong", 401, "http_request_denied", "", UNAUTHORIZED,
	  "No consumer has that name, the password is not his, or the two cannot be read.")
X_MEANING(CERTIFICATE_MISSING, "certificate_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The client's connection has no certificate.")
X_MEANING(CERTIFICATE_UNKNOWN, "certificate_unknown", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The client's certificate is good, but its subject and names are no consumer's.")
X_MEANING(SIGNATURE_MISSING, "signature_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request is not signed.")
X_MEANING(SIGNATURE_MALFORMED, "signature_malformed", 401, "http_request_denied", "", UNAUTHORIZED,
	  "`Signature-Input` or `Signature` cannot be read, or they do not belong together.")
X_MEANING(SIGNATURE_KEY_UNKNOWN, "signature_key_unknown", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The `keyid` is that of no key of the policy, or of a consumer's who is gone.")
X_MEANING(SIGNATURE_WRONG, "signature_wrong", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The signature is not that of this request by this key.")
X_MEANING(SIGNATURE_EXPIRED, "signature_expired", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The signature is older than `max_age`, has no `created`, or is past its `expires`.")
X_MEANING(SIGNATURE_UNCOVERED, "signature_uncovered", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The signature does not cover all of `components`.")
X_MEANING(DIGEST_MISMATCH, "digest_mismatch", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The body is not the one that the signed `Content-Digest` is of.")
X_MEANING(SESSION_MISSING, "session_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request has no session, and is not one of a browser that could be sent to log in.")
X_MEANING(SESSION_INVALID, "session_invalid", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The session's cookie is forged, cut off, or sealed by a secret that is gone.")
X_MEANING(SESSION_EXPIRED, "session_expired", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The session is older than `max_age`, or the issuer has ended it.")
X_MEANING(CREDENTIALS_MISSING, "credentials_missing", 401, "http_request_denied", "", UNAUTHORIZED,
	  "The request bears no credential that a policy of `any_of` knows.")
X_MEANING(NOT_AUTHENTICATED, "not_authenticated", 401, "http_request_denied", "", UNAUTHORIZED,
	  "`authorize` asks who it is, and no policy before it has found out.")
#undef UNAUTHORIZED

/* Who asks is known, and may not. */
#define FORBIDDEN "This is not allowed to who asks."
X_MEANING(CONSUMER_DENIED, "consumer_denied", 403, "http_request_denied", "", FORBIDDEN,
	  "Who asks is none of the `consumers` of `authorize`.")
X_MEANING(GROUP_DENIED, "group_denied", 403, "http_request_denied", "", FORBIDDEN,
	  "Who asks is in none of the `groups` of `authorize`.")
X_MEANING(SCOPE_DENIED, "scope_denied", 403, "http_request_denied", "", FORBIDDEN,
	  "The token lacks a scope of `scopes`, or has none of `any_scope`.")
X_MEANING(CLAIM_DENIED, "claim_denied", 403, "http_request_denied", "", FORBIDDEN,
	  "The token lacks what the `claims` of `authorize` ask for.")
X_MEANING(CONDITION_DENIED, "condition_denied", 403, "http_request_denied", "", FORBIDDEN,
	  "The `when` of `authorize` does not hold.")
#undef FORBIDDEN

/* A browser is sent to log in, and comes back. */
X(LOGIN_REDIRECT, "login_redirect", 302, "", "", "")
X(LOGIN_FAILED, "login_failed", 400, "http_request_denied", "", "The login did not come to a good end.")
X(LOGOUT, "logout", 303, "", "", "")

/* Who asks may, but not as often. */
X(RATE_LIMITED, "rate_limited", 429, "http_request_denied", "Quota Exceeded",
  "There were too many requests lately.")

X(QUOTA_EXCEEDED, "quota_exceeded", 429, "http_request_denied", "Quota Exceeded", "The quota is used up.")
X(CONCURRENCY_LIMITED, "concurrency_limited", 503, "http_request_denied", "",
  "As many requests as may be are under way at once.")
X(CONCURRENCY_QUEUE_TIMEOUT, "concurrency_queue_timeout", 503, "http_request_denied", "",
  "None of the requests that are under way has ended in time.")

X_MEANING(LIMIT_UNAVAILABLE, "limit_unavailable", 503, "proxy_internal_response", "",
	  "Whether there were too many requests lately cannot be found out now.",
	  "The Redis that a limit is counted on does not answer, and its `on_failure` is `deny`.")
X(FAULT_INJECTED, "fault_injected", 503, "proxy_internal_response", "",
  "This answer is a rehearsal of a fault.")

/* The gateway cannot. */
X(OVERLOADED, "overloaded", 503, "proxy_internal_response", "", "The gateway is at its limits.")
X(SHUTTING_DOWN, "shutting_down", 503, "proxy_internal_response", "", "The gateway is shutting down.")

/* There is no endpoint to ask. */
X(NO_ENDPOINT, "no_endpoint", 503, "destination_unavailable", "", "The service is not available.")
X(UPSTREAM_NAME_UNRESOLVED, "upstream_name_unresolved", 502, "dns_error", "",
  "The service's address could not be found.")
X(UPSTREAM_CONNECT_REFUSED, "upstream_connect_refused", 502, "connection_refused", "",
  "The service refused the connection.")
X(UPSTREAM_CONNECT_TIMEOUT, "upstream_connect_timeout", 504, "connection_timeout", "",
  "No connection to the service came about in time.")

X_MEANING(UPSTREAM_OVERLOADED, "upstream_overloaded", 503, "destination_unavailable", "",
	  "The service has as much to do as it may have.",
	  "As many requests as `circuit_breaker.requests` lets there be were under way; nothing was sent.")
X_MEANING(UPSTREAM_CONNECTIONS_EXCEEDED, "upstream_connections_exceeded", 503, "connection_limit_reached", "",
	  "The service has as much to do as it may have.",
	  "All of `circuit_breaker.connections` were in use, and too many waited for one already "
	  "(`pending`) or none came free within `timeouts.connect`; nothing was sent.")

/* No TLS came about with it; nothing was sent. */
X(UPSTREAM_CERTIFICATE_INVALID, "upstream_certificate_invalid", 502, "tls_certificate_error", "",
  "The service could not show that it is who it should be.")
X(UPSTREAM_TLS_REFUSED, "upstream_tls_refused", 502, "tls_alert_received", "",
  "The service refused a secure connection.")
X(UPSTREAM_TLS_FAILED, "upstream_tls_failed", 502, "tls_protocol_error", "",
  "No secure connection to the service came about.")

/* The endpoint was asked. */
X(TOTAL_TIMEOUT, "total_timeout", 504, "http_response_timeout", "", "The answer did not come about in time.")
X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "http_response_timeout", "",
  "The service did not answer in time.")
X(UPSTREAM_READ_TIMEOUT, "upstream_read_timeout", 504, "connection_read_timeout", "",
  "The service stopped sending.")
X(UPSTREAM_WRITE_TIMEOUT, "upstream_write_timeout", 504, "connection_write_timeout", "",
  "The service stopped reading.")
X(UPSTREAM_CLOSED, "upstream_closed", 502, "connection_terminated", "",
  "The service closed the connection without an answer.")
X(UPSTREAM_RESET, "upstream_reset", 502, "connection_terminated", "",
  "The connection to the service broke before an answer.")
X(UPSTREAM_REFUSED, "upstream_refused", 503, "destination_unavailable", "",
  "The service takes no more requests at the moment.")
X(UPSTREAM_MALFORMED, "upstream_malformed", 502, "http_protocol_error", "",
  "The service gave an answer that cannot be understood.")
X(UPSTREAM_UPGRADE_FAILED, "upstream_upgrade_failed", 502, "http_upgrade_failed", "",
  "The service did not open the WebSocket in the way that it was asked to.")

/* It ended otherwise; a head had gone to the client, or nobody was there to read one. */
X(UPSTREAM_ABORTED, "upstream_aborted", 502, "http_response_incomplete", "",
  "The service's answer broke off.")
X(CLIENT_TIMEOUT, "client_timeout", 408, "", "", "The client did not read the answer in time.")
X(TUNNEL_TIMEOUT, "tunnel_timeout", 408, "", "", "Nothing came through the WebSocket for too long.")
X(CLIENT_ABORTED, "client_aborted", 499, "", "Client Closed Request", "The client went away.")

#undef X_MEANING
