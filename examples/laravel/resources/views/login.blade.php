<x-layout>
    <main class="login">
        <x-logo/>
        <h1>Who is at the counter?</h1>
        <p class="muted">No password: this is a demo. Every window can be somebody else.</p>

        <form method="post" action="/login" class="guests">
            @csrf
            @foreach ($users as $user)
                <button name="user" value="{{ $user->id }}">
                    <span class="avatar" style="--color: {{ $user->color }}">{{ mb_substr($user->name, 0, 1) }}</span>
                    {{ $user->name }}
                </button>
            @endforeach
        </form>
    </main>
    <svg class="sea" viewBox="0 0 1200 180" preserveAspectRatio="none" aria-hidden="true">
        <path d="M0 70c200-80 400-80 600 0s400 80 600 0v110H0z"/>
        <path d="M0 110c200-60 400-60 600 0s400 60 600 0v70H0z"/>
    </svg>
</x-layout>
