<?php
// Sign a thumbnail URL: php sign.php KEY /thumb url=https://example.com thumb_width=320

function signed(string $key, string $path, array $parameters): string
{
    $pairs = [];
    foreach ($parameters as $name => $value) {
        $pairs[] = rawurlencode($name) . '=' . rawurlencode($value);
    }
    sort($pairs, SORT_STRING);
    $query = implode('&', $pairs);
    return "$path?$query&sig=" . hash_hmac('sha256', "tintype1\n$path\n$query", $key);
}

if (realpath($argv[0] ?? '') === __FILE__) {
    $parameters = [];
    foreach (array_slice($argv, 3) as $pair) {
        [$name, $value] = explode('=', $pair, 2);
        $parameters[$name] = $value;
    }
    echo signed($argv[1], $argv[2], $parameters), "\n";
}
