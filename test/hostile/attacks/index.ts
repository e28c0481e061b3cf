import type { Attack } from '../attack.ts';
import { forgedProxies } from './forged-proxies.ts';
import { halfOpenUpgrades } from './half-open-upgrades.ts';
import { mutatedFrames } from './mutated-frames.ts';
import { mutatedRequests } from './mutated-requests.ts';
import { slowReaders } from './slow-readers.ts';
import { subscribeChurn } from './subscribe-churn.ts';
import { unreadPongs, unreadRosters } from './unread-answers.ts';

/** How much of each; every attack is bounded in number or time. */
export interface Sizes {
  readonly requests: number;
  readonly frames: number;
  readonly seconds: number;
}

export const attacks = ({ requests, frames, seconds }: Sizes): readonly Attack[] => [
  halfOpenUpgrades(600),
  unreadPongs(10, seconds),
  unreadRosters(200, 3, seconds),
  slowReaders(10, seconds),
  subscribeChurn(20, seconds),
  forgedProxies(2_000),
  mutatedRequests(requests),
  mutatedFrames(frames),
];
