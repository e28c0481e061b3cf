import type { FastifyInstance } from 'fastify';
import { Conflict, readAddRequest, readRotateRequest, type RotateRequest } from '../requests.ts';
import { changedBy, MAX_BODY_BYTES } from './answers.ts';

/** Credentials that are shown once. */
export interface ShownCredentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

export interface RotatedApp extends ShownCredentials {
  /** Unix time in seconds until which the former secret is valid. */
  readonly formerUntilSeconds: number;
}

/** The apps of a database. Rejects with a `Conflict`, or with `Unavailable` when the database does not answer. */
export interface AppsControl {
  /** `undefined`: the id is drawn. `by`: who asked for it. */
  add(id: string | undefined, by: string): Promise<ShownCredentials>;
  rotate(id: string, request: RotateRequest, by: string): Promise<RotatedApp>;
  setEnabled(id: string, isEnabled: boolean, by: string): Promise<void>;
}

export const NO_DATABASE =
  'The apps of this server are in no database, so they cannot be changed while it runs: set WAVEHALL_APPS_DATABASE.';

/** Adds the changes of apps below `/apps` (SPEC 11.5). `undefined`: the apps are in no database. */
export function addAppRoutes(scope: FastifyInstance, apps: AppsControl | undefined): void {
  const control = (): AppsControl => {
    if (apps === undefined) throw new Conflict(NO_DATABASE);
    return apps;
  };
  const options = { bodyLimit: MAX_BODY_BYTES };
  const idIn = (params: unknown): string => (params as { readonly id: string }).id;
  scope.post('/apps', options, async (request, reply) => {
    const added = await control().add(readAddRequest(request.body), changedBy(request));
    return reply.header('cache-control', 'no-store').send(added);
  });
  scope.post('/apps/:id/rotate', options, async (request, reply) => {
    const known = control();
    const rotation = readRotateRequest(request.body);
    const rotated = await known.rotate(idIn(request.params), rotation, changedBy(request));
    return reply.header('cache-control', 'no-store').send(rotated);
  });
  for (const [path, isEnabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    scope.post(`/apps/:id/${path}`, options, async (request) => {
      await control().setEnabled(idIn(request.params), isEnabled, changedBy(request));
      return { id: idIn(request.params), enabled: isEnabled };
    });
}
