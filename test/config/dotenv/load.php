<?php

/*
 * Loads each .env of a list as Laravel does (Illuminate\Support\Env over vlucas/phpdotenv) and prints what there is then.
 * Arguments: the vendor folder. Standard input: [{"file": base64, "outer": {name: value}, "names": [name]}].
 * Standard output: for each {"refused": text}, or {"set": {name: base64 or null}, "env": {name: JSON of env(name)}}.
 */

require $argv[1] . '/autoload.php';

use Dotenv\Dotenv;
use Dotenv\Exception\InvalidFileException;
use Illuminate\Support\Env;

function put(string $name, string $value): void
{
    $_SERVER[$name] = $_ENV[$name] = $value;
    putenv("$name=$value");
}

function forget(string $name): void
{
    unset($_SERVER[$name], $_ENV[$name]);
    putenv($name);
}

function load(string $folder, array $case): array
{
    file_put_contents("$folder/.env", base64_decode($case['file']));
    foreach ($case['outer'] as $name => $value) put((string) $name, $value);
    // Makes the repository anew: it remembers what it has loaded.
    Env::enablePutenv();
    try {
        Dotenv::create(Env::getRepository(), $folder, '.env')->safeLoad();
        $names = array_map('strval', $case['names']);
        $read = fn (callable $how) => (object) array_combine($names, array_map($how, $names));
        return [
            'set' => $read(function (string $name) {
                $value = Env::getRepository()->get($name);
                return $value === null ? null : base64_encode($value);
            }),
            'env' => $read(fn (string $name) => base64_encode(serialize(Env::get($name)))),
        ];
    } catch (InvalidFileException $refused) {
        return ['refused' => $refused->getMessage()];
    }
}

$folder = sys_get_temp_dir() . '/wavehall-dotenv-' . bin2hex(random_bytes(8));
mkdir($folder);
$answers = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $case) {
    $before = [$_SERVER, $_ENV];
    $answers[] = load($folder, $case);
    foreach ([...array_keys($_SERVER), ...array_keys($_ENV)] as $name) {
        if (! array_key_exists($name, $before[0])) forget((string) $name);
    }
}
unlink("$folder/.env");
rmdir($folder);
echo json_encode($answers, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
