<?php

namespace App\Broadcasting;

/**
 * What Laravel Echo needs to know, read from the connection that BROADCAST_CONNECTION names.
 * With Vite these would be the VITE_REVERB_* or VITE_PUSHER_* variables.
 */
class ClientOptions
{
    public static function fromConfig(): array
    {
        $connection = config('broadcasting.default');
        $settings = config("broadcasting.connections.{$connection}");
        $options = $settings['options'];

        return [
            'broadcaster' => $connection,
            'key' => $settings['key'],
            'cluster' => $options['cluster'] ?? '',
            'wsHost' => $options['host'],
            'wsPort' => (int) $options['port'],
            'wssPort' => (int) $options['port'],
            'forceTLS' => $options['useTLS'],
            'enabledTransports' => ['ws', 'wss'],
        ];
    }
}
