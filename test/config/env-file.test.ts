import { describe, expect, test } from 'vitest';
import { readEnvFile } from '../../src/cli/env-file.ts';
import { ConfigError } from '../../src/settings/settings.ts';
import { readConfig } from '../../src/config/index.ts';
import { run, temporaryFile } from '../cli/command.ts';
import { startServer } from '../support/server.ts';

const read = (text: string, otherwise: Record<string, string> = {}) =>
  readEnvFile(temporaryFile('.env', text), otherwise);

describe("Laravel's .env", () => {
  test('2.1 the lines that Laravel installs are read', () => {
    const laravel = [
      'APP_NAME=Laravel',
      '# Reverb',
      'BROADCAST_CONNECTION=reverb',
      '',
      'REVERB_APP_ID=100001',
      'REVERB_APP_KEY=k1',
      'REVERB_APP_SECRET="s1"',
      'REVERB_HOST="localhost"',
      'REVERB_PORT=8080',
      'REVERB_SCHEME=http',
      '',
      'VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"',
      'VITE_REVERB_HOST="${REVERB_HOST}"',
    ].join('\n');
    const values = read(laravel);
    expect(values).toMatchObject({ VITE_REVERB_APP_KEY: 'k1', VITE_REVERB_HOST: 'localhost' });
    expect(readConfig(values).apps[0]).toMatchObject({
      id: '100001',
      credentials: [{ key: 'k1', secret: 's1' }],
    });
  });

  test.each([
    ['plain', 'A=b', 'b'],
    ['spaces around', '  A = b  ', 'b'],
    ['a byte order mark before', '\ufeffA=b', 'b'],
    ['escapes in double quotes', 'A="b\\tc\\$\\"\\\\"', 'b\tc$"\\'],
    ['escapes in single quotes, which are none', "A='b\\tc'", 'b\\tc'],
    ['backticks', 'A=`b`', '`b`'],
    ['a # right behind', 'A=b#c', 'b'],
    ['several lines', 'A="b\nc"', 'b\nc'],
    ['double quotes', 'A="b c"', 'b c'],
    ['single quotes', "A='b c'", 'b c'],
    ['a comment behind', 'A=b # c', 'b'],
    ['a mark of comments inside quotes', 'A="b # c"', 'b # c'],
    ['an equals sign inside', 'A=b=c==', 'b=c=='],
    ['export before', 'export A=b', 'b'],
    ['nothing', 'A=', ''],
    ['empty quotes', 'A=""', ''],
    ['the last of two', 'A=b\nA=c', 'c'],
    ['ends of line of Windows', 'A=b\r\nB=c\r\n', 'b'],
  ])('2.1 a value with %s', (_, text, value) => {
    expect(read(text).A).toBe(value);
  });

  test('2.1 a line that is a comment sets nothing', () => {
    expect(read('# A=b\n#A=c\n')).toEqual({});
  });

  test('2.1 ${NAME} is what the environment has, else what stands above, else it stays as it is', () => {
    expect(read('A=b\nC="${A}-${B}-${NO}"\nD=${C}', { B: 'e' })).toMatchObject({
      C: 'b-e-${NO}',
      D: 'b-e-${NO}',
    });
  });

  test('2.1 ${NAME} is expanded in any order of names', () => {
    expect(read('Z_SHARED=k\nA_KEY="${Z_SHARED}"').A_KEY).toBe('k');
    expect(read('A_KEY="${Z_SHARED}"\nZ_SHARED=k').A_KEY).toBe('${Z_SHARED}');
  });

  test('2.1 the environment takes precedence, an empty value too, as in Laravel', () => {
    expect(read('A=file\nB=file', { A: '', B: 'outer' })).toEqual({});
  });

  test('2.1 a name alone is set to an empty value', () => {
    expect(read('A\nexport B')).toEqual({ A: '', B: '' });
  });

  test('8.12 what phpdotenv refuses is refused, each line with its number and reason, and no value is shown', () => {
    const wrong = ['A=b', 'B=hush c', '=hush', 'C-D=hush', '', 'E="hush\\x"', "F='hush"].join('\n');
    expect(() => read(wrong)).toThrow(ConfigError);
    const [reported] = [wrong].map((text) => {
      try {
        return read(text);
      } catch (error) {
        return (error as ConfigError).problems;
      }
    }) as [readonly string[]];
    expect(reported.map((problem) => problem.replace(/^.*\.env: /, ''))).toEqual([
      'line 2: B: expected quotes around a value with white space, and nothing behind them',
      'line 3: expected a name before the equals sign',
      'line 4: expected a name of letters, digits, _ and . alone (a comment begins with #)',
      'line 6: E: expected one of " \\ $ f n r t v behind a backslash',
      'line 7: F: expected a closing quote',
    ]);
    expect(reported.join()).not.toContain('hush');
  });

  test('2.1 ${NAME} is what the environment has where both have it, as for Laravel', () => {
    expect(read('A=file\nB=${A}', { A: 'environment' }).B).toBe('environment');
  });
});

describe('--env-file', () => {
  const ENV_FILE =
    'REVERB_APP_ID=file\nREVERB_APP_KEY=k1\nREVERB_APP_SECRET=s1\nREVERB_SERVER_PATH=from-file\n';

  test('2.1 the file is read, and the environment takes precedence', async () => {
    const file = temporaryFile('.env', `${ENV_FILE}REVERB_SERVER_HOST=192.0.2.1\nREVERB_SERVER_PORT=1\n`);
    const server = await startServer({}, ['--env-file', file]);
    await server.close();
    expect(server.output()).toContain(`ws://127.0.0.1:${server.port}/from-file/app/{key}`);
    expect(server.output()).toMatch(/"apps":"1 {2}\(from REVERB_APP_\*\)"/);
  });

  test('2.1 a flag takes precedence over both', async () => {
    const file = temporaryFile('.env', ENV_FILE);
    const server = await startServer({ REVERB_SERVER_PATH: 'from-environment' }, [
      '--env-file',
      file,
      '--path',
      'from-flag',
    ]);
    await server.close();
    expect(server.output()).toContain('/from-flag/app/{key}');
  });

  test('2.1 a missing file ends the start with its name', async () => {
    // Node itself looks whether a file of this flag is there, before the command runs: it ends with 9.
    const { code, stdout, stderr } = await run(['start', '--env-file', '/no/such/.env']);
    expect([1, 9]).toContain(code);
    expect(stdout).toBe('');
    expect(stderr).toContain('/no/such/.env');
    expect(() => readEnvFile('/no/such/.env', {})).toThrow('/no/such/.env');
  });

  test('8.12 what is wrong in the file ends the start, by name', async () => {
    const file = temporaryFile('.env', 'REVERB_APP_PING_INTERVAL=soon\n');
    const { code, stderr } = await run(['start', '--env-file', file]);
    expect([code, stderr]).toEqual([
      1,
      'wavehall: REVERB_APP_PING_INTERVAL="soon": expected a whole number from 1 to 86400\n',
    ]);
  });
});
