/**
 * Functions of the scenarios in load.yml: they sign channels and requests with the app's credentials, which come from the
 * environment: REVERB_APP_ID, REVERB_APP_KEY, REVERB_APP_SECRET, and TARGET_URL (http://127.0.0.1:8080).
 */
'use strict';
const { createHash, createHmac, randomUUID } = require('node:crypto');
const { Agent: HttpAgent } = require('node:http');
const { Agent: HttpsAgent } = require('node:https');

const {
  REVERB_APP_ID: id = 'app-id',
  REVERB_APP_KEY: key = 'app-key',
  REVERB_APP_SECRET: secret = 'app-secret',
} = process.env;
const base = process.env.TARGET_URL ?? 'http://127.0.0.1:8080';

const hmac = (text) => createHmac('sha256', secret).update(text).digest('hex');

/** `auth` of a private or presence channel; `member` is the text of `channel_data`. */
function channelAuth(socketId, channel, member) {
  return `${key}:${hmac([socketId, channel, ...(member === undefined ? [] : [member])].join(':'))}`;
}

/** The message with which a client subscribes. */
function subscribeMessage(socketId, channel, member) {
  const data = { channel };
  if (/^(private|presence)-/.test(channel)) data.auth = channelAuth(socketId, channel, member);
  if (member !== undefined) data.channel_data = member;
  return JSON.stringify({ event: 'pusher:subscribe', data });
}

/** Path, query and body of a signed request that publishes one event. */
function signedEvent(channel, name, data, nowSeconds = Math.floor(Date.now() / 1000)) {
  const path = `/apps/${id}/events`;
  const body = JSON.stringify({ name, channel, data: JSON.stringify(data) });
  const md5 = createHash('md5').update(body).digest('hex');
  const query = `auth_key=${key}&auth_timestamp=${nowSeconds}&auth_version=1.0&body_md5=${md5}`;
  return { path: `${path}?${query}&auth_signature=${hmac(`POST\n${path}\n${query}`)}`, body };
}

/** Socket ids by connection: the greeting may arrive before Artillery gives us the socket, so it is read from the bytes. */
const SOCKET_ID = /"socket_id\\":\\"([\d.]+)/;

/** Prepares the connection of a user: the address, and a way to read the greeting. */
function prepareConnection(wsArgs, context, done) {
  const isSecure = base.startsWith('https:');
  wsArgs.target = `${base.replace(/^http/, 'ws')}/app/${key}?protocol=7&client=artillery&version=2.0.34`;
  const agent = new (isSecure ? HttpsAgent : HttpAgent)();
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => {
    const socket = connect(...args);
    let received = '';
    const read = (bytes) => {
      received = (received + bytes.toString('latin1')).slice(-4096);
      context.vars.socketId = SOCKET_ID.exec(received)?.[1];
      if (context.vars.socketId !== undefined) socket.off('data', read);
    };
    socket.on('data', read);
    return socket;
  };
  wsArgs.options = { ...wsArgs.options, agent };
  return done();
}

/** Waits for the greeting, then signs the three subscriptions of a user: public, private, presence. */
async function waitForGreeting(context, events) {
  const { vars } = context;
  count(context, events);
  for (let waitedMs = 0; vars.socketId === undefined; waitedMs += 10) {
    if (waitedMs >= 10_000) throw new Error('no pusher:connection_established within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const member = JSON.stringify({ user_id: randomUUID(), user_info: { name: 'Load' } });
  vars.subscribePublic = subscribeMessage(vars.socketId, 'load-news');
  vars.subscribePrivate = subscribeMessage(vars.socketId, 'private-load-orders');
  vars.subscribePresence = subscribeMessage(vars.socketId, 'presence-load-room', member);
}

/** Counts the answers and the events that the socket receives, for the report. */
function count({ ws }, events) {
  ws.on('message', (bytes) => {
    const { event, data } = JSON.parse(String(bytes));
    if (event === 'pusher_internal:subscription_succeeded') events.emit('counter', 'wavehall.subscribed', 1);
    else if (event === 'pusher:pong') events.emit('counter', 'wavehall.pongs', 1);
    else if (/^pusher(_internal)?:.*error$/.test(event)) events.emit('counter', 'wavehall.errors', 1);
    else if (event === 'load.notification') {
      events.emit('counter', 'wavehall.notifications', 1);
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      events.emit('histogram', 'wavehall.delivery_ms', Date.now() - JSON.parse(text).sentAtMs);
    }
  });
}

/** Sends one notification to all users, signed. `fetch` keeps its connections open. */
async function publishNotification(context, events) {
  const { path, body } = signedEvent(context.vars.channel ?? 'load-news', 'load.notification', {
    sentAtMs: Date.now(),
    text: 'x'.repeat(Number(context.vars.bytes ?? 1024)),
  });
  const answer = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  await answer.text();
  events.emit('counter', `wavehall.publish.${answer.status}`, 1);
}

module.exports = {
  channelAuth,
  subscribeMessage,
  signedEvent,
  prepareConnection,
  waitForGreeting,
  publishNotification,
};
