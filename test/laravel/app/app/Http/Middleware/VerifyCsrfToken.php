<?php

namespace App\Http\Middleware;

use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken as Middleware;

/** Does the same as validateCsrfTokens() in bootstrap/app.php since Laravel 11. */
class VerifyCsrfToken extends Middleware
{
    protected $except = ['webhooks/*', 'graphql/*'];
}
