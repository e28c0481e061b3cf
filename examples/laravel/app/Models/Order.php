<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\Eloquent\Relations\BelongsTo;

class Order extends Model
{
    public const STAGES = ['Ordered', 'Brewing', 'Ready', 'Picked up'];

    public $timestamps = false;

    protected $fillable = ['item', 'stage'];

    protected $casts = ['stage' => 'integer'];

    public function user(): BelongsTo
    {
        return $this->belongsTo(User::class);
    }

    /** Moves on by one stage; after the last one the order starts over, so that the demo never ends. */
    public function moveOn(): void
    {
        $this->update(['stage' => ($this->stage + 1) % count(self::STAGES)]);
    }
}
