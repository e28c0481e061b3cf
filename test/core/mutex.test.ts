import { describe, expect, test } from 'vitest';
import { Mutex } from '../../src/core/util/mutex.ts';
import { deferred, settled } from './fakes.ts';

describe('mutex', () => {
  test('3.4 runs tasks in the order in which they were asked for, never two at once', async () => {
    const serial = new Mutex();
    const steps: string[] = [];
    const gates = [deferred(), deferred(), deferred()];
    const all = gates.map((gate, at) =>
      serial.run(async () => {
        steps.push(`begin ${at}`);
        await gate.promise;
        steps.push(`end ${at}`);
      }),
    );
    gates[2]?.release();
    gates[1]?.release();
    await settled();
    expect(steps).toEqual(['begin 0']);
    gates[0]?.release();
    await Promise.all(all);
    expect(steps).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  test('3.4 begins at once when no task waits, and again after it has been idle', async () => {
    const serial = new Mutex();
    for (let round = 0; round < 3; round += 1) {
      let begun = false;
      const run = serial.run(async () => {
        begun = true;
        await Promise.resolve();
      });
      expect(begun).toBe(true);
      await run;
      await settled();
    }
  });

  test('3.6 runs the next tasks after one fails', async () => {
    const serial = new Mutex();
    const first = serial.run(() => Promise.reject(new Error('first')));
    const second = serial.run(() => Promise.resolve('second'));
    const third = serial.run(() => Promise.reject(new Error('third')));
    const fourth = serial.run(() => Promise.resolve('fourth'));
    await expect(first).rejects.toThrow('first');
    await expect(second).resolves.toBe('second');
    await expect(third).rejects.toThrow('third');
    await expect(fourth).resolves.toBe('fourth');
  });

  test('2.12 counts the tasks that have not settled', async () => {
    const serial = new Mutex();
    const gate = deferred();
    expect(serial.length).toBe(0);
    void serial.run(() => gate.promise);
    void serial.run(() => Promise.resolve());
    expect(serial.length).toBe(2);
    gate.release();
    await settled();
    expect(serial.length).toBe(0);
  });
});
