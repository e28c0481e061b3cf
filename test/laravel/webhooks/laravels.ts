import { describe, test } from 'vitest';
import { missingRequirements } from '../requirements.ts';
import { laravel12, laravel8, type Laravel, missingPackages } from '../packages.ts';

const missing = missingRequirements();

/**
 * Declares tests for Laravel 8, which is required in CI, and for Laravel 12, which is left out by name where Composer cannot have it.
 * `only12`: for packages that Laravel 8 is too old for.
 */
export async function describeLaravels(
  subject: string,
  scenario: (laravel: Laravel) => void,
  { only12 = false } = {},
): Promise<void> {
  if (missing !== undefined) {
    test.skipIf(process.env['CI'] === undefined)(`9.1 ${subject} (skipped: ${missing})`, () => {
      throw new Error(missing);
    });
    return;
  }
  if (!only12) describe(laravel8.name, () => scenario(laravel8));
  const unavailable = await missingPackages(laravel12);
  if (unavailable === undefined) describe(laravel12.name, () => scenario(laravel12));
  else test.skip(`9.1 ${subject} (skipped: ${unavailable})`);
}
