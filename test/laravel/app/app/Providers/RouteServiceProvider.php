<?php

namespace App\Providers;

use Illuminate\Foundation\Support\Providers\RouteServiceProvider as ServiceProvider;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;

/** Does the same as withRouting() in bootstrap/app.php since Laravel 11. */
class RouteServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Broadcast::routes();
        require base_path('routes/channels.php');

        if ($this->app->runningInConsole()) {
            require base_path('routes/console.php');
        }

        $this->routes(fn () => Route::middleware('web')->group(base_path('routes/web.php')));
    }
}
