import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CHROMIUM } from '../support/browser.ts';

const EXTENSIONS = ['curl', 'dom', 'mbstring', 'pdo_sqlite', 'xml'];
const INSTALL = 'apt-get install chromium composer php-cli php-curl php-mbstring php-sqlite3 php-xml';

/** Describes the missing requirements of the Laravel tests; undefined if all are present. */
export function missingRequirements(): string | undefined {
  const missing: string[] = [];
  const php = spawnSync('php', ['-m'], { encoding: 'utf8' });
  if (php.status === 0) {
    const present = new Set(php.stdout.toLowerCase().split(/\s+/u));
    missing.push(...EXTENSIONS.filter((name) => !present.has(name)).map((name) => `PHP's ${name}`));
  } else {
    missing.push('php');
  }
  if (spawnSync('composer', ['--version', '--no-interaction'], { env: composerEnv() }).status !== 0) {
    missing.push('composer');
  }
  if (!existsSync(CHROMIUM)) missing.push(CHROMIUM);
  if (missing.length === 0) return undefined;
  return `The Laravel tests need ${missing.join(', ')} (Debian: ${INSTALL})`;
}

/** Environment in which Composer, run as root, does not wait for an answer. */
export function composerEnv(): NodeJS.ProcessEnv {
  return { ...process.env, COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_NO_INTERACTION: '1' };
}
