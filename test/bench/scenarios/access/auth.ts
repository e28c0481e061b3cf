/** Cost of a question at the auth gateway that it answers itself and of one that it passes on; and how many it answers itself. */
import type { Bench, Scenario } from '../../bench.ts';
import type { Contestant } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import { besideServers } from '../crowd.ts';
import { HttpConnection, type NextRequest } from './closed-loop.ts';
import { hitRatios } from './hit-ratios.ts';
import { gatewayTo, WITH_APP_KEY, withLaravel } from './laravel.ts';
import { bearer, type Credentials, publish, question, session, up } from './requests.ts';
import { type AccessServer, valuesOf, withBoth } from './servers.ts';
import { measureWays, type Way } from './ways.ts';

export const auth: Scenario = {
  name: 'auth',
  title: 'Questions at the auth gateway',
  run: (bench) =>
    besideServers(bench, () =>
      withLaravel(bench, async (laravel) => [
        ...(await costs(bench, laravel)),
        ...(await hitRatios(bench, auth.name, laravel)),
      ]),
    ),
};

type CredentialsOf = (user: string) => Credentials;

const KINDS = [
  ['bearer token', bearer],
  ['session cookie', session],
] as const;

const costs = (bench: Bench, laravel: Contestant): Promise<Row[]> =>
  withBoth(bench, { ...gatewayTo(laravel), ...WITH_APP_KEY }, (servers) => {
    const bases = servers.map(baseWays);
    const direct = KINDS.map(([kind, credentialsOf]): Way => ({
      ...{ figure: `question with a ${kind}`, contestant: laravel, sockets: 0, beside: [] },
      prepare: newQuestions(credentialsOf),
    }));
    const asked = ([figure, outcome, preparing]: (typeof OUTCOMES)[number]): Way[] =>
      KINDS.flatMap(([kind, credentialsOf], at) => {
        const [alone, overRedis] = servers.map((server, number): Way => ({
          ...{ figure: `${figure}, ${kind}`, ...server, sockets: 0 },
          prepare: preparing(credentialsOf, server.contestant),
          counted: async () => (await outcomesOf(server)).get(outcome) ?? 0,
          beside: [...(bases[number] ?? []), direct[at]].flatMap((way) =>
            way === undefined ? [] : [[way === direct[at] ? 'asked directly' : way.figure, way] as const],
          ),
        }));
        if (alone === undefined || overRedis === undefined) return [];
        return [alone, { ...overRedis, beside: [...overRedis.beside, ['in memory', alone]] }];
      });
    return measureWays(bench, auth.name, [...bases.flat(), ...direct, ...OUTCOMES.flatMap(asked)]);
  });

/** Requests to the same server that have nothing to do with the gateway. */
function baseWays(server: AccessServer): Way[] {
  const { endpoint } = server.contestant;
  const published = publish(endpoint);
  const base = (figure: string, text: string): Way => ({
    ...{ figure, ...server, sockets: 0, beside: [] },
    prepare: () => () => text,
  });
  return [base('GET /up', up()), base('POST events', published)];
}

const outcomesOf = ({ contestant }: AccessServer): Promise<Map<string, number>> =>
  valuesOf(contestant, 'wavehall_auth_requests_total');

const USERS = 500;
const KNOWN_USERS = 64;
const CHANNELS_OF_USER = 4;

let turns = 0;

/** Questions that were never asked before, each for another channel. */
function newQuestions(credentialsOf: CredentialsOf): () => NextRequest {
  const users = Array.from({ length: USERS }, (_, at) => credentialsOf(`new${at}`));
  return () => {
    const turn = (turns += 1);
    let at = 0;
    return () => {
      at += 1;
      return question(users[at % USERS] ?? [], `${at}.${turn}`, `private-orders.${turn}.${at}`);
    };
  };
}

/** Questions that were answered a moment ago for other sockets; cookies are encrypted anew since. */
const knownQuestions =
  (credentialsOf: CredentialsOf, server: Contestant) => async (): Promise<NextRequest> => {
    const turn = (turns += 1);
    const all = (socket: number): string[] =>
      Array.from({ length: KNOWN_USERS * CHANNELS_OF_USER }, (_, at) =>
        question(
          credentialsOf(`known${turn}x${at % KNOWN_USERS}`),
          `${socket}.${at}`,
          `private-orders.${Math.floor(at / KNOWN_USERS)}`,
        ),
      );
    const connection = await HttpConnection.open(server.endpoint);
    for (const text of all(1)) await connection.ask(text);
    connection.close();
    const questions = all(2);
    let at = 0;
    return () => questions[(at += 1) % questions.length] ?? '';
  };

const OUTCOMES = [
  ['hit', 'hit', knownQuestions],
  ['miss', 'asked', newQuestions],
] as const;
