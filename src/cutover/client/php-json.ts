/**
 * JSON text that is equal for values which PHP confuses when it decodes and encodes them: `{}` and `[]`, `{"0":"a"}` and
 * `["a"]`. `undefined` when the value is nested too deep to be written.
 */
export function phpJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(asPhp(value));
  } catch {
    return undefined;
  }
}

/** Turns objects whose keys count from 0 into lists. */
function asPhp(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [name, asPhp(each)] as const);
  const isList = entries.every(([name], at) => name === String(at));
  return isList ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}
