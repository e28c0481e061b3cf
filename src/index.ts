export { type Config, readConfig } from './config/index.ts';
export { ConfigError } from './settings/settings.ts';
export { openJournal } from './observability/journal.ts';
export { type Server, startServer } from './server/index.ts';
