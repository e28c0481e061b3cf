<!doctype html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="csrf-token" content="{{ csrf_token() }}">
    <title>{{ config('app.name') }}</title>
    <link rel="icon" href="/favicon.svg">
    <link rel="stylesheet" href="/css/app.css">
    {{ $head ?? '' }}
</head>
<body>
    {{ $slot }}
</body>
</html>
