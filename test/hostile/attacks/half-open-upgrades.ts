import { type Target } from '../target.ts';
import type { Attack } from '../attack.ts';
import { Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';

/** Bytes that a client sends before it stops sending and keeps its socket open. */
const BEGINNINGS: readonly ((target: Target) => string)[] = [
  () => `${upgradeText('/nothing-here')}x`,
  () => upgradeText('/app/'),
  ({ prefix, key }) => `${upgradeText(`${prefix}/app/${key}`, { Upgrade: 'foo' })}x`,
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`, { 'Sec-WebSocket-Version': '7' }),
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`, { 'Sec-WebSocket-Key': 'short' }),
  ({ prefix }) => `${upgradeText(`${prefix}/app/no-such-key`)}x`,
  // Reverb does not check the protocol version and would accept this client.
  ({ prefix, key, isOtherServer }) =>
    upgradeText(`${prefix}/app/${isOtherServer === true ? 'unknown' : key}?protocol=1`),
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`).slice(0, -2),
  () => 'GET /up HTTP/1.1\r\nHost: x\r\n',
  () => 'POST /apps/x/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
  () => 'G',
];

/** `count` upgrades that are refused or never finished; the attacker never closes its sockets. */
export const halfOpenUpgrades = (count: number): Attack => ({
  name: `${count} half-open upgrades`,
  async run(target, random) {
    const open: Tcp[] = [];
    for (let index = 0; index < count; index += 1) {
      const tcp = await Tcp.open(target).catch(() => undefined);
      if (tcp === undefined) continue;
      open.push(tcp);
      tcp.socket.removeAllListeners('end');
      tcp.write(beginning(target, random));
      if (random.is(0.1)) tcp.reset();
    }
    return () => open.forEach((tcp) => tcp.destroy());
  },
});

const beginning = (target: Target, random: SeededRandom): string =>
  (random.pick(BEGINNINGS) ?? BEGINNINGS[0]!)(target);
