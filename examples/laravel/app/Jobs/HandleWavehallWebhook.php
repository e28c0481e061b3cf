<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\Job;
use Illuminate\Support\Facades\Cache;

class HandleWavehallWebhook
{
    public function handle(Job $job, array $data): void
    {
        $seen = 'webhook:'.$job->payload()['wavehall']['delivery'];

        if (Cache::missing($seen)) {
            foreach ($data['events'] as $event) {
                $this->handleEvent($event);
            }

            Cache::put($seen, true, now()->addDay());
        }

        $job->delete();
    }

    private function handleEvent(array $event): void
    {
        match ($event['name']) {
            'channel_vacated' => logger("Nobody is on {$event['channel']}."),
            'member_added' => logger("{$event['user_id']} is on {$event['channel']}."),
            default => null,
        };
    }
}
