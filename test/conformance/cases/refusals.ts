import type { Case } from '../case.ts';
import { holds, same } from '../expect.ts';
import { needs } from '../settings.ts';
import { appDisabled, ORIGINS } from '../settings.ts';
import type { CaseTools } from '../case-tools.ts';
import { eventually } from '../../support/wire.ts';

const withOrigin = (tools: CaseTools, origin?: string) =>
  tools.open(`${tools.path}?protocol=7`, origin === undefined ? {} : { origin });

const isIn = async (tools: CaseTools, origin: string): Promise<void> => {
  const wire = await withOrigin(tools, origin);
  tools.established(wire, await wire.first());
};

const isOut = async (tools: CaseTools, origin?: string): Promise<void> =>
  tools.refused(await withOrigin(tools, origin), 4009, 'Origin not allowed');

const byVersion: Case[] = [
  {
    id: 'C05',
    rule: '2.5',
    title: 'an unknown key gets error and close 4001',
    async run(tools) {
      const wire = await tools.open(`${tools.app.prefix}/app/nope?protocol=7`);
      await tools.refused(wire, 4001, 'Application does not exist');
    },
  },
  {
    id: 'C42',
    rule: '2.5',
    title: 'hostile keys are unknown keys',
    async run(tools) {
      for (const key of [
        '__proto__',
        'constructor',
        'toString',
        `${tools.app.key}x`,
        tools.app.id,
        '%00',
        'a'.repeat(300),
      ]) {
        const wire = await tools.open(`${tools.app.prefix}/app/${key}`);
        const frame = await wire.first();
        tools.error(frame, 4001, 'Application does not exist');
      }
    },
  },
  {
    id: 'C06',
    rule: '2.2',
    title: 'protocol 3 gets error and close 4007',
    async run(tools) {
      await tools.refused(await tools.open(`${tools.path}?protocol=3`), 4007, 'Unsupported protocol version');
    },
  },
  {
    id: 'C43',
    rule: '2.2',
    title: 'protocols 1 and 2 get error and close 4007',
    async run(tools) {
      for (const version of [1, 2]) {
        const wire = await tools.open(`${tools.path}?protocol=${version}`);
        await tools.refused(wire, 4007, 'Unsupported protocol version');
      }
    },
  },
  {
    id: 'C44',
    rule: '2.2',
    title: 'a protocol that is no integer gets error and close 4006',
    async run(tools) {
      for (const version of ['abc', '1.5', '7x', '0x7']) {
        await tools.refused(await tools.open(`${tools.path}?protocol=${version}`), 4006);
      }
    },
  },
  {
    id: 'C45',
    rule: '2.5',
    title: 'the key is checked before the version, the version before the origin',
    needs: needs.origins,
    async run(tools) {
      const unknown = await tools.open(`${tools.app.prefix}/app/nope?protocol=3`, {
        origin: 'https://evil.test',
      });
      await tools.refused(unknown, 4001);
      const old = await tools.open(`${tools.path}?protocol=3`, { origin: 'https://evil.test' });
      await tools.refused(old, 4007);
    },
  },
  {
    id: 'C46',
    rule: '2.5',
    title: 'a disabled app gets error and close 4003',
    needs: appDisabled,
    async run(tools) {
      await tools.refused(await tools.open(tools.path), 4003);
    },
  },
];

const byOrigin: Case[] = [
  {
    id: 'C10',
    rule: '2.6',
    title: 'allowed origins, also by wildcard and with another port, connect',
    needs: needs.origins,
    async run(tools) {
      await isIn(tools, 'https://app.test:8443');
      await isIn(tools, 'http://a.foo.test');
    },
  },
  {
    id: 'C11',
    rule: '2.6',
    title: 'an origin that is not allowed, or none, gets error and close 4009, and its messages are ignored',
    needs: needs.origins,
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await withOrigin(tools, 'https://evil.test');
      wire.send({ event: 'pusher:subscribe', data: { channel, auth: '' } });
      await tools.refused(wire, 4009, 'Origin not allowed');
      same(await tools.channel(channel), { occupied: false }, 'the channel asked for meanwhile');
      await isOut(tools);
    },
  },
  {
    id: 'C47',
    rule: '2.6',
    title: 'origins are case-insensitive',
    needs: needs.origins,
    run: async (tools) => isIn(tools, 'https://APP.Test'),
  },
  {
    id: 'C48',
    rule: '2.6',
    title: 'an entry with scheme and port allows exactly that origin',
    needs: needs.origins,
    async run(tools) {
      same(ORIGINS.includes('https://exact.test:8443'), true, 'the list under test');
      await isIn(tools, 'https://exact.test:8443');
      for (const origin of ['https://exact.test', 'http://exact.test:8443', 'https://exact.test:8444']) {
        await isOut(tools, origin);
      }
    },
  },
  {
    id: 'C49',
    rule: '2.6',
    title: 'look-alike origins are refused',
    needs: needs.origins,
    async run(tools) {
      const near = [
        'https://app.test.evil.test',
        'https://xapp.test',
        'https://foo.test.evil',
        'https://appxtest',
        'null',
      ];
      for (const origin of near) await isOut(tools, origin);
    },
  },
];

const byQuota: Case[] = [
  {
    id: 'C12',
    rule: '2.7',
    title: 'an idle socket without channels counts for max_connections: the next socket gets 4004',
    needs: needs.oneConnection,
    alone: true,
    async run(tools) {
      await tools.connect();
      await tools.refused(await tools.open(tools.path), 4004, 'Application is over connection quota');
    },
  },
  {
    id: 'C13',
    rule: '2.7',
    title: 'max_connections counts neither closed nor refused sockets',
    needs: needs.oneConnection,
    alone: true,
    async run(tools) {
      const first = await tools.connect();
      await tools.refused(await tools.open(tools.path), 4004);
      await first.close();
      await eventually(async () => {
        const wire = await tools.open(tools.path);
        const frame = await wire.first();
        if (frame.event !== 'pusher:connection_established') return false;
        tools.established(wire, frame);
        return true;
      }, 'a third socket connects after the first has closed');
    },
  },
  {
    id: 'C50',
    rule: '2.7',
    title: 'a full node answers with error and close 4100 or HTTP 503',
    needs: needs.fullNode,
    alone: true,
    async run(tools) {
      await tools.connect();
      const answer = await tools.open(tools.path).then(
        (wire) => wire.first().then((frame) => ({ frame, wire })),
        (error: unknown) => error as { status?: number },
      );
      if ('frame' in answer) {
        tools.error(answer.frame, 4100);
        same((await answer.wire.closing()).code, 4100, 'close code');
      } else holds(answer.status === 503, 'status of the upgrade', '503', answer.status);
    },
  },
];

export const refusals: Case[] = [...byVersion, ...byOrigin, ...byQuota];
