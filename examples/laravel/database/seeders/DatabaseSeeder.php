<?php

namespace Database\Seeders;

use App\Models\User;
use Illuminate\Database\Seeder;

class DatabaseSeeder extends Seeder
{
    private const GUESTS = [
        ['Ada', '#0d9488', 'Flat white'],
        ['Grace', '#c2562d', 'Pour-over'],
        ['Tim', '#4f63d2', 'Cortado'],
        ['Joan', '#a8418f', 'Espresso'],
    ];

    public function run(): void
    {
        foreach (self::GUESTS as [$name, $color, $item]) {
            $user = User::firstOrCreate(['name' => $name], ['color' => $color]);
            $user->order()->firstOrCreate([], ['item' => $item, 'stage' => 0]);
        }
    }
}
