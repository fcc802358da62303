// SPDX-FileCopyrightText: the xbucket authors
// What the SDK scripts share: one line a check ("ok NAME" or "FAIL NAME: why"), a count at the end.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');

let passed = 0;
let failed = 0;

// Runs one check; a failure is reported and the next one runs.
async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    const text = `${error.code || error.name || ''} ${error.message || error}`.replace(/\s+/g, ' ');
    console.log(`FAIL ${name}: ${text.trim().slice(0, 600)}`);
    if (process.env.SDK_TEST_STACK) console.log(error.stack);
  }
}

function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

// The call must fail; gives its error.
async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('succeeded, but should have failed');
}

// A request by hand, as somebody who has only a URL: {status, headers, body}.
function request(url, { method = 'GET', headers = {}, body = null } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { method, headers }, (reply) => {
      const chunks = [];
      reply.on('data', (chunk) => chunks.push(chunk));
      reply.on('end', () => resolve({
        status: reply.statusCode, headers: reply.headers, body: Buffer.concat(chunks),
      }));
      reply.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; start this through run.sh`);
  return value;
}

// Keys that break naive encoders.
const oddKeys = [
  'with space', 'percent%20literal', 'percent%', 'plus+sign', 'question?mark', 'hash#sign',
  'ampersand&amp;', '<tag>"quote"\'apostrophe\'', 'semi;comma,equals=', 'back\\slash',
  'café', '日本/語', 'emoji-😀', 'dir//double', 'dir/../dotdot', 'dir/./dot', 'trailing/',
  'tab\tnewline\nbell\x07', 'a?acl', '(paren)*!~',
];

module.exports = { assert, check, finish, failure, request, needed, oddKeys };
