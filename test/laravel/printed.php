<?php

// usage: php printed.php APP_FOLDER PHP_EXPRESSION
// Runs one expression in the app, as `php artisan tinker` would, and prints its value as JSON.

use Illuminate\Contracts\Console\Kernel;

[, $folder, $expression] = $argv;

require "$folder/vendor/autoload.php";

$app = require "$folder/bootstrap/app.php";
$app->make(Kernel::class)->bootstrap();
restore_exception_handler(); // Laravel's would print the error and exit with 0

echo json_encode(eval("return $expression"), JSON_THROW_ON_ERROR);
