import { type Config, SERVER_SETTINGS } from '../../config/index.ts';

/** Settings that hold until the first process ends. A new process reads all others again, from the environment's file too. */
export const keptSettings = ({
  host,
  port,
  workers,
}: Pick<Config, 'host' | 'port' | 'workers'>): Record<string, string> => ({
  [SERVER_SETTINGS.host.name]: host,
  [SERVER_SETTINGS.port.name]: `${port}`,
  [SERVER_SETTINGS.workers.name]: `${workers}`,
});
