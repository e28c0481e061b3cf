import type { Attack } from '../attack.ts';
import { brokenFrames } from './broken-frames.ts';
import { controlFloods } from './control-floods.ts';
import { drips } from './drips.ts';
import { fallbackSessions } from './fallback-sessions.ts';
import { forgedProxies } from './forged-proxies.ts';
import { halfOpenUpgrades } from './half-open-upgrades.ts';
import { largeMembers } from './large-members.ts';
import { manyChannels } from './many-channels.ts';
import { mutatedFrames } from './mutated-frames.ts';
import { mutatedRequests } from './mutated-requests.ts';
import { oddHttp } from './odd-http.ts';
import { pipelinedRequests } from './pipelined-requests.ts';
import { slowReaders } from './slow-readers.ts';
import { subscribeChurn } from './subscribe-churn.ts';
import { tinySegments } from './tiny-segments.ts';
import { unreadHttp } from './unread-http.ts';
import { unreadPongs, unreadRosters } from './unread-answers.ts';
import { withoutSecret } from './without-secret.ts';

/** Sizes of the attacks; each is bounded in number or time. */
export interface Sizes {
  readonly requests: number;
  readonly frames: number;
  readonly seconds: number;
  /** Divisor of the counts of expensive attacks. */
  readonly divisor?: number;
}

export const attacks = ({ requests, frames, seconds, divisor = 1 }: Sizes): readonly Attack[] => [
  halfOpenUpgrades(600 / divisor),
  drips(40, seconds),
  unreadHttp(3, seconds),
  pipelinedRequests(10, seconds),
  pipelinedRequests(20, seconds),
  unreadPongs(10, seconds),
  unreadRosters(200, 3, seconds),
  slowReaders(10, seconds),
  fallbackSessions(20, seconds),
  tinySegments(10, seconds),
  controlFloods(10, seconds),
  subscribeChurn(20, seconds),
  manyChannels(10_000 / divisor),
  largeMembers(50),
  withoutSecret(20),
  brokenFrames(400 / divisor),
  oddHttp(1_000 / divisor),
  forgedProxies(2_000 / divisor),
  mutatedRequests(requests),
  mutatedFrames(frames),
];
