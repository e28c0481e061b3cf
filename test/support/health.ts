import type { HealthChecks } from '../../src/http/health.ts';

/** Health checks of a server that is well, with changes. */
export const healthChecks = (changes: Partial<HealthChecks> = {}): HealthChecks => ({
  isReady: () => true,
  warnings: () => [],
  acceptsWebSockets: () => Promise.resolve(true),
  redis: () => Promise.resolve({ redis: 'disabled' }),
  details: () => Promise.resolve({ connections: 0 }),
  detailsAccess: () => 'hidden',
  ...changes,
});
