import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { splitTarget } from '../../core/util/http-text.ts';
import type { AuthGateway } from './gateway.ts';
import type { GatewayPaths } from './options.ts';
import type { GatewayClient } from './outgoing.ts';
import type { AuthRequest } from './question.ts';

interface PluginOptions {
  readonly gateway: Pick<AuthGateway, 'answer'>;
  readonly paths: GatewayPaths;
  readonly maxRequestBytes: number;
  readonly clientOf: (request: IncomingMessage) => GatewayClient;
  /** The server's prefix in front of the paths, without slashes at its ends; empty: none. */
  readonly prefix: string;
}

const BYTES = 'application/octet-stream';
const NO_BODY = Buffer.alloc(0);
const TYPE = Symbol('content type');

type WithType = IncomingMessage & { [TYPE]?: string };

/** Serves the paths at which clients ask for signatures, with and without the server's prefix (SPEC 14.1). */
export function registerGateway(http: FastifyInstance, options: PluginOptions): void {
  for (const prefix of options.prefix === '' ? [''] : ['', `/${options.prefix}`])
    void http.register(
      (scope, _, done) => {
        keepRawBodies(scope);
        for (const purpose of ['channel', 'user'] as const)
          for (const path of options.paths[purpose]) serve(scope, purpose, path, options);
        done();
      },
      { prefix },
    );
}

function serve(
  scope: FastifyInstance,
  purpose: AuthRequest['purpose'],
  path: string,
  { gateway, maxRequestBytes, clientOf }: PluginOptions,
): void {
  scope.route({
    method: ['GET', 'POST', 'OPTIONS'],
    url: path,
    exposeHeadRoute: false,
    bodyLimit: maxRequestBytes,
    handler: async ({ raw, method, body }: FastifyRequest, reply: FastifyReply) => {
      const request = {
        ...{ purpose, method, path, rawQuery: splitTarget(raw.url)[1] },
        contentType: (raw as WithType)[TYPE] ?? '',
        body: Buffer.isBuffer(body) ? body : NO_BODY,
      };
      const { rawHeaders, headers } = raw;
      const answer = await gateway.answer({ request, rawHeaders, headers, client: clientOf(raw) });
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    },
  });
}

/** Passes bodies on as bytes, whatever their type is: the app reads them, too. */
function keepRawBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  scope.addHook('onRequest', ({ raw }, _, done) => {
    (raw as WithType)[TYPE] = raw.headers['content-type'] ?? '';
    raw.headers['content-type'] = BYTES;
    done();
  });
}
