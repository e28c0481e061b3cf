export { type Config, readConfig } from './config.ts';
export { ConfigError } from './apps/settings.ts';
export { openJournal } from './observability/journal.ts';
export { type Server, startServer } from './server.ts';
