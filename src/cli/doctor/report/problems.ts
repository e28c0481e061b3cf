import { BROWSER_PROBLEMS } from './problems/browser.ts';
import { CONNECT_PROBLEMS } from './problems/connect.ts';
import { MACHINE_PROBLEMS } from './problems/machine.ts';
import { PUBLISH_PROBLEMS } from './problems/publish.ts';
import { SETTINGS_PROBLEMS } from './problems/settings.ts';

/** Every problem that the doctor can name: its severity, and what it means for the app. docs/doctor.md has the same names. */
export const PROBLEMS = {
  ...SETTINGS_PROBLEMS,
  ...BROWSER_PROBLEMS,
  ...PUBLISH_PROBLEMS,
  ...CONNECT_PROBLEMS,
  ...MACHINE_PROBLEMS,
} as const;

export type ProblemName = keyof typeof PROBLEMS;
