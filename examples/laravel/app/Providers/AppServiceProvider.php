<?php

namespace App\Providers;

use App\Broadcasting\ClientOptions;
use Illuminate\Support\Facades\View;
use Illuminate\Support\ServiceProvider;

class AppServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        View::composer('counter', fn ($view) => $view->with('echo', ClientOptions::fromConfig()));
    }
}
