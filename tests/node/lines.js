// SPDX-License-Identifier: Apache-2.0
// What the peers have in common: they are told and tell things as JSON, one object a line.
'use strict';

const readline = require('readline');

// Goes out at once, whatever the output is.
function tell(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

// What the command line says: at most one JSON object.
function options() {
  return JSON.parse(process.argv[2] || '{}');
}

// Calls serve(command) for each line; what it resolves to is told, under the command's id. Ends with the input.
function serve(answer) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const command = JSON.parse(line);
    let result;
    try {
      result = await answer(command);
    } catch (why) {
      result = { exception: String((why && why.stack) || why) };
    }
    tell({ id: command.id, ...result });
  });
  lines.on('close', () => process.exit(0));
}

// A server has no commands; it ends with its input, so that no test leaves one behind.
function endWithInput() {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
}

module.exports = { endWithInput, options, serve, tell };
