import { spawn } from 'node:child_process';

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Marks the answer, so that what a configuration file prints is left out. */
export const MARK = '\u0001wavehall\u0001';

export type PhpOutcome =
  { readonly kind: 'answer'; readonly value: unknown } | { readonly kind: 'missing' | 'failed' | 'timeout' };

/**
 * Runs PHP code with JSON as its input, and reads the JSON that it prints behind `MARK`. It is killed after `timeoutMs`.
 * The environment has no variable but PATH and HOME: code reads its variables from the input.
 */
export function runPhp(code: string, input: object, timeoutMs: number): Promise<PhpOutcome> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('php', ['-d', 'display_errors=0', '-d', 'log_errors=0', '-r', code], {
    env: { PATH, HOME, XDEBUG_MODE: 'off' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return new Promise((resolve) => {
    const end = (outcome: PhpOutcome): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      child.stdout.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ kind: 'timeout' }), timeoutMs);
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) end({ kind: 'failed' });
    });
    child.on('error', ({ code: reason }: NodeJS.ErrnoException) =>
      end({ kind: reason === 'ENOENT' ? 'missing' : 'failed' }),
    );
    child.on('close', () => end(answerIn(Buffer.concat(chunks).toString('utf8'))));
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(input));
  });
}

function answerIn(output: string): PhpOutcome {
  const at = output.lastIndexOf(MARK);
  if (at === -1) return { kind: 'failed' };
  try {
    return { kind: 'answer', value: JSON.parse(output.slice(at + MARK.length)) };
  } catch {
    return { kind: 'failed' };
  }
}
