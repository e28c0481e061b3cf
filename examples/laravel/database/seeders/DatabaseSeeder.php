<?php

namespace Database\Seeders;

use App\Models\User;
use Illuminate\Database\Seeder;

class DatabaseSeeder extends Seeder
{
    private const GUESTS = [
        ['Ada', '#0d9488', 'Flat white'],
        ['Grace', '#c2562d', 'Pour-over'],
        ['Tim', '#4f63d2', 'Oat cortado'],
        ['Joan', '#a8418f', 'Double espresso'],
    ];

    public function run(): void
    {
        foreach (self::GUESTS as [$name, $color, $item]) {
            $user = User::firstOrCreate(['name' => $name], ['color' => $color]);
            $user->order()->firstOrCreate([], ['item' => $item, 'stage' => 0]);
        }
    }
}
