import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openJournal } from '../../src/observability/journal.ts';

const SECRET = 'hush-hush-hush';

function journal(options: { debugging: boolean; forTerminal: boolean }) {
  const written: string[] = [];
  const opened = openJournal({ ...options, write: (text) => void written.push(text) });
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

describe('for machines: JSON lines', () => {
  const options = { debugging: true, forTerminal: false };

  test('1.1 each entry is one line of JSON with Reverb’s title', () => {
    const { debug, lines } = journal(options);
    debug('Connection Established', '1.2');
    debug('Message Received', '1.2', '{"event":"pusher:ping"}');
    expect(recordsOf(lines())).toEqual([
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

  test('1.1 warnings and defects have their own levels', () => {
    const { warn, defect, lines } = journal(options);
    warn('A socket that does not read was ended', { bufferedBytes: 7 });
    defect('Something went wrong', new Error('broken'));
    defect('Something went wrong', 'a text');
    expect(recordsOf(lines())).toMatchObject([
      { level: 40, msg: 'A socket that does not read was ended', bufferedBytes: 7 },
      { level: 50, msg: 'Something went wrong', error: expect.stringContaining('Error: broken\n    at ') },
      { level: 50, msg: 'Something went wrong', error: 'a text' },
    ]);
  });

  test('3.2 names from outside make no second line and no escape sequence', () => {
    const { debug, text, lines } = journal(options);
    debug('Broadcasting To', 'a\n{"level":50}\u001b[2J\u202e', 'b\n\u009b\u202e');
    expect(lines()).toHaveLength(1);
    expect(text().replace(/\n$/, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('7.1 secrets are hidden', () => {
    const { debug, text } = journal(options);
    debug('Message Received', '1.2', `{"event":"pusher:subscribe","data":{"auth":"${SECRET}"}}`);
    expect(text()).toContain('pusher:subscribe');
    expect(text()).not.toContain(SECRET);
  });
});

describe('for people: two columns', () => {
  const options = { debugging: true, forTerminal: true };

  test('1.1 title, dots, subject; the message below', () => {
    const { debug, text } = journal(options);
    debug('Connection Established', '1.2');
    debug('Message Received', '1.2', '{"event":"pusher:ping"}');
    expect(stripVTControlCharacters(text())).toBe(
      `  Connection Established ${'.'.repeat(37)} 1.2\n` +
        `  Message Received ${'.'.repeat(43)} 1.2\n` +
        `    {"event":"pusher:ping"}\n`,
    );
  });

  test('3.2 a long subject still has its dots', () => {
    const { debug, text } = journal(options);
    debug('Broadcasting To', 'x'.repeat(200));
    expect(stripVTControlCharacters(text())).toBe(`  Broadcasting To .. ${'x'.repeat(200)}\n`);
  });

  test('1.1 warnings and defects say what they are', () => {
    const { warn, defect, text } = journal(options);
    warn('The certificate was not read again', { reason: 'ENOENT' });
    warn('Without details');
    defect('Something went wrong', new Error('broken'));
    const lines = stripVTControlCharacters(text()).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '  WARN The certificate was not read again {"reason":"ENOENT"}',
      '  WARN Without details {}',
      '  ERROR Something went wrong',
      '    Error: broken',
    ]);
  });

  test('3.2 names from outside cannot steer the terminal', () => {
    const { debug, text } = journal(options);
    debug('Broadcasting To', 'a\n\u001b[2J\u202e', '\u001b[2J\n\u009b\u202e');
    expect(text().split('\n')).toHaveLength(3);
    expect(stripVTControlCharacters(text()).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('7.1 secrets are hidden', () => {
    const { debug, text } = journal(options);
    debug('Message Received', '1.2', `{"event":"pusher:subscribe","data":{"auth":"${SECRET}"}}`);
    expect(text()).toContain('pusher:subscribe');
    expect(text()).not.toContain(SECRET);
  });
});

describe.each([true, false])('without debugging (terminal: %s)', (forTerminal) => {
  test('7.7 messages are not written, warnings and defects are', () => {
    const { debug, warn, defect, debugging, text, lines } = journal({ debugging: false, forTerminal });
    debug('Message Received', '1.2', 'text');
    expect(debugging).toBe(false);
    expect(text()).toBe('');
    warn('careful');
    defect('broken', 'why');
    expect(lines().length).toBeGreaterThanOrEqual(2);
  });
});
