<x-layout>
    <x-slot name="head">
        <script type="importmap">{"imports": {"laravel-echo": "/js/lib/echo.js"}}</script>
        <script>window.app = @json(['user' => auth()->user(), 'echo' => $echo, 'stages' => App\Models\Order::STAGES])</script>
        <script src="/js/lib/pusher.min.js"></script>
        <script type="module" src="/js/app.js"></script>
    </x-slot>

    <header class="bar">
        <x-logo/>
        <p class="connection" id="connection" data-state="initialized" role="status">
            <span class="dot"></span>
            <b data-words>Connecting…</b> <small data-socket></small>
            <button class="quiet" data-connect hidden>Connect again</button>
        </p>
        <form method="post" action="/logout" class="me">
            @csrf
            <a class="quiet" id="second-window" target="_blank" rel="noopener" hidden>Second window ↗</a>
            <span class="avatar" style="--color: {{ auth()->user()->color }}">{{ mb_substr(auth()->user()->name, 0, 1) }}</span>
            <b>{{ auth()->user()->name }}</b>
            <button class="quiet">Log out</button>
        </form>
    </header>

    <p class="notice" id="notice" role="alert" hidden></p>

    <main class="counter">
        <section class="card" id="feed">
            <h2>Feed <code class="public">feed</code></h2>
            <p class="muted">A public channel. What you post goes to Laravel and comes back to every window, yours too.</p>
            <form class="line">
                <input name="text" maxlength="280" placeholder="Fresh croissants at ten…" aria-label="Post" autocomplete="off" required>
                <button class="main">Post</button>
            </form>
            <ul class="posts" aria-live="polite"></ul>
            <p class="empty">Nothing yet. Post something, or run<br><code>php artisan feed:post "Hello"</code></p>
        </section>

        <section class="card" id="orders">
            <h2>Orders <code class="private">private-orders.*</code></h2>
            <p class="muted">Private channels. Take any order a step on: only the window of its owner follows.</p>
            <ul class="orders">
                @foreach ($orders as $order)
                    @php($mine = $order->user->is(auth()->user()))
                    <li @class(['order', 'mine' => $mine]) data-order="{{ $order->id }}" data-owner="{{ $order->user->name }}">
                        <span class="avatar" style="--color: {{ $order->user->color }}">{{ mb_substr($order->user->name, 0, 1) }}</span>
                        <p><b>{{ $order->item }}</b><small>{{ $mine ? 'Your order' : 'for '.$order->user->name }}</small></p>
                        <span class="actions">
                            @unless ($mine)
                                <button class="quiet" data-listen>Listen in</button>
                            @endunless
                            <button data-move>Next step</button>
                        </span>
                        @if ($mine)
                            <ol class="stages" data-stage="{{ $order->stage }}">
                                @foreach (App\Models\Order::STAGES as $stage)
                                    <li>{{ $stage }}</li>
                                @endforeach
                            </ol>
                        @endif
                        <p class="outcome" role="status" hidden></p>
                    </li>
                @endforeach
            </ul>
        </section>

        <section class="card" id="room">
            <h2>Room <code class="presence">presence-room</code></h2>
            <p class="muted">A presence channel. Typing is whispered from window to window; messages go out <code>toOthers()</code>.</p>
            <ul class="people" aria-label="Who is here"></ul>
            <ol class="talk" aria-live="polite"></ol>
            <p class="empty">Quiet so far. Open a second window as somebody else.</p>
            <p class="typing" role="status"></p>
            <form class="line">
                <input name="text" maxlength="280" placeholder="Say something…" aria-label="Message" autocomplete="off" required>
                <button class="main">Send to others</button>
            </form>
        </section>

        <section class="card wire" id="wire">
            <h2>On the wire <code class="public">BROADCAST_CONNECTION={{ $echo['broadcaster'] }}</code></h2>
            <p class="muted">What this window receives from {{ $echo['wsHost'] }}:{{ $echo['wsPort'] }}, newest first.</p>
            <ol></ol>
        </section>
    </main>
</x-layout>
