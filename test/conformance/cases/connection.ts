import { randomBytes } from 'node:crypto';
import { eventually } from '../../support/wire.ts';
import { Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { Case } from '../case.ts';
import { holds, matches, same } from '../expect.ts';
import { needs } from '../settings.ts';
import type { CaseTools } from '../case-tools.ts';

const PING = { event: 'pusher:ping', data: {} };

/** Sends an upgrade with changed headers and returns the head of the response. */
const upgradeHead = async (
  tools: CaseTools,
  path: string,
  headers: Record<string, string | undefined> = {},
) => {
  const tcp = await Tcp.open(tools.app);
  tcp.write(upgradeText(path, headers));
  const head = await tcp.head();
  tcp.destroy();
  return head;
};

const statusOf = (head: string): number => Number(head.split(' ')[1]);

/** Opens sockets, a limited number at a time, and returns their socket ids. */
const openMany = async (tools: CaseTools, count: number, concurrency: number): Promise<Set<string>> => {
  const ids = new Set<string>();
  const worker = async () => {
    while (ids.size < count) {
      const wire = await tools.connect();
      holds(!ids.has(wire.socketId), 'the socket id', 'one that no earlier socket has', wire.socketId);
      ids.add(wire.socketId);
      await wire.close();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return ids;
};

const established: Case[] = [
  {
    id: 'C01',
    rule: '2.3',
    title: 'an upgrade as pusher-js makes it gets connection_established first',
    async run(tools) {
      const wire = await tools.open(`${tools.path}?protocol=7&client=js&version=8.6.0&flash=false`);
      const frame = await wire.first();
      const timeout = tools.established(wire, frame);
      same(timeout, 30, 'activity_timeout');
      same(Object.keys(frame).sort(), ['data', 'event'], 'members of the frame');
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'C02',
    rule: '2.4',
    title: '10 000 connections get 10 000 socket ids',
    limitMs: 120_000,
    run: (tools) => openMany(tools, 10_000, 50),
  },
  {
    id: 'C03',
    rule: '2.2',
    title: 'an upgrade without a query uses protocol 7',
    run: (tools) => tools.connect(''),
  },
  {
    id: 'C04',
    rule: '2.1',
    title: 'a configured prefix comes before /app in the path',
    needs: needs.prefix,
    async run(tools) {
      const wire = await tools.open(`/rt/app/${tools.app.key}`);
      tools.established(wire, await wire.first());
    },
  },
  {
    id: 'C26',
    rule: '2.4',
    title: 'a socket id is two integers of 1 to 1 000 000 000',
    async run(tools) {
      const { socketId } = await tools.connect();
      for (const part of socketId.split('.')) {
        holds(/^[1-9]\d*$/.test(part) && Number(part) <= 1e9, 'a part of the id', '1 to 1e9', socketId);
      }
    },
  },
  {
    id: 'C27',
    rule: '2.3',
    title: 'activity_timeout is the configured one',
    needs: needs.activityTimeout,
    async run(tools) {
      const wire = await tools.open(tools.path);
      same(tools.established(wire, await wire.first()), 45, 'activity_timeout');
    },
  },
  {
    id: 'C28',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'a trailing slash after the key is accepted',
    async run(tools) {
      const wire = await tools.open(`${tools.path}/?protocol=7`);
      tools.established(wire, await wire.first());
    },
  },
  {
    id: 'C29',
    rule: '2.1',
    title: 'with a prefix configured the path without it is accepted as well',
    needs: needs.prefix,
    async run(tools) {
      const wire = await tools.open(`/app/${tools.app.key}`);
      tools.established(wire, await wire.first());
      same(
        (await tools.request({ method: 'GET', path: '/up' })).status,
        200,
        'status of /up without the prefix',
      );
      same(
        (await tools.request({ method: 'GET', path: '/rt/up' })).status,
        200,
        'status of /up with the prefix',
      );
    },
  },
  {
    id: 'C30',
    rule: '2.2',
    title: 'protocols 4, 5, 6 and 7 are accepted',
    async run(tools) {
      for (const version of [4, 5, 6, 7]) await tools.connect(`?protocol=${version}`);
    },
  },
  {
    id: 'C07',
    rule: '2.2',
    title: 'a protocol above 7 is treated as 7',
    run: (tools) => tools.connect('?protocol=99'),
  },
  {
    id: 'C31',
    rule: '2.2',
    title: 'unknown query items are ignored',
    run: (tools) => tools.connect('?protocol=7&flash=true&x=1&x=2&y[]=z&%C3%A9=%F0%9F%98%80&client='),
  },
];

const handshake: Case[] = [
  {
    id: 'C08',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'a plain GET of /app/{key} gets 426',
    async run(tools) {
      const answer = await tools.request({ method: 'GET', path: tools.path });
      same(answer.status, 426, 'status');
    },
  },
  {
    id: 'C32',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'the 426 has the header Upgrade: websocket',
    async run(tools) {
      const { headers } = await tools.request({ method: 'GET', path: tools.path });
      same(headers.upgrade, 'websocket', 'header Upgrade');
      matches(headers.connection, /\bupgrade\b/i, 'header Connection');
    },
  },
  {
    id: 'C09',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'an unknown path gets 404 "Not found."',
    async run(tools) {
      const answer = await tools.request({ method: 'GET', path: '/nothing' });
      same([answer.status, answer.text], [404, 'Not found.'], 'status and body');
    },
  },
  {
    id: 'C33',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'an upgrade on an unknown path gets 404',
    async run(tools) {
      same(statusOf(await upgradeHead(tools, '/nothing')), 404, 'status');
    },
  },
  {
    id: 'C34',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'an upgrade on a route of the HTTP API is not accepted',
    async run(tools) {
      for (const path of ['/up', `/apps/${tools.app.id}/events`]) {
        const status = statusOf(await upgradeHead(tools, tools.app.prefix + path));
        holds(status >= 400 && status < 500, `status of ${path}`, 'a 4xx', status);
      }
    },
  },
  {
    id: 'C35',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'Upgrade: h2c does not become a WebSocket',
    async run(tools) {
      const status = statusOf(await upgradeHead(tools, tools.path, { Upgrade: 'h2c' }));
      holds(status >= 400 && status < 500, 'status', 'a 4xx', status);
    },
  },
  {
    id: 'C36',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'the value of Upgrade is case-insensitive',
    async run(tools) {
      same(statusOf(await upgradeHead(tools, tools.path, { Upgrade: 'WebSocket' })), 101, 'status');
    },
  },
  {
    id: 'C37',
    rule: '2.1',
    overWebSocketOnly: true,
    title: 'offered subprotocols and compression are not selected',
    async run(tools) {
      const head = await upgradeHead(tools, tools.path, {
        'Sec-WebSocket-Protocol': 'pusher, graphql-ws',
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
      });
      same(statusOf(head), 101, 'status');
      holds(
        !/^sec-websocket-(protocol|extensions):/im.test(head),
        'the head of the 101',
        'neither selected',
        head,
      );
    },
  },
];

const liveness: Case[] = [
  {
    id: 'C14',
    rule: '2.8',
    title: 'pusher:ping gets pusher:pong with data "{}"',
    async run(tools) {
      const wire = await tools.connect();
      wire.send(PING);
      same(await wire.first(), { event: 'pusher:pong', data: '{}' }, 'the answer');
    },
  },
  {
    id: 'C38',
    rule: '2.8',
    title: 'pusher:ping gets pusher:pong with any data',
    async run(tools) {
      const wire = await tools.connect();
      for (const data of ['{}', '', null, 1, [], { x: 1 }, undefined]) {
        wire.send({ event: 'pusher:ping', data });
        same((await wire.first()).event, 'pusher:pong', `answer to a ping with data ${JSON.stringify(data)}`);
      }
    },
  },
  {
    id: 'C39',
    rule: '2.8',
    title: 'pusher:pong from a client gets no answer',
    async run(tools) {
      const wire = await tools.connect();
      wire.send({ event: 'pusher:pong', data: {} });
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'C15',
    rule: '2.9',
    overWebSocketOnly: true,
    title: 'a control ping gets a control pong with its payload',
    async run(tools) {
      const wire = await tools.connect();
      const payloads = ['abc', '', randomBytes(60).toString('hex')];
      for (const payload of payloads) wire.socket.ping(payload);
      await wire.until(
        () => wire.pongs.length === payloads.length,
        () => 'pongs',
      );
      same(wire.pongs, payloads, 'payloads of the pongs');
    },
  },
  {
    id: 'C16',
    rule: '2.10',
    overWebSocketOnly: true,
    title: 'a client that answers no ping is closed with 4201',
    needs: needs.quickPings,
    async run(tools) {
      const wire = await tools.connect('', { autoPong: false });
      await wire.until(
        () => wire.pings.length > 0,
        () => 'a control ping',
        3_000,
      );
      const { frames, closing } = await wire.rest(4_000);
      same(frames.length, 1, 'frames before the close');
      tools.error(frames[0], 4201, 'Pong reply not received in time');
      same(closing.code, 4201, 'close code');
    },
  },
  {
    id: 'C17',
    rule: '2.10',
    overWebSocketOnly: true,
    title: 'a control pong or a pusher:pong keeps a socket open',
    needs: needs.quickPings,
    limitMs: 30_000,
    async run(tools) {
      const control = await tools.connect('');
      const events = await tools.connect('', { autoPong: false });
      events.socket.on('ping', () => events.send({ event: 'pusher:pong', data: {} }));
      for (const wire of [control, events]) {
        await wire.until(
          () => wire.pings.length >= 5,
          () => 'five pings',
          15_000,
        );
        await tools.receivesNothing(wire);
      }
    },
  },
  {
    id: 'C40',
    rule: '2.9',
    overWebSocketOnly: true,
    title: 'a client that keeps sending is not pinged',
    needs: needs.quickPings,
    limitMs: 30_000,
    async run(tools) {
      const idle = await tools.connect('');
      const busy = await tools.connect('');
      const sending = setInterval(() => busy.send({ event: 'anything', channel: 'any' }), 200);
      try {
        await idle.until(
          () => idle.pings.length >= 3,
          () => 'three pings on the idle socket',
          15_000,
        );
        same(busy.pings.length, 0, 'pings on the busy socket');
      } finally {
        clearInterval(sending);
      }
    },
  },
  {
    id: 'C41',
    rule: '2.9',
    overWebSocketOnly: true,
    title: 'a client that closes with 1000 receives a close frame with 1000',
    async run(tools) {
      const wire = await tools.connect();
      wire.socket.close(1000, 'bye');
      same((await wire.closing()).code, 1000, 'close code');
    },
  },
  {
    id: 'C24',
    rule: '2.13',
    title: 'SIGTERM: every socket gets error and close 4200, the process ends, new clients are refused',
    needs: needs.quickDrain,
    alone: true,
    limitMs: 30_000,
    async run(tools) {
      const wires = await Promise.all(Array.from({ length: 50 }, () => tools.connect()));
      tools.server?.kill('SIGTERM');
      await Promise.all(
        wires.map(async (wire) => {
          const { frames, closing } = await wire.rest(15_000);
          tools.error(frames[0], 4200);
          same(closing.code, 4200, 'close code');
        }),
      );
      const refused = () =>
        tools.open(tools.path).then(
          () => false,
          () => true,
        );
      await eventually(refused, 'new upgrades are refused', 15_000);
    },
  },
];

export const connection: Case[] = [...established, ...handshake, ...liveness];
