import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import helmet from '@fastify/helmet';
import files from '@fastify/static';
import { answerError, sendError } from '../routes/answers.ts';
import type { ConsoleOptions } from './options.ts';
import { addSessionRoutes } from './session-routes.ts';

/** The path with its slash alone: without one, the addresses in the page would be those of another folder. */
const SLASH = { prefixTrailingSlash: 'slash' } as const;
const NOT_BUILT = 'The page of the console is not built: npm run build.';

/** Serves the page of the console, and its log-in, without a token: the page itself has no data (SPEC 17.1). */
export async function addConsole(
  server: FastifyInstance,
  token: string,
  options: ConsoleOptions,
): Promise<void> {
  await server.register(
    async (scope) => {
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply));
      scope.setNotFoundHandler((_request, reply) => sendError(reply, 404, 'Not found.'));
      await scope.register(helmet, HEADERS);
      // Relative, so that a path prefix of a proxy stays.
      scope.get('', (_request, reply) => reply.redirect('console/'));
      addSessionRoutes(scope, token, options);
      if (existsSync(join(options.folder, 'index.html'))) await addFiles(scope, options.folder);
      else scope.get('/', SLASH, (_request, reply) => sendError(reply, 404, NOT_BUILT));
    },
    { prefix: '/admin/console' },
  );
}

/** Adds a route for each file that was built, and for no other. A name in `assets` has the digest of its file in it. */
const addFiles = async (scope: FastifyInstance, root: string): Promise<void> => {
  await scope.register(files, {
    root,
    wildcard: false,
    index: false,
    cacheControl: false,
    setHeaders: (answer, path) => {
      const isNamedByDigest = path.startsWith(join(root, 'assets'));
      void answer.header(
        'cache-control',
        isNamedByDigest ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  scope.get('/', SLASH, (_request, reply) => reply.sendFile('index.html'));
};

/** Everything comes from this server, and no page of another may show this one. Nothing concerns the whole host. */
const HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      objectSrc: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  originAgentCluster: false,
  crossOriginOpenerPolicy: false,
  referrerPolicy: { policy: 'no-referrer' },
} as const;
