import { Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Attack } from '../attack.ts';

const NAMES = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Real-IP',
  'Forwarded',
  'True-Client-IP',
  'CF-Connecting-IP',
];

const VALUES = [
  '203.0.113.1',
  '203.0.113.1:5001',
  '[2001:db8::1]:443',
  '2001:db8::1%eth0',
  '::ffff:203.0.113.1',
  'unknown',
  '_hidden',
  '',
  ',',
  ', , 203.0.113.7',
  '999.1.1.1',
  'https,http',
  'wss',
  'for=203.0.113.1;proto=https;by=_x',
  'for="[2001:db8::1]:1";for=',
  '127.0.0.1'.repeat(500),
  Array.from({ length: 400 }, (_, index) => `10.0.0.${index % 256}`).join(', '),
  '\u00ff\u00fe',
];

/** `count` handshakes and requests with forged proxy headers: each is answered. */
export const forgedProxies = (count: number): Attack => ({
  name: `${count} handshakes with forged proxy headers`,
  async run(target, random, faults) {
    for (let index = 0; index < count; index += 1) {
      const tcp = await Tcp.open(target);
      const headers = forged(random);
      const isSocket = random.is(0.5);
      const path = isSocket ? `${target.prefix}/app/${target.key}?protocol=7` : '/up';
      tcp.write(isSocket ? upgradeText(path, headers) : plainText(path, headers));
      const head = await tcp.head(10_000);
      if (!/^HTTP\/1\.1 (101|200|400|431)/.test(head))
        faults.push(`${JSON.stringify(headers).slice(0, 300)}: ${head.slice(0, 100)}`);
      tcp.destroy();
    }
    return undefined;
  },
});

const forged = (random: SeededRandom): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: 1 + random.below(4) }, () => [
      random.pick(NAMES) ?? 'X-Forwarded-For',
      random.pick(VALUES) ?? '',
    ]),
  );

const plainText = (path: string, headers: Record<string, string>): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
