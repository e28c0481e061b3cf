<?php

namespace App\Events;

use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Contracts\Broadcasting\ShouldBroadcast;
use Illuminate\Foundation\Events\Dispatchable;

/** For every guest: a public channel without authorisation. */
class PostPublished implements ShouldBroadcast
{
    use Dispatchable, InteractsWithSockets;

    public function __construct(public string $text, public string $by)
    {
    }

    public function broadcastOn(): Channel
    {
        return new Channel('feed');
    }
}
