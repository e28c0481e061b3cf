import type { Differences } from './report.ts';

/** Where Laravel Reverb answers otherwise than protocol/SPEC.md, found by running these cases against it. */
const differences: Differences = {};

export default differences;
