<?php

// usage: php sdk.php APP_FOLDER CALL JSON_ARGUMENTS
// Calls the Pusher SDK of the app's stock broadcaster and prints the result as JSON.

use GuzzleHttp\Client;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Support\Facades\Broadcast;
use Pusher\Pusher;

[, $folder, $call, $arguments] = $argv;

require "$folder/vendor/autoload.php";

$app = require "$folder/bootstrap/app.php";
$app->make(Kernel::class)->bootstrap();
restore_exception_handler(); // Laravel's would print the error and exit with 0
$pusher = Broadcast::connection()->getPusher();

// Version 4 of the SDK has the same calls under older names.
$older = ['getChannels' => 'get_channels', 'getChannelInfo' => 'get_channel_info', 'getPresenceUsers' => 'get_users_info'];

/** Terminates connections with version 4 of the SDK, which has no call for it but can sign the request. */
function terminateWithVersion4(Pusher $pusher, string $userId)
{
    $settings = $pusher->getSettings();
    $path = "{$settings['base_path']}/users/{$userId}/terminate_connections";
    $body = '{}';
    $query = Pusher::build_auth_query_string(
        $settings['auth_key'], $settings['secret'], 'POST', $path, ['body_md5' => md5($body)]
    );
    $url = "{$settings['scheme']}://{$settings['host']}:{$settings['port']}{$path}?{$query}";
    $headers = ['Content-Type' => 'application/json'];

    return json_decode((new Client)->post($url, ['headers' => $headers, 'body' => $body])->getBody());
}

if ($call === 'terminateUserConnections' && ! method_exists($pusher, $call)) {
    $result = terminateWithVersion4($pusher, ...json_decode($arguments, true));
} else {
    $method = method_exists($pusher, $call) ? $call : $older[$call];
    $result = $pusher->$method(...json_decode($arguments, true));
}

echo json_encode($result, JSON_THROW_ON_ERROR);
