<?php

use App\Models\Order;
use App\Models\User;
use Illuminate\Support\Facades\Broadcast;

// private-orders.{id}: only the guest who ordered may join.
Broadcast::channel('orders.{order}', fn (User $user, Order $order) => $order->user->is($user));

// presence-room: every logged-in guest; the other members see the returned data.
Broadcast::channel('room', fn (User $user) => $user->only('id', 'name', 'color'));
