<?php

// Added to the routes by the tests of the auth gateway: users with bearer tokens, and a count of all questions.

use App\Models\User;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Event;
use Illuminate\Foundation\Http\Events\RequestHandled;

config(['auth.guards.tokens' => ['driver' => 'tokens']]);
Auth::viaRequest('tokens', fn (Request $request) => str_starts_with((string) $request->bearerToken(), 'token-of-')
    ? User::find((int) substr($request->bearerToken(), 9))
    : null);

Broadcast::routes(['prefix' => 'api', 'middleware' => ['auth:tokens']]);

// private-many.{owner}.{number}: for the user alone.
Broadcast::channel('many.{owner}.{number}', fn (User $user, int $owner) => $user->id === $owner, ['guards' => ['web', 'tokens']]);

Event::listen(RequestHandled::class, function (RequestHandled $event) {
    if (str_ends_with($event->request->path(), 'broadcasting/auth')) {
        file_put_contents(storage_path('questions'), $event->response->getStatusCode()."\n", FILE_APPEND | LOCK_EX);
    }
});
