// SPDX-License-Identifier: Apache-2.0
// A WebSocket client of the package ws: one connection for each line that it is told.
//
//   {"id": 1, "url": "ws://127.0.0.1:1234/ws", "protocols": ["chat"], "send": ["a", "b"], "binary": [1000],
//    "expect": 2, "close": 1000, "ca": PATH, "headers": {...}, "compress": true}
//
// It sends all, `binary` being sizes of messages, and closes after `expect` messages, by default as many as it sent.
'use strict';

const fs = require('fs');
const WebSocket = require('ws');
const { serve } = require('./lines');

function run(command) {
  return new Promise((resolve) => {
    const result = { messages: [], pings: 0, opened: false };
    const texts = command.send || [];
    const sizes = command.binary || [];
    const expected = command.expect === undefined ? texts.length + sizes.length : command.expect;
    const socket = new WebSocket(command.url, command.protocols || [], {
      headers: command.headers,
      ca: command.ca && fs.readFileSync(command.ca),
      perMessageDeflate: Boolean(command.compress),
      maxPayload: 64 * 1024 * 1024,
    });
    socket.on('open', () => {
      Object.assign(result, { opened: true, protocol: socket.protocol, extensions: socket.extensions });
      texts.forEach((text) => socket.send(text));
      sizes.forEach((size) => socket.send(Buffer.alloc(size, 7)));
    });
    socket.on('message', (data, isBinary) => {
      result.messages.push(isBinary ? { size: data.length, is_same: data.every((byte) => byte === 7) }
                                    : data.toString());
      if (result.messages.length === expected)
        socket.close(command.close || 1000);
    });
    socket.on('ping', () => { result.pings++; });
    socket.on('unexpected-response', (request, response) => {
      result.status = response.statusCode;
      response.resume();
      request.destroy();
    });
    socket.on('error', (why) => { result.error = why.message; });
    socket.on('close', (code, words) => resolve({ ...result, code, words: words.toString() }));
  });
}

serve(run);
