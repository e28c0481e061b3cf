<?php

// Does what `php artisan reverb:restart` does, with the cache store of the app that is named: file or redis. The settings of
// Redis are those of the files that Laravel 8 installs.

use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Str;

[, $folder, $store] = $argv;
require $folder.'/vendor/autoload.php';
$app = require $folder.'/bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();

$name = Str::slug(env('APP_NAME', 'laravel'), '_');
config([
    'database.redis' => [
        'client' => 'predis',
        'options' => ['cluster' => 'redis', 'prefix' => env('REDIS_PREFIX', $name.'_database_')],
        'cache' => [
            'url' => env('REDIS_URL'),
            'host' => env('REDIS_HOST', '127.0.0.1'),
            'password' => env('REDIS_PASSWORD', null),
            'port' => env('REDIS_PORT', '6379'),
            'database' => env('REDIS_CACHE_DB', '1'),
        ],
    ],
    'cache.stores.redis' => ['driver' => 'redis', 'connection' => 'cache'],
    'cache.prefix' => env('CACHE_PREFIX', $name.'_cache'),
]);
$app->register(Illuminate\Redis\RedisServiceProvider::class);

Cache::store($store)->forever('laravel:reverb:restart', now()->getTimestamp());
