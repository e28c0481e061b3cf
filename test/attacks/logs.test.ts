import { describe, expect, test } from 'vitest';
import { APP } from '../conformance/settings.ts';
import { member } from '../conformance/case-tools.ts';
import { channelAuth, signedPath, userAuth } from '../support/wire-http.ts';
import { attackedServer } from './attacked-server.ts';

const target = attackedServer({ REVERB_APP_MAX_MESSAGE_SIZE: '200000' }, { args: ['--debug'] });

/** The hexadecimal part of a signature. */
const hexOf = (auth: string): string => auth.slice(auth.indexOf(':') + 1);

describe('with --debug', () => {
  test('2.12 A35 writes no secret and no signature, whatever is sent', async () => {
    const { tools } = target;
    const secrets: string[] = [APP.secret];
    const wire = await tools.connect();
    const sign = (channel: string, data?: string) => {
      const auth = channelAuth(APP, wire.socketId, channel, data);
      secrets.push(hexOf(auth));
      return auth;
    };
    const data = JSON.stringify(member('7'));
    for (const channel of ['private-a', 'private-cache-a', 'private-encrypted-a']) {
      await tools.subscribe(wire, channel, { auth: sign(channel) });
    }
    await tools.subscribe(wire, 'presence-a', { auth: sign('presence-a', data), member: data });
    const asText = JSON.stringify({ channel: 'private-b', auth: sign('private-b') });
    wire.send({ event: 'pusher:subscribe', data: asText });
    wire.send({ event: 'pusher:subscribe', data: { channel: 'private-c', auth: [sign('private-c')] } });
    const userData = '{"id":"1"}';
    const auth = userAuth(APP, wire.socketId, userData);
    secrets.push(hexOf(auth));
    wire.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
    await wire.settle();

    const ciphertext = 'Q2lwaGVydGV4dE9mQVNlY3JldA';
    await tools.publish('secret', JSON.stringify({ nonce: 'n', ciphertext }), 'private-encrypted-a');
    secrets.push(ciphertext);
    const path = signedPath(tools.app, 'GET', `/apps/${APP.id}/channels`);
    secrets.push(path.slice(path.indexOf('auth_signature=') + 15));
    await tools.request({ method: 'GET', path });
    await tools.request({ method: 'GET', path: `${path}&x` });
    await tools.request({ method: 'POST', path: path.replace('channels', 'events'), body: '{' });
    await tools.request({ method: 'GET', path: path.replace('channels', 'nothing') });

    const output = target.server.output();
    expect(output).toContain('private-a');
    for (const secret of secrets) expect(output).not.toContain(secret);
  });

  test('2.12 A35 hides the signature in a malformed message', async () => {
    const wire = await target.tools.connect();
    const auth = channelAuth(APP, wire.socketId, 'private-a');
    wire.send(`{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"${auth}"`);
    await wire.settle();
    expect(target.server.output()).not.toContain(hexOf(auth));
  });

  test('2.12 A35 hides a signature that is not in auth', async () => {
    const wire = await target.tools.connect();
    const auth = channelAuth(APP, wire.socketId, 'private-a');
    wire.send(`["pusher:subscribe","${auth}"]`);
    wire.send({ event: 'pusher:subscribe', data: { channel: 'private-a', Auth: auth, authorization: auth } });
    await wire.settle();
    expect(target.server.output()).not.toContain(hexOf(auth));
  });

  test('2.12 A35 hides the signature in a message of more than 64 kB', async () => {
    const wire = await target.tools.connect();
    const auth = channelAuth(APP, wire.socketId, 'private-a');
    wire.send({ event: 'pusher:subscribe', data: { auth, channel: 'private-a', pad: 'x'.repeat(70_000) } });
    await wire.settle();
    expect(target.server.output()).not.toContain(hexOf(auth));
  });

  test('1.1 A34 escapes control characters, colours and reversed text of clients', async () => {
    const { tools } = target;
    const evil = '\r\nFORGED LINE\u001b[31mRED\u202eREVERSED\u0000\u2028SEPARATED\u0085NEL\u009b31mCSI';
    const headers = { 'User-Agent': 'x\u009b31mCSI' };
    const wire = await tools.connect('', { headers });
    await tools.subscribe(wire, 'private-a');
    wire.send({ event: evil, channel: evil, data: evil });
    wire.send({ event: `client-${evil}`, channel: 'private-a', data: evil });
    tools.sendSubscribe(wire, evil);
    wire.send(evil);
    await tools.subscribe(wire, 'presence-a', { member: { user_id: evil, user_info: { evil } } });
    await tools.publisher.post('/events', { name: evil, data: evil, channel: evil });
    await tools.request({ method: 'GET', path: `/nothing${encodeURIComponent(evil)}` });
    await wire.settle();

    const output = target.server.output();
    expect(output).toContain('FORGED LINE');
    expect(output.split(/\r?\n/).filter((line) => line.startsWith('FORGED'))).toEqual([]);
    for (const raw of ['\u001b[31mRED', '\u202e', '\u0000', '\u2028', '\u0085', '\u009b']) {
      expect(output.includes(raw), JSON.stringify(raw)).toBe(false);
    }
    for (const line of output.split('\n')) expect(line.length).toBeLessThan(2_000);
  });
});
