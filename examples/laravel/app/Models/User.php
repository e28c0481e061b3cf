<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Relations\HasOne;
use Illuminate\Foundation\Auth\User as Authenticatable;

class User extends Authenticatable
{
    public $timestamps = false;

    protected $fillable = ['name', 'color'];

    public function order(): HasOne
    {
        return $this->hasOne(Order::class);
    }
}
