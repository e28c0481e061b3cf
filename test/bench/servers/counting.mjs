// Loaded into both of two servers that are compared: with COUNTING=off it takes the counting of traffic out of the code as it is
// loaded. Without it nothing is changed, but the code is loaded in the same way.
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const ADDITION = [/(?:\w+\.)*traffic\.\w+ \+= [^;]+;/g, ';'];
const atOnce = (method) => [new RegExp(`^    ${method} \\{$`, 'm'), `$& return false;`];

const CHANGES = {
  'core/channels/fan-out/fan-out.js': ADDITION,
  'core/channels/fan-out/turns.js': ADDITION,
  'core/channels/fan-out/app-share.js': ADDITION,
  'core/client/connection.js': ADDITION,
  'core/client/message-handler.js': ADDITION,
  'http/plugin.js': ADDITION,
  'core/util/tally.js': atOnce('add\\(name, count = 1\\)'),
  'core/util/histogram.js': atOnce('observe\\(value\\)'),
  'core/traffic/delivery-latency.js': atOnce('isDue\\(receivedAtMs\\)'),
  'http/request-counts.js': atOnce('observe\\(server\\)'),
};

// The hook runs in a thread of its own, which loads this file again.
if (isMainThread) register(import.meta.url);

/** Throws if the code that counts is not where it is expected: otherwise nothing would be compared. */
export async function load(url, context, next) {
  const loaded = await next(url, context);
  const [, file] = /\/dist\/src\/(.+)$/.exec(url) ?? [];
  const change = CHANGES[file];
  if (change === undefined || process.env.COUNTING !== 'off') return loaded;
  const source = String(loaded.source);
  const changed = source.replace(...change);
  if (changed === source) throw new Error(`${file} has no code that counts`);
  return { ...loaded, source: changed };
}
