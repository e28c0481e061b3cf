/** The cases with clients over the HTTP fallback that poll. */
import { runCases } from './run-cases.ts';

runCases('xhr_polling');
