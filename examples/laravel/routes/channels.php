<?php

use App\Models\Order;
use App\Models\User;
use Illuminate\Support\Facades\Broadcast;

// private-orders.{id}: only the guest who ordered may listen.
Broadcast::channel('orders.{order}', fn (User $user, Order $order) => $order->user->is($user));

// presence-room: everybody who is logged in; what is returned here is what the others see.
Broadcast::channel('room', fn (User $user) => $user->only('id', 'name', 'color'));
