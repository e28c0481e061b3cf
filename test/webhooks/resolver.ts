import type { LookupAddress } from 'node:dns';
import type { Resolver } from '../../src/webhooks/http/checked-connector.ts';

/** Resolves to one list after the other. */
export const resolverOf = (...answers: string[][]) => {
  const asked: string[] = [];
  const resolver: Resolver = (host, _, resolved) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(host);
    const found: LookupAddress[] = answer.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    resolved(null, found);
  };
  return { asked, resolver };
};
