// Runs the stand-in for Laravel Reverb in its own process, so that a test can kill it. Takes Reverb's environment variables.
import { ReverbStandIn } from './server.ts';
import { settingsFrom } from './settings.ts';

const standIn = new ReverbStandIn(settingsFrom(process.env));
console.log(`listening on port ${await standIn.listen()}`);
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => void standIn.close().then(() => process.exit(0)));
