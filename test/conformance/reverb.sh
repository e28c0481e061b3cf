#!/bin/sh
# For --start: runs Laravel Reverb from the app in $LARAVEL, with the port, app and settings of a case.
cd "${LARAVEL:?the folder of a Laravel app with laravel/reverb}" || exit 1
# shellcheck disable=SC2086 # NEEDS is a list of NAME=value.
exec env $NEEDS REVERB_APP_ID="$APP_ID" REVERB_APP_KEY="$APP_KEY" REVERB_APP_SECRET="$APP_SECRET" \
  php artisan reverb:start --host=127.0.0.1 --port="$PORT"
