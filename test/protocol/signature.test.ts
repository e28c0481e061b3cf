import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import Pusher from 'pusher';
import { expect, test } from 'vitest';
import {
  channelText,
  type Credential,
  equalHex,
  hmacHex,
  md5Hex,
  signChannel,
  signUser,
  userText,
  verifyChannelAuth,
  verifyUserAuth,
} from '#protocol';
import vectors from '../../protocol/vectors/signatures.json' with { type: 'json' };

const { credential, socketId } = vectors;
const both: readonly Credential[] = [credential, vectors.secondCredential];

test.each(vectors.channels)('$rule $title', ({ channel, channelData, text, signature }) => {
  const auth = `${credential.key}:${signature}`;
  expect(channelText(socketId, channel, channelData)).toBe(text);
  expect(hmacHex(credential.secret, text)).toBe(signature);
  expect(signChannel(credential, socketId, channel, channelData)).toBe(auth);
  expect(verifyChannelAuth([credential], { socketId, channel, auth, channelData }, true)).toBe(true);
});

test('7.1 is the same HMAC as of any library, for secrets of every length', () => {
  const secrets = ['', 'a', 'x'.repeat(64), 'x'.repeat(65), 'é'.repeat(40), 'y'.repeat(500)];
  const texts = ['', 'a', 'é€😀', '\ud800', 'z'.repeat(9000), Buffer.from([0, 255, 1])];
  for (const secret of [...secrets, ...secrets])
    for (const text of texts)
      expect(hmacHex(secret, text)).toBe(createHmac('sha256', secret).update(text).digest('hex'));
});

test.each(vectors.refusedChannels)('$rule refused: $title', ({ channel, channelData, auth }) => {
  expect(verifyChannelAuth(both, { socketId, channel, auth, channelData }, false)).toBe(false);
});

test.each(vectors.users)('$rule $title', ({ userData, text, signature }) => {
  const auth = `${credential.key}:${signature}`;
  expect(userText(socketId, userData)).toBe(text);
  expect(signUser(credential, socketId, userData)).toBe(auth);
  expect(verifyUserAuth([credential], { socketId, auth, userData }, true)).toBe(true);
});

test.each(vectors.refusedUsers)('$rule refused: $title', ({ userData, auth }) => {
  expect(verifyUserAuth(both, { socketId, auth, userData }, false)).toBe(false);
});

test.each(vectors.keys)('$rule $title', ({ auth, lenient, strict }) => {
  const request = { socketId, channel: 'private-foobar', auth };
  expect(verifyChannelAuth(both, request, false)).toBe(lenient);
  expect(verifyChannelAuth(both, request, true)).toBe(strict);
});

test.each(vectors.sharedSecrets)('$rule $title', ({ channel, masterKeyBase64, sharedSecret }) => {
  const hash = createHash('sha256').update(channel).update(Buffer.from(masterKeyBase64, 'base64'));
  expect(hash.digest('base64')).toBe(sharedSecret);
});

test.each([
  ['undefined', undefined],
  ['null', null],
  ['a number', 0],
  ['a list of the signature', ['ab']],
  ['an object that resembles the signature', { length: 2, toString: () => 'ab' }],
  ['a shorter text', 'a'],
  ['a longer text', 'ab0'],
  ['upper case', 'AB'],
  ['the same number of characters, more bytes', 'aé'],
  ['characters that share their low byte', 'š\u0162'],
])('7.1 %s is not the signature', (_what, given) => {
  expect(equalHex('ab', given)).toBe(false);
  expect(equalHex('ab', 'ab')).toBe(true);
});

test('7.4 the hash of a body is the hash of its bytes', () => {
  expect(md5Hex('{}')).toBe('99914b932bd37a50b983c5e7c90ae93b');
  expect(md5Hex(Buffer.from('{"a":"é"}'))).toBe(createHash('md5').update('{"a":"é"}', 'utf8').digest('hex'));
});

const channel = fc.stringMatching(/^(private|presence)-[-a-zA-Z0-9_=@,.;]{1,20}$/);
const userId = fc.string({ unit: 'binary', minLength: 1 });
const data = fc.record({ user_id: userId, user_info: fc.dictionary(fc.string(), fc.jsonValue()) });

test('7.2 accepts channel signatures of the official library, and no changed ones', () => {
  const pusher = new Pusher({ appId: '3', host: 'localhost', ...credential });
  fc.assert(
    fc.property(channel, fc.option(data, { nil: undefined }), (name, member) => {
      const { auth, channel_data: channelData } = pusher.authorizeChannel(socketId, name, member);
      const verify = (change: object) =>
        verifyChannelAuth([credential], { socketId, channel: name, auth, channelData, ...change }, true);
      expect(verify({})).toBe(true);
      expect(verify({ channel: `${name}x` })).toBe(false);
      expect(verify({ socketId: '1234.12345' })).toBe(false);
      expect(verify({ channelData: `${channelData ?? '{}'} ` })).toBe(false);
      expect(verify({ auth: auth.toUpperCase() })).toBe(false);
    }),
  );
});

test('7.3 accepts user signatures of the official library', () => {
  const pusher = new Pusher({ appId: '3', host: 'localhost', ...credential });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.jsonValue(), (id, info) => {
      const { auth, user_data: userData } = pusher.authenticateUser(socketId, { id, info });
      expect(verifyUserAuth([credential], { socketId, auth, userData }, true)).toBe(true);
      expect(verifyUserAuth([credential], { socketId, auth, userData: `${userData} ` }, true)).toBe(false);
    }),
  );
});

test('7.3 a signature of a sign-in is never valid for a subscription', () => {
  fc.assert(
    fc.property(channel, fc.jsonValue(), (name, value) => {
      const userData = JSON.stringify(value);
      const auth = signUser(credential, socketId, userData);
      expect(
        verifyChannelAuth([credential], { socketId, channel: name, auth, channelData: userData }, false),
      ).toBe(false);
    }),
  );
});
