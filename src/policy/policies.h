/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of policies: X(name, doc). Included where X is defined. A new policy is a row here and a file of
 * its own, which defines policy_NAME and policy_NAME_fields. X_SHORT(name, key, doc): options that are no map
 * are what that key of them would be.
 */
#ifndef X_SHORT
#define X_SHORT(name, key, doc) X(name, doc)
#endif

X(request_id,
  "Gives every request an id, or keeps the one that a trusted client sent, and tells it to both sides.")
X(headers, "Sets, adds and removes fields of requests and answers.")
X(rewrite, "Changes the path, the host or the query that the upstream gets.")
X(compress, "Sends answers in a content coding that the client accepts.")
X(jwt, "Lets in who bears a signed token (JWT) of an issuer that is trusted.")
X(introspection, "Lets in who bears a token that its issuer, when asked, says is good.")
X(api_key, "Lets in who bears the API key of a consumer.")
X(basic, "Lets in consumers by name and password.")
X(client_certificate, "Lets in who shows the certificate of a consumer.")
X(oidc, "Lets people log in with a browser (OpenID Connect).")
X(signature, "Lets in whose request is signed, as HTTP message signatures are (RFC 9421).")
X_SHORT(any_of, "policies", "Lets in by whichever of several policies knows the credential.")
X(forward_auth, "Asks another service whether a request may pass.")
X(mirror, "Sends copies of requests to another upstream.")
X(respond, "Answers by itself.")
X(redirect, "Sends the client somewhere else.")
X(authorize, "Lets pass whom the conditions allow.")
X(ip, "Lets clients in, or keeps them out, by their address.")
X(security_headers, "Tells browsers to be careful.")
X(cors, "Tells browsers whose pages may ask (CORS).")
X(body_limit, "Refuses bodies that are too large.")
X(rate_limit, "Bounds how often somebody may ask.")
X(quota, "Bounds how much somebody may ask for in days or months, kept over restarts.")
X(concurrency, "Bounds how many requests are under way at once.")
X(timeout, "Bounds the time that a request may take in all.")
X(fault, "Delays or refuses some requests, to try out what then happens.")

#undef X_SHORT
