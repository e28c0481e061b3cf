import { ConfigError } from '../../src/settings/settings.ts';

/** Problems for which a configuration is refused; none when it is accepted. */
export function problemsIn(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
