<?php
// A worker of the app: broadcasts each JSON line of its standard input, and prints "ok" for each.
// The app's own settings name the server, as for any queue worker.
[, $folder] = $argv;
require "$folder/vendor/autoload.php";
$app = require "$folder/bootstrap/app.php";
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
$broadcaster = $app->make(Illuminate\Contracts\Broadcasting\Factory::class)->connection('reverb');

while (($line = fgets(STDIN)) !== false) {
    $event = json_decode($line, true);
    try {
        $broadcaster->broadcast([$event['channel']], $event['name'], $event['data'] + ['socket' => $event['socket'] ?? null]);
        echo "ok\n";
    } catch (Throwable $failure) {
        echo 'failed: '.strtok($failure->getMessage(), "\n")."\n";
    }
}
