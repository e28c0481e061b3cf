import type { LaravelApp } from '../laravel/app.ts';

/** Command that puts changed variables of Vite into the assets. */
export const BUILD = 'npm run build';

/** Command that makes Laravel use a changed .env. */
export const applyEnv = ({ cacheFile }: LaravelApp): string =>
  cacheFile === undefined
    ? 'php artisan queue:restart'
    : 'php artisan config:cache && php artisan queue:restart';

/** The host in a text that is more than a host. */
export const hostIn = (text: string): string =>
  /^(?:[a-z]+:\/\/)?(?:[^/@]*@)?([^/:?#\s]+)/i.exec(text)?.[1] ?? 'ws.example.com';
