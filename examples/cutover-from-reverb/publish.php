<?php
// A worker of the app: broadcasts what it is told on its standard input, one JSON object a line, and says "ok" to each.
// Which server it broadcasts to is up to the app's own settings, as for any queue worker.
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
