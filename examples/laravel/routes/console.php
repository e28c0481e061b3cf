<?php

use App\Events\PostPublished;
use Illuminate\Support\Facades\Artisan;

Artisan::command('feed:post {text}', function (string $text) {
    broadcast(new PostPublished($text, 'artisan'));
    $this->info('Sent to everybody on the channel "feed".');
})->purpose('Send a post to every open window');
