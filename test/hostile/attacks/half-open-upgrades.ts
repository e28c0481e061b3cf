import { type Target } from '../target.ts';
import type { Attack } from '../attack.ts';
import { Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';

/** Texts that a client sends before it falls silent and keeps its end open. */
const BEGINNINGS: readonly ((target: Target) => string)[] = [
  () => `${upgradeText('/nothing-here')}x`,
  () => upgradeText('/app/'),
  ({ prefix, key }) => `${upgradeText(`${prefix}/app/${key}`, { Upgrade: 'foo' })}x`,
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`, { 'Sec-WebSocket-Version': '7' }),
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`, { 'Sec-WebSocket-Key': 'short' }),
  ({ prefix }) => `${upgradeText(`${prefix}/app/no-such-key`)}x`,
  // Reverb knows no versions: there it would be a client like any other.
  ({ prefix, key, isAnsweredElsewhere }) =>
    upgradeText(`${prefix}/app/${isAnsweredElsewhere === true ? 'nobody' : key}?protocol=1`),
  ({ prefix, key }) => upgradeText(`${prefix}/app/${key}`).slice(0, -2),
  () => 'GET /up HTTP/1.1\r\nHost: x\r\n',
  () => 'POST /apps/x/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
  () => 'G',
];

/** `count` upgrades that are refused or never finished; the attacker never closes its ends. */
export const halfOpenUpgrades = (count: number): Attack => ({
  name: `${count} half-open upgrades`,
  async run(target, chance) {
    const held: Tcp[] = [];
    for (let index = 0; index < count; index += 1) {
      const tcp = await Tcp.open(target).catch(() => undefined);
      if (tcp === undefined) continue;
      held.push(tcp);
      tcp.socket.removeAllListeners('end');
      tcp.write(beginning(target, chance));
      if (chance.is(0.1)) tcp.reset();
    }
    return () => held.forEach((tcp) => tcp.destroy());
  },
});

const beginning = (target: Target, chance: SeededRandom): string =>
  (chance.pick(BEGINNINGS) ?? BEGINNINGS[0]!)(target);
