/** The cases with clients over the HTTP fallback that keep one response open. */
import { runCases } from './run-cases.ts';

runCases('xhr_streaming');
