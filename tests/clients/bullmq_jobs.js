// SPDX-License-Identifier: Apache-2.0
// BullMQ at work: jobs plain, with priorities, delayed, and such as fail at first; several workers.
// Prints as JSON what became of them. Usage: bullmq_jobs.js PORT JOBS
'use strict';
const { Queue, QueueEvents, Worker } = require('bullmq');

const [port, jobs] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const CHUNK = 500;
const WORKERS = 3;
const CONCURRENCY = 50;

// Every hundredth job is one of these.
function optionsOf(number) {
  switch (number % 100) {
    case 1: return { delay: 100 };
    case 2: return { priority: 1 + number % 5 };
    case 3: return { attempts: 2, backoff: 10 };
    default: return {};
  }
}

const isFlaky = (number) => number % 100 === 3;

async function main() {
  const queue = new Queue('numbers', { connection });
  const events = new QueueEvents('numbers', { connection });
  await events.waitUntilReady();
  const done = new Array(jobs).fill(0); // How often each was done.
  const told = new Array(jobs).fill(0); // How often QueueEvents said so.
  let wrong = 0;
  let left = jobs;
  let failures = 0;
  const finished = new Promise((resolve) => {
    events.on('completed', ({ jobId, returnvalue }) => {
      const number = Number(jobId.slice(1));
      told[number] += 1;
      if (Number(returnvalue) !== number * 2) wrong += 1;
      left -= 1;
      if (left === 0) resolve();
    });
  });
  const workers = [];
  for (let i = 0; i < WORKERS; i++) {
    workers.push(new Worker('numbers', async (job) => {
      const { number } = job.data;
      if (isFlaky(number) && job.attemptsMade === 0) {
        failures += 1;
        throw new Error('at first it fails');
      }
      done[number] += 1;
      return number * 2;
    }, { connection, concurrency: CONCURRENCY }));
  }
  const started = Date.now();
  for (let first = 0; first < jobs; first += CHUNK) {
    const chunk = [];
    for (let number = first; number < Math.min(first + CHUNK, jobs); number++) {
      chunk.push({
        name: 'double', data: { number }, opts: { jobId: `j${number}`, ...optionsOf(number) },
      });
    }
    await queue.addBulk(chunk);
  }
  await finished;
  const seconds = (Date.now() - started) / 1000;
  const counts = await queue.getJobCounts();
  await Promise.all(workers.map((worker) => worker.close()));
  await events.close();
  await queue.close();
  console.log(JSON.stringify({
    lost: done.filter((times) => times === 0).length,
    twice: done.filter((times) => times > 1).length,
    told_wrong: told.filter((times) => times !== 1).length + wrong,
    failures, counts, seconds,
  }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
