// Puts the browser builds that the two packages ship where the page loads them from: this app has no bundler.
import { copyFileSync, mkdirSync } from 'node:fs';

const builds = {
  'laravel-echo/dist/echo.js': 'echo.js',
  'pusher-js/dist/web/pusher.min.js': 'pusher.min.js',
};

const app = new URL('../../', import.meta.url);
mkdirSync(new URL('public/js/lib/', app), { recursive: true });
for (const [from, to] of Object.entries(builds)) {
  copyFileSync(new URL(`node_modules/${from}`, app), new URL(`public/js/lib/${to}`, app));
}
