import { readFileSync, statSync } from 'node:fs';
import { parseRules } from '../../auth/rules/parse-rules.ts';
import type { RuleSet } from '../../auth/rules/rule-set.ts';

/** Most bytes of a rules file (SPEC 15.7). */
export const RULES_BYTES = 1024 * 1024;

/** Reads a file of channel rules. Each problem is added with the setting and the file in front. */
export function readRules(setting: string, file: string, problems: string[]): RuleSet | undefined {
  const found: string[] = [];
  const rules = rulesIn(file, found);
  problems.push(...found.map((problem) => `${setting}=${JSON.stringify(file)}: ${problem}`));
  return rules;
}

function rulesIn(file: string, problems: string[]): RuleSet | undefined {
  try {
    if (statSync(file).size > RULES_BYTES) {
      problems.push(`expected at most ${RULES_BYTES} bytes`);
      return undefined;
    }
    return parseRules(readFileSync(file, 'utf8'), problems);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    problems.push((error as Error).message);
    return undefined;
  }
}
