<?php

use App\Events\MessageSent;
use App\Events\OrderMoved;
use App\Events\PostPublished;
use App\Models\Order;
use App\Models\User;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

Route::get('/login', fn () => view('login', ['users' => User::all()]))->name('login');

Route::post('/login', function (Request $request) {
    Auth::login(User::findOrFail($request->input('user')));
    $request->session()->regenerate();

    return redirect('/');
});

Route::middleware('auth')->group(function () {
    Route::get('/', fn () => view('counter', ['orders' => Order::with('user')->get()]));

    Route::post('/logout', function (Request $request) {
        Auth::logout();
        $request->session()->invalidate();

        return redirect('/login');
    });

    Route::post('/feed', function (Request $request) {
        $post = $request->validate(['text' => 'required|string|max:280']);
        broadcast(new PostPublished($post['text'], $request->user()->name));

        return response()->noContent();
    });

    Route::post('/orders/{order}/move', function (Order $order) {
        $order->moveOn();
        broadcast(new OrderMoved($order));

        return response()->noContent();
    });

    Route::post('/room', function (Request $request) {
        $message = $request->validate(['text' => 'required|string|max:280']);
        broadcast(new MessageSent($request->user(), $message['text']))->toOthers();

        return $message;
    });
});
