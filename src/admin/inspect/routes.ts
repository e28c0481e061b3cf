import type { FastifyInstance } from 'fastify';
import { BadRequest, Conflict } from '../requests.ts';
import { MAX_BODY_BYTES } from '../routes/answers.ts';
import { Fields } from '../fields.ts';
import type { ConnectionQuery, InspectionSource, UserQuery } from './source.ts';

/** Adds the routes that show channels, users and connections (SPEC 17.7, 17.8), and those that close connections (SPEC 17.9). */
export function addInspectionRoutes(scope: FastifyInstance, source: InspectionSource): void {
  addViews(scope, source);
  const options = { bodyLimit: MAX_BODY_BYTES };
  for (const how of ['reconnect', 'end'] as const)
    scope.post(`/connection/${how}`, options, async ({ body }) => {
      const query = connectionIn(Fields.ofBody(body, ['app', 'socket']));
      if (!(await source.close(query, how)))
        throw new Conflict(
          'No connection of this app has this socket id: it is closed, or its node does not answer.',
        );
      return {};
    });
  scope.post('/user/end', options, async ({ body }) => {
    await source.endUser(userIn(Fields.ofBody(body, ['app', 'user'])));
    return {};
  });
}

function addViews(scope: FastifyInstance, source: InspectionSource): void {
  const view = (path: string, names: readonly string[], read: (fields: Fields) => Promise<object>): void => {
    scope.get(path, async ({ raw }, reply) => {
      const fields = Fields.ofQuery(raw.url, ['app', ...names]);
      const app = fields.text('app');
      if (!source.isApp(app)) throw new BadRequest(`app ${JSON.stringify(app)}: expected the id of an app`);
      return reply.header('cache-control', 'no-store').send(await read(fields));
    });
  };
  view('/channels', ['search', 'after'], (fields) => source.channels(namesIn(fields)));
  view('/users', ['search', 'after'], (fields) => source.users(namesIn(fields)));
  view('/channel', ['channel', 'skip', 'data'], (fields) =>
    source.channel({
      app: fields.text('app'),
      channel: fields.text('channel'),
      skip: fields.count('skip'),
      data: isDataIn(fields),
    }),
  );
  view('/user', ['user'], (fields) => source.user(userIn(fields)));
  view('/connection', ['socket'], (fields) => source.connection(connectionIn(fields)));
}

const namesIn = (fields: Fields) => ({
  app: fields.text('app'),
  search: fields.optional('search') ?? '',
  after: fields.optional('after'),
});

const userIn = (fields: Fields): UserQuery => ({ app: fields.text('app'), user: fields.text('user') });

const connectionIn = (fields: Fields): ConnectionQuery => ({
  app: fields.text('app'),
  socket: fields.text('socket'),
});

function isDataIn(fields: Fields): boolean {
  const data = fields.optional('data') ?? '0';
  if (data !== '0' && data !== '1') throw new BadRequest('data: expected 0 or 1');
  return data === '1';
}
