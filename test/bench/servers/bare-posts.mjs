/**
 * Posts a webhook of one event again and again with undici alone: no outbox, no order, no retries. Reads lines `URL COUNT`, and
 * prints a line when all have an answer.
 */
import { createInterface } from 'node:readline';
import { Pool } from 'undici';

const IN_FLIGHT = 16;
const BODY = JSON.stringify({
  time_ms: 1_700_000_000_000,
  events: [{ name: 'channel_occupied', channel: 'orders.12345' }],
});

async function post(url, count) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: IN_FLIGHT });
  let left = count;
  const again = async () => {
    while (left-- > 0) {
      const headers = { 'Content-Type': 'application/json' };
      const { body } = await pool.request({ path: pathname, method: 'POST', headers, body: BODY });
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, again));
  await pool.destroy();
}

console.log('ready');
for await (const line of createInterface(process.stdin)) {
  const [url, count] = line.split(' ');
  await post(url, Number(count));
  console.log('done');
}
