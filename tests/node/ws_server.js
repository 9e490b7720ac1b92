// SPDX-License-Identifier: Apache-2.0
// A WebSocket server of the package ws: echoes what it gets, and tells each connection and its end.
//
//   node ws_server.js '{"port": 0, "protocols": ["chat"], "compress": true}'
//
// A text "close CODE WORDS" is obeyed, "ping" is answered by a ping, "die" ends the connection without a close frame.
'use strict';

const { WebSocketServer } = require('ws');
const { endWithInput, options, tell } = require('./lines');

const settings = options();

function obey(socket, text) {
  const [word, code, ...words] = text.split(' ');
  switch (word) {
    case 'close':
      return socket.close(Number(code), words.join(' '));
    case 'ping':
      return socket.ping('hello');
    case 'die':
      return socket.terminate();
    default:
      return socket.send(text);
  }
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: settings.port || 0,
  perMessageDeflate: Boolean(settings.compress),
  maxPayload: 64 * 1024 * 1024,
  handleProtocols: (offered) => (settings.protocols || []).find((protocol) => offered.has(protocol)) || false,
});
server.on('listening', () => tell({ event: 'listening', port: server.address().port }));
server.on('connection', (socket, request) => {
  tell({ event: 'open', path: request.url, headers: request.headers, protocol: socket.protocol });
  socket.on('message', (data, isBinary) => (isBinary ? socket.send(data) : obey(socket, data.toString())));
  socket.on('pong', (data) => tell({ event: 'pong', data: data.toString() }));
  socket.on('close', (code, words) => tell({ event: 'close', code, words: words.toString() }));
  socket.on('error', (why) => tell({ event: 'error', why: why.message }));
});
endWithInput();
