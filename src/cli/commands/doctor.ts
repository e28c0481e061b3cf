import type { Command } from 'commander';

export interface DoctorFlags {
  readonly laravel?: string;
  readonly url?: string;
  readonly envFile?: string;
  readonly timeout: string;
  readonly wait: string;
  readonly json?: boolean;
}

/** `wavehall doctor`: finds out why events do not arrive; exits with 0 (nothing), 1 (warnings) or 2 (errors, or bad usage). */
export function addDoctor(program: Command, doctor: (flags: DoctorFlags) => Promise<void>): void {
  program
    .command('doctor')
    .description(
      'Find out why events do not arrive: checks Laravel, the assets, the server and the way between them',
    )
    .option('--laravel <folder>', 'folder of the Laravel app (this folder, if it has a file artisan)')
    .option('--url <url>', 'where browsers connect, such as wss://ws.example.com (from the Echo set-up)')
    .option('--env-file <file>', "file that wavehall start reads (the app's .env)")
    .option('--timeout <seconds>', 'limit of each step over the network', '5')
    .option('--wait <seconds>', 'keep a connection silent that long, to find a proxy that closes it', '0')
    .option('--json', 'print JSON')
    .action((flags: DoctorFlags) => doctor(flags));
}
