// SPDX-License-Identifier: Apache-2.0
// gRPC's health service, by @grpc/grpc-js, without its .proto: a message is one field, written here by hand.
//
//   node health_server.js '{"statuses": {"": 1, "shop.Orders": 1}}'
//
// A line {"service": "shop.Orders", "status": 2} on standard input changes one; each question is told.
'use strict';

const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const { options, tell } = require('./lines');

const statuses = options().statuses;

const methods = {
  Check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (service) => Buffer.from(service),
    requestDeserialize: (bytes) => bytes.subarray(bytes.length ? 2 : 0).toString(),
    responseSerialize: (status) => Buffer.from([1 << 3, status]),
    responseDeserialize: (bytes) => bytes[1],
  },
};

function check(call, done) {
  tell({ event: 'asked', service: call.request, host: call.getHost() });
  if (call.request in statuses)
    done(null, statuses[call.request]);
  else
    done({ code: grpc.status.NOT_FOUND, details: 'no such service' });
}

const server = new grpc.Server();
server.addService(methods, { Check: check });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error)
    throw error;
  tell({ event: 'listening', port });
});

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { service, status } = JSON.parse(line);
    statuses[service] = status;
  })
  .on('close', () => process.exit(0));
