import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openLogger } from '../../src/observability/logger.ts';

const SECRET = 'hush-hush-hush';

function logger(options: { debugging: boolean; forTerminal: boolean }) {
  const written: string[] = [];
  const opened = openLogger({ ...options, write: (text) => void written.push(text) });
  return {
    ...opened,
    text: () => written.join(''),
    lines: () =>
      written
        .join('')
        .split('\n')
        .filter((line) => line !== ''),
  };
}

const recordsOf = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('JSON lines', () => {
  const options = { debugging: true, forTerminal: false };

  test('1.1 writes each entry as one line of JSON with Reverb’s title', () => {
    const log = logger(options);
    log.debug('Connection Established', '1.2');
    log.debug('Message Received', '1.2', '{"event":"pusher:ping"}');
    expect(recordsOf(log.lines())).toEqual([
      { level: 20, time: expect.any(Number), subject: '1.2', msg: 'Connection Established' },
      {
        level: 20,
        time: expect.any(Number),
        subject: '1.2',
        message: '{"event":"pusher:ping"}',
        msg: 'Message Received',
      },
    ]);
  });

  test('1.1 gives warnings and errors levels of their own', () => {
    const log = logger(options);
    log.warn('A socket that does not read was ended', { bufferedBytes: 7 });
    log.error('Something went wrong', new Error('broken'));
    log.error('Something went wrong', 'a text');
    expect(recordsOf(log.lines())).toMatchObject([
      { level: 40, msg: 'A socket that does not read was ended', bufferedBytes: 7 },
      { level: 50, msg: 'Something went wrong', error: expect.stringContaining('Error: broken\n    at ') },
      { level: 50, msg: 'Something went wrong', error: 'a text' },
    ]);
  });

  test('3.2 escapes line breaks and escape sequences in names from clients', () => {
    const log = logger(options);
    log.debug('Broadcasting To', 'a\n{"level":50}\u001b[2J\u202e', 'b\n\u009b\u202e');
    expect(log.lines()).toHaveLength(1);
    expect(log.text().replace(/\n$/, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('7.1 hides secrets', () => {
    const log = logger(options);
    log.debug('Message Received', '1.2', `{"event":"pusher:subscribe","data":{"auth":"${SECRET}"}}`);
    expect(log.text()).toContain('pusher:subscribe');
    expect(log.text()).not.toContain(SECRET);
  });
});

describe('readable format: two columns', () => {
  const options = { debugging: true, forTerminal: true };

  test('1.1 writes title, dots and subject, and the message below', () => {
    const log = logger(options);
    log.debug('Connection Established', '1.2');
    log.debug('Message Received', '1.2', '{"event":"pusher:ping"}');
    expect(stripVTControlCharacters(log.text())).toBe(
      `  Connection Established ${'.'.repeat(37)} 1.2\n` +
        `  Message Received ${'.'.repeat(43)} 1.2\n` +
        `    {"event":"pusher:ping"}\n`,
    );
  });

  test('3.2 keeps the dots before a long subject', () => {
    const log = logger(options);
    log.debug('Broadcasting To', 'x'.repeat(200));
    expect(stripVTControlCharacters(log.text())).toBe(`  Broadcasting To .. ${'x'.repeat(200)}\n`);
  });

  test('1.1 marks warnings and errors', () => {
    const log = logger(options);
    log.warn('The new TLS certificate cannot be used', { reason: 'ENOENT' });
    log.warn('Without details');
    log.error('Something went wrong', new Error('broken'));
    const lines = stripVTControlCharacters(log.text()).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '  WARN The new TLS certificate cannot be used {"reason":"ENOENT"}',
      '  WARN Without details {}',
      '  ERROR Something went wrong',
      '    Error: broken',
    ]);
  });

  test('3.2 escapes control sequences in names from clients', () => {
    const log = logger(options);
    log.debug('Broadcasting To', 'a\n\u001b[2J\u202e', '\u001b[2J\n\u009b\u202e');
    expect(log.text().split('\n')).toHaveLength(3);
    expect(stripVTControlCharacters(log.text()).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('7.1 hides secrets', () => {
    const log = logger(options);
    log.debug('Message Received', '1.2', `{"event":"pusher:subscribe","data":{"auth":"${SECRET}"}}`);
    expect(log.text()).toContain('pusher:subscribe');
    expect(log.text()).not.toContain(SECRET);
  });
});

describe.each([true, false])('without debugging (terminal: %s)', (forTerminal) => {
  test('7.7 writes warnings and errors, no messages', () => {
    const log = logger({ debugging: false, forTerminal });
    log.debug('Message Received', '1.2', 'text');
    expect(log.debugging).toBe(false);
    expect(log.text()).toBe('');
    log.warn('careful');
    log.error('broken', 'why');
    expect(log.lines().length).toBeGreaterThanOrEqual(2);
  });
});
