// SPDX-License-Identifier: Apache-2.0
// Writes to whoever leads, as ioredis finds it by SENTINEL commands:
//   node sentinel_writes.js NAME PORT...
// For each line read, the number of writes acknowledged so far is printed as soon as there are some more.
'use strict';
const readline = require('readline');
const Redis = require('ioredis');

const MORE = 50;
const PAUSE_MS = 5;
const [name, ...ports] = process.argv.slice(2);

const client = new Redis({
  name,
  sentinels: ports.map((port) => ({ host: '127.0.0.1', port: Number(port) })),
  sentinelRetryStrategy: () => 50,
  retryStrategy: () => 50,
  maxRetriesPerRequest: null,
  commandTimeout: 2000,
  connectTimeout: 2000,
});
client.on('error', () => {});  // It connects again by itself.

let acknowledged = 0;
let wanted = [];
let ended = false;

async function write() {
  for (let number = 1; !ended; ++number) {
    try {
      await client.sadd('written by ioredis', number);
      ++acknowledged;
    } catch (error) {
      // A follower, or nobody at all: it is tried again.
    }
    while (wanted.length > 0 && acknowledged >= wanted[0]) {
      wanted.shift();
      console.log(acknowledged);
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
  client.disconnect();
}

readline.createInterface({ input: process.stdin })
  .on('line', () => wanted.push(acknowledged + MORE))
  .on('close', () => { ended = true; });
write();
