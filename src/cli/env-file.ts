import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** Laravel's own `.env`, with its `${NAME}` references filled in from `otherwise`, then from what stands above. */
export function readEnvFile(
  file: string,
  otherwise: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, text = ''] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) {
    values[name] = text.replace(
      /\$\{(\w+)\}/g,
      (_, other: string) => otherwise[other] ?? values[other] ?? '',
    );
  }
  return values;
}
