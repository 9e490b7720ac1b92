/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be wrong with an HTTP/1 message: X(id, status, reason, text). The status is a client's; for an
 * upstream's answer it is always 502. The texts tell nothing of the content.
 */

/* The first line. */
X(REQUEST_LINE, 400, "request_line_malformed", "The request line is malformed.")
X(METHOD, 400, "request_line_malformed", "The method is not a token.")
X(METHOD_LONG, 501, "method_unsupported", "The method is not implemented.")
X(TARGET, 400, "request_line_malformed", "The request target is malformed.")
X(TARGET_FORM, 400, "request_line_malformed", "This form of the request target does not fit the method.")
X(REQUEST_LINE_LONG, 414, "uri_too_long", "The request line is too long.")
X(EMPTY_LINES, 400, "request_line_malformed", "There are too many empty lines before the request.")
X(VERSION, 400, "request_line_malformed", "The protocol version is malformed.")
X(VERSION_UNSUPPORTED, 505, "version_unsupported", "This version of HTTP is not supported here.")
X(STATUS_LINE, 502, "status_line_malformed", "The status line is malformed.")
X(STATUS, 502, "status_line_malformed", "The status code is malformed.")
X(STATUS_LINE_LONG, 502, "header_too_large", "The status line is too long.")

/* Lines and fields. */
X(LINE_END, 400, "header_malformed", "A line does not end in CR LF.")
X(FOLD, 400, "header_malformed", "A field is continued on the next line.")
X(FIELD_NAME, 400, "header_malformed", "A field name is malformed.")
X(FIELD_VALUE, 400, "header_malformed", "A field value holds a control character.")
X(FIELD_NAME_LONG, 431, "header_too_large", "A field name is too long.")
X(FIELD_LONG, 431, "header_too_large", "A field is too long.")
X(FIELDS_MANY, 431, "header_too_large", "There are too many fields.")
X(HEAD_LONG, 431, "header_too_large", "The field section is too long.")

/* What the fields say together. */
X(FIELD_REPEATED, 400, "header_malformed", "A field that may occur once is repeated.")
X(CONNECTION, 400, "header_malformed", "The Connection field is malformed.")
X(NOMINATED, 400, "framing_ambiguous", "The Connection field names a field that is not the connection's.")
X(LENGTH, 400, "framing_ambiguous", "The Content-Length field is not one plain number.")
X(LENGTH_REPEATED, 400, "framing_ambiguous", "The Content-Length field is repeated.")
X(LENGTH_AND_CODING, 400, "framing_ambiguous", "Content-Length and Transfer-Encoding stand together.")
X(CODING, 400, "framing_ambiguous", "The Transfer-Encoding field is not \"chunked\".")
X(CODING_VERSION, 400, "framing_ambiguous", "HTTP/1.0 has no Transfer-Encoding.")
X(CODING_UNSUPPORTED, 501, "coding_unsupported", "This transfer coding is not implemented.")
X(HOST_MISSING, 400, "host_malformed", "The Host field is missing.")
X(HOST, 400, "host_malformed", "The Host field is malformed.")
X(HOST_CONFLICT, 400, "host_malformed", "The Host field and the request target name different hosts.")
X(EXPECTATION, 417, "expectation_failed", "The only expectation that can be met is 100-continue.")

/* What only HTTP/2 can have wrong (RFC 9113 section 8), and HTTP/1 could not carry. */
X(PSEUDO_FIELDS, 400, "header_malformed", "The pseudo-header fields are not those of a request.")
X(FIELD_CASE, 400, "header_malformed", "A field name is not in lower case.")
X(FIELD_BLANK, 400, "header_malformed", "A field value begins or ends with a blank.")
X(FIELD_CONNECTION, 400, "header_malformed", "A field belongs to connections of HTTP/1.")
X(SCHEME, 400, "request_line_malformed", "The scheme is neither http nor https.")
X(LENGTH_CONFLICT, 400, "framing_ambiguous", "The body is not as long as Content-Length says.")

/* Chunks and trailers. */
X(CHUNK_SIZE, 400, "chunk_malformed", "A chunk size is malformed.")
X(CHUNK_EXTENSION, 400, "chunk_malformed", "A chunk extension is malformed.")
X(CHUNK_EXTENSION_LONG, 400, "chunk_malformed", "The chunk extensions are too long.")
X(CHUNK_END, 400, "chunk_malformed", "A chunk does not end in CR LF.")
