// pm2 start ecosystem.config.cjs && pm2 save
module.exports = {
  apps: [
    {
      name: 'wavehall',
      script: '/opt/wavehall/dist/src/cli/main.js',
      args: 'start --env-file /var/www/app/.env',
      // Not pm2's cluster mode: `--workers 4` in args shares one port, with Redis. A worker that ends is replaced by Wavehall itself.
      exec_mode: 'fork',
      instances: 1,
      autorestart: true,
      // A restart within a second counts as failed; the wait between two tries grows up to 15 s.
      min_uptime: 1000,
      exp_backoff_restart_delay: 100,
      // Milliseconds. Longer than WAVEHALL_DRAIN_DELAY_SECONDS (0) and WAVEHALL_DRAIN_MAX_SECONDS (15) together; pm2's own 1.6 s would cut this off.
      kill_timeout: 25000,
      // pm2 sends SIGINT, which drains as SIGTERM does. Only the process that was started gets it.
      treekill: false,
      watch: false,
      env: { NODE_ENV: 'production' },
    },
  ],
};
