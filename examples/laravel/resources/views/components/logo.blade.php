<span class="logo">
    <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9"/>
        <path d="M5 13.5c3.7-4 7.3-4 11 0s7.3 4 11 0M5 20.5c3.7-4 7.3-4 11 0s7.3 4 11 0"/>
    </svg>
    <b>{{ config('app.name') }}</b>
</span>
