// SPDX-License-Identifier: Apache-2.0
// The browsers' gRPC-Web client (grpc-web over an XMLHttpRequest for node), told what to call, one call a line.
//
//   {"id": 1, "url": "http://127.0.0.1:1234", "format": "text" or "binary", "kind": "unary" or "count",
//    "ask": {...}, "metadata": {...}}
//
// As that client has it, only "text" streams while the answer is under way.
'use strict';

global.XMLHttpRequest = require('xhr2');
const grpcWeb = require('grpc-web');
const { Echo } = require('./echo');
const { serve } = require('./lines');

function bytesOf(buffer) {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function descriptor(kind) {
  const method = Echo.service[kind === 'unary' ? 'Unary' : 'Count'];
  const type = kind === 'unary' ? grpcWeb.MethodType.UNARY : grpcWeb.MethodType.SERVER_STREAMING;
  return new grpcWeb.MethodDescriptor(method.path, type, Object, Object,
    (ask) => bytesOf(method.requestSerialize(ask)), (bytes) => method.responseDeserialize(Buffer.from(bytes)));
}

function run(command) {
  return new Promise((resolve) => {
    const client = new grpcWeb.GrpcWebClientBase({ format: command.format });
    const method = descriptor(command.kind);
    const url = `${command.url}${method.name}`;
    const metadata = command.metadata || {};
    const result = { replies: [], times_ms: [], statuses: [] };
    const began = Date.now();
    const end = () => setTimeout(() => resolve(result), 20); // the status may come behind the end
    const take = (reply) => {
      result.replies.push({ text: reply.text, number: reply.number, size: reply.filling.length });
      result.times_ms.push(Date.now() - began);
    };
    const stream = command.kind === 'unary'
      ? client.rpcCall(url, command.ask, metadata, method, (why, reply) => {
        if (why)
          result.error = { code: why.code, message: why.message, metadata: why.metadata };
        else
          take(reply);
        end();
      })
      : client.serverStreaming(url, command.ask, metadata, method);
    stream.on('metadata', (head) => { result.head = head; });
    stream.on('status', (status) => { result.statuses.push(status); });
    if (command.kind === 'unary')
      return;
    stream.on('data', take);
    stream.on('error', (why) => {
      result.error = { code: why.code, message: why.message, metadata: why.metadata };
      end();
    });
    stream.on('end', end);
  });
}

serve(run);
