/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of policies: X(name, doc). Included where X is defined. A new policy is a row here and a file of
 * its own, which defines policy_NAME and policy_NAME_fields.
 */
X(request_id,
  "Gives every request an id, or keeps the one that a trusted client sent, and tells it to both sides.")
X(headers, "Sets, adds and removes fields of requests and answers.")
X(rewrite, "Changes the path, the host or the query that the upstream gets.")
X(compress, "Sends answers in a content coding that the client accepts.")
X(jwt, "Lets in who bears a signed token (JWT) of an issuer that is trusted.")
X(forward_auth, "Asks another service whether a request may pass.")
X(mirror, "Sends copies of requests to another upstream.")
X(respond, "Answers by itself.")
X(redirect, "Sends the client somewhere else.")
X(ip, "Lets clients in, or keeps them out, by their address.")
X(security_headers, "Tells browsers to be careful.")
X(cors, "Tells browsers whose pages may ask (CORS).")
X(body_limit, "Refuses bodies that are too large.")
X(timeout, "Bounds the time that a request may take in all.")
X(fault, "Delays or refuses some requests, to try out what then happens.")
