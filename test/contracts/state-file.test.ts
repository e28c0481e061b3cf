import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { Unavailable } from '../../src/core/ports/failures.ts';
import { FileState } from '../../src/stores/memory/state.ts';
import { temporaryFolder } from '../cli/command.ts';

const newFile = (): string => join(temporaryFolder(), 'state.json');

test('11.4 the state survives a restart in readable JSON, and no temporary file is left', async () => {
  const file = newFile();
  await new FileState(file).write('cutover', { percent: 25 });
  expect(await new FileState(file).read('cutover')).toEqual({ percent: 25 });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ cutover: { percent: 25 } });
  expect(readdirSync(dirname(file))).toEqual(['state.json']);
});

test('11.4 no file is created before the first write', async () => {
  const file = newFile();
  expect(await new FileState(file).read('cutover')).toBeUndefined();
  expect(readdirSync(dirname(file))).toEqual([]);
});

test.each(['', '{', 'null', '[1]', '"x"'])(
  '11.4 a file that contains %j is read as empty, and is overwritten',
  async (text) => {
    const file = newFile();
    writeFileSync(file, text);
    const state = new FileState(file);
    expect(await state.read('cutover')).toBeUndefined();
    await state.write('cutover', { percent: 1 });
    expect(await state.read('cutover')).toEqual({ percent: 1 });
  },
);

test('11.17 writing to a missing folder rejects with Unavailable', async () => {
  const file = join(temporaryFolder(), 'nowhere', 'state.json');
  await expect(new FileState(file).write('cutover', {})).rejects.toThrow(Unavailable);
});

test('11.17 an unreadable file is not treated as an empty file', async () => {
  await expect(new FileState(temporaryFolder()).read('cutover')).rejects.toThrow(Unavailable);
});
