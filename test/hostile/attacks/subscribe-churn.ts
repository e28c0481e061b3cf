import { Tcp, textFrame } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';

/** `sockets` at a time come, enter and leave channels of names that nobody else uses, whisper there, and go without a word. */
export const subscribeChurn = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that come, subscribe, whisper and go`,
  async run(target, chance, faults) {
    const until = Date.now() + seconds * 1000;
    const lane = async (): Promise<void> => {
      while (Date.now() < until) {
        const tcp = await Tcp.upgraded(target, `${target.prefix}/app/${target.key}?protocol=7`);
        await tcp.message();
        const names = Array.from({ length: 20 }, () => `churn-${chance.below(1e9)}`);
        tcp.write(Buffer.concat(names.flatMap((channel) => [...visit(channel)])));
        const answer = await tcp.message(10_000).catch(() => undefined);
        if (answer === undefined) faults.push('a subscribe was not answered');
        if (chance.is(0.5)) tcp.reset();
        else tcp.destroy();
      }
    };
    await Promise.all(Array.from({ length: sockets }, lane));
    return undefined;
  },
});

const visit = (channel: string): Buffer[] => [
  textFrame({ event: 'pusher:subscribe', data: { channel } }),
  textFrame({ event: 'client-noise', channel, data: { pad: 'x'.repeat(500) } }),
  textFrame({ event: 'pusher:unsubscribe', data: { channel } }),
];
