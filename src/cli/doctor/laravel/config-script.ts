/**
 * PHP that evaluates configuration files without starting the app: it defines `env()` and the helpers of paths, and loads the
 * classes of vendor/ only when a file uses one. Input: {folder, env, names}. Output: {cached, files, failed}.
 */
export const CONFIG_SCRIPT = String.raw`
error_reporting(0);
$in = json_decode(stream_get_contents(STDIN), true);
$folder = $in['folder'];
$failed = [];
$out = ['cached' => null, 'files' => []];
function env($key, $default = null) {
    global $in;
    $value = $in['env'][$key] ?? null;
    if ($value === null) return $default instanceof Closure ? $default() : $default;
    switch (strtolower($value)) {
        case 'true': case '(true)': return true;
        case 'false': case '(false)': return false;
        case 'empty': case '(empty)': return '';
        case 'null': case '(null)': return null;
    }
    return preg_match('/\A([\'"])(.*)\1\z/', $value, $found) ? $found[2] : $value;
}
function wavehall_path($part, $path) {
    global $folder;
    return $folder.($part === '' ? '' : '/'.$part).($path === '' ? '' : '/'.ltrim($path, '/'));
}
function base_path($path = '') { return wavehall_path('', $path); }
function app_path($path = '') { return wavehall_path('app', $path); }
function config_path($path = '') { return wavehall_path('config', $path); }
function database_path($path = '') { return wavehall_path('database', $path); }
function lang_path($path = '') { return wavehall_path('lang', $path); }
function public_path($path = '') { return wavehall_path('public', $path); }
function resource_path($path = '') { return wavehall_path('resources', $path); }
function storage_path($path = '') { return wavehall_path('storage', $path); }
spl_autoload_register(function ($class) {
    global $folder;
    static $loader = null;
    if ($loader === null) $loader = is_file("$folder/vendor/autoload.php") ? require "$folder/vendor/autoload.php" : false;
    if ($loader) $loader->loadClass($class);
});
function wavehall_read($file) {
    return is_file($file) ? require $file : null;
}
function wavehall_file($folder, $name) {
    $base = wavehall_read("$folder/vendor/laravel/framework/config/$name.php");
    $own = wavehall_read("$folder/config/$name.php");
    if (! is_array($base) || ! is_array($own)) return $own ?? $base;
    $all = array_merge($base, $own);
    if (isset($base['connections'], $own['connections'])) {
        $all['connections'] = array_merge($base['connections'], $own['connections']);
    }
    return $all;
}
ob_start();
foreach ($in['names'] as $name) {
    try {
        $out['files'][$name] = wavehall_file($folder, $name);
    } catch (Throwable $error) {
        $failed[] = "config/$name.php";
    }
}
try {
    $cached = wavehall_read($in['cache']);
    if (is_array($cached)) $out['cached'] = array_intersect_key($cached, array_flip($in['names']));
} catch (Throwable $error) {
    $failed[] = 'cache';
}
ob_end_clean();
$out['failed'] = $failed;
echo "\x01wavehall\x01".json_encode($out, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
`;
