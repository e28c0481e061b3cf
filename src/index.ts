export { type Config, readConfig } from './config/index.ts';
export { ConfigError } from './settings/settings.ts';
export { openLogger } from './observability/logger.ts';
export { type Server, startServer } from './server/index.ts';
