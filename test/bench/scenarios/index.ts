import type { Scenario } from '../bench.ts';
import { auth } from './access/auth.ts';
import { publishLimits } from './access/publish-limits.ts';
import { connect } from './connect/index.ts';
import { cost } from './cost.ts';
import { crossNode } from './cross-node.ts';
import { fairness } from './fairness.ts';
import { fallback } from './fallback/index.ts';
import { fanOut } from './fan-out.ts';
import { handshake } from './handshake.ts';
import { httpLatency } from './http-latency.ts';
import { idle } from './idle.ts';
import { lookers } from './lookers.ts';
import { memory } from './memory.ts';
import { metrics } from './metrics.ts';
import { openLoop } from './open-loop.ts';
import { presence } from './presence.ts';
import { quiet } from './quiet.ts';
import { resume } from './resume/index.ts';
import { trace } from './trace.ts';
import { batch, trigger } from './trigger.ts';
import { webhooks } from './webhooks/index.ts';
import { workers } from './workers.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  // First: a server that already runs has not yet freed memory that it could reuse.
  memory,
  fanOut,
  metrics,
  trace,
  lookers,
  openLoop,
  quiet,
  httpLatency,
  fairness,
  handshake,
  trigger,
  batch,
  publishLimits,
  auth,
  presence,
  idle,
  connect,
  fallback,
  resume,
  crossNode,
  webhooks,
  workers,
  cost,
];
