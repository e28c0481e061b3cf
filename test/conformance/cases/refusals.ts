import type { Case } from '../case.ts';
import { holds, same } from '../expect.ts';
import { needs } from '../settings.ts';
import { appDisabled, ORIGINS } from '../settings.ts';
import type { Site } from '../site.ts';
import { eventually } from '../../support/wire.ts';

const withOrigin = (site: Site, origin?: string) =>
  site.open(`${site.path}?protocol=7`, origin === undefined ? {} : { origin });

const isIn = async (site: Site, origin: string): Promise<void> => {
  const wire = await withOrigin(site, origin);
  site.established(wire, await wire.first());
};

const isOut = async (site: Site, origin?: string): Promise<void> =>
  site.refused(await withOrigin(site, origin), 4009, 'Origin not allowed');

const byVersion: Case[] = [
  {
    id: 'C05',
    rule: '2.5',
    title: 'an unknown key gets error and close 4001',
    async run(site) {
      const wire = await site.open(`${site.app.prefix}/app/nope?protocol=7`);
      await site.refused(wire, 4001, 'Application does not exist');
    },
  },
  {
    id: 'C42',
    rule: '2.5',
    title: 'hostile keys are unknown keys',
    async run(site) {
      for (const key of [
        '__proto__',
        'constructor',
        'toString',
        `${site.app.key}x`,
        site.app.id,
        '%00',
        'a'.repeat(300),
      ]) {
        const wire = await site.open(`${site.app.prefix}/app/${key}`);
        const frame = await wire.first();
        site.error(frame, 4001, 'Application does not exist');
      }
    },
  },
  {
    id: 'C06',
    rule: '2.2',
    title: 'protocol 3 gets error and close 4007',
    async run(site) {
      await site.refused(await site.open(`${site.path}?protocol=3`), 4007, 'Unsupported protocol version');
    },
  },
  {
    id: 'C43',
    rule: '2.2',
    title: 'protocols 1 and 2 get error and close 4007',
    async run(site) {
      for (const version of [1, 2]) {
        const wire = await site.open(`${site.path}?protocol=${version}`);
        await site.refused(wire, 4007, 'Unsupported protocol version');
      }
    },
  },
  {
    id: 'C44',
    rule: '2.2',
    title: 'a protocol that is no integer gets error and close 4006',
    async run(site) {
      for (const version of ['abc', '1.5', '7x', '0x7']) {
        await site.refused(await site.open(`${site.path}?protocol=${version}`), 4006);
      }
    },
  },
  {
    id: 'C45',
    rule: '2.5',
    title: 'the app is looked up before the version, the version before the origin',
    needs: needs.origins,
    async run(site) {
      const unknown = await site.open(`${site.app.prefix}/app/nope?protocol=3`, {
        origin: 'https://evil.test',
      });
      await site.refused(unknown, 4001);
      const old = await site.open(`${site.path}?protocol=3`, { origin: 'https://evil.test' });
      await site.refused(old, 4007);
    },
  },
  {
    id: 'C46',
    rule: '2.5',
    title: 'a disabled app gets error and close 4003',
    needs: appDisabled,
    async run(site) {
      await site.refused(await site.open(site.path), 4003);
    },
  },
];

const byOrigin: Case[] = [
  {
    id: 'C10',
    rule: '2.6',
    title: 'allowed origins, also by wildcard and with another port, connect',
    needs: needs.origins,
    async run(site) {
      await isIn(site, 'https://app.test:8443');
      await isIn(site, 'http://a.foo.test');
    },
  },
  {
    id: 'C11',
    rule: '2.6',
    title: 'a foreign or missing origin gets error and close 4009, and nothing it sends counts',
    needs: needs.origins,
    async run(site) {
      const channel = site.name('orders');
      const wire = await withOrigin(site, 'https://evil.test');
      wire.send({ event: 'pusher:subscribe', data: { channel, auth: '' } });
      await site.refused(wire, 4009, 'Origin not allowed');
      same(await site.channel(channel), { occupied: false }, 'the channel asked for meanwhile');
      await isOut(site);
    },
  },
  {
    id: 'C47',
    rule: '2.6',
    title: 'an origin is compared without case',
    needs: needs.origins,
    run: async (site) => isIn(site, 'https://APP.Test'),
  },
  {
    id: 'C48',
    rule: '2.6',
    title: 'an entry with scheme and port admits exactly that origin',
    needs: needs.origins,
    async run(site) {
      same(ORIGINS.includes('https://exact.test:8443'), true, 'the list under test');
      await isIn(site, 'https://exact.test:8443');
      for (const origin of ['https://exact.test', 'http://exact.test:8443', 'https://exact.test:8444']) {
        await isOut(site, origin);
      }
    },
  },
  {
    id: 'C49',
    rule: '2.6',
    title: 'look-alike origins are refused',
    needs: needs.origins,
    async run(site) {
      const near = [
        'https://app.test.evil.test',
        'https://xapp.test',
        'https://foo.test.evil',
        'https://appxtest',
        'null',
      ];
      for (const origin of near) await isOut(site, origin);
    },
  },
];

const byQuota: Case[] = [
  {
    id: 'C12',
    rule: '2.7',
    title: 'an idle socket without channels counts for max_connections: the next one gets 4004',
    needs: needs.oneConnection,
    alone: true,
    async run(site) {
      await site.connect();
      await site.refused(await site.open(site.path), 4004, 'Application is over connection quota');
    },
  },
  {
    id: 'C13',
    rule: '2.7',
    title: 'a closed socket makes room again, a refused one takes none',
    needs: needs.oneConnection,
    alone: true,
    async run(site) {
      const first = await site.connect();
      await site.refused(await site.open(site.path), 4004);
      await first.close();
      await eventually(async () => {
        const wire = await site.open(site.path);
        const frame = await wire.first();
        if (frame.event !== 'pusher:connection_established') return false;
        site.established(wire, frame);
        return true;
      }, 'a third socket gets in after the first has closed');
    },
  },
  {
    id: 'C50',
    rule: '2.7',
    title: 'a full node answers with error and close 4100 or HTTP 503',
    needs: needs.fullNode,
    alone: true,
    async run(site) {
      await site.connect();
      const answer = await site.open(site.path).then(
        (wire) => wire.first().then((frame) => ({ frame, wire })),
        (error: unknown) => error as { status?: number },
      );
      if ('frame' in answer) {
        site.error(answer.frame, 4100);
        same((await answer.wire.closing()).code, 4100, 'close code');
      } else holds(answer.status === 503, 'status of the upgrade', '503', answer.status);
    },
  },
];

export const refusals: Case[] = [...byVersion, ...byOrigin, ...byQuota];
