// SPDX-License-Identifier: Apache-2.0
// An HTTP/2 server of node's own: answers each request with what it was, as JSON, and trailers; and tells it, too.
//
//   node http2_server.js '{"port": 0, "key": PATH, "certificate": PATH}'
//
// The trailers are those of the request, each name behind "answer-", and x-done.
'use strict';

const fs = require('fs');
const http2 = require('http2');
const { endWithInput, options, tell } = require('./lines');

const settings = options();

function serve(stream, headers) {
  const request = { event: 'request', headers, trailers: {}, size: 0 };
  const answerTrailers = { 'x-done': '1' };
  stream.on('error', (why) => tell({ event: 'error', why: why.message }));
  stream.on('data', (piece) => { request.size += piece.length; });
  stream.on('trailers', (trailers) => {
    Object.assign(request.trailers, trailers);
    for (const [name, value] of Object.entries(trailers))
      answerTrailers[`answer-${name}`] = value;
  });
  stream.on('wantTrailers', () => stream.sendTrailers(answerTrailers));
  stream.on('end', () => {
    tell(request);
    stream.respond({ ':status': 200, 'content-type': 'application/json' }, { waitForTrailers: true });
    stream.end(JSON.stringify(request));
  });
}

const server = settings.key
  ? http2.createSecureServer({ key: fs.readFileSync(settings.key), cert: fs.readFileSync(settings.certificate) })
  : http2.createServer();
server.on('stream', serve);
server.listen(settings.port || 0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));
endWithInput();
