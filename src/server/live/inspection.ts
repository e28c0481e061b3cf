import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type {
  ChannelQuery,
  ConnectionQuery,
  InspectionSource,
  NameQuery,
  UserQuery,
} from '../../admin/inspect/source.ts';
import type { Hub } from '../../core/channels/hub.ts';
import type { OutboundLimits } from '../../core/client/outbound.ts';
import { FrameWatch } from '../../core/live/inspect/frame-log.ts';
import { joinConnections, joinNames } from '../../core/live/inspect/join-views.ts';
import { ProcessView } from '../../core/live/inspect/process-view.ts';
import type { ProcessName, ViewAnswer, ViewQuestion } from '../../core/live/inspect/questions.ts';
import { readViewAnswer, readViewQuestion } from '../../core/live/inspect/read-views.ts';
import { readStored } from '../../core/live/inspect/stored-channel.ts';
import type { Apps } from '../../core/ports/apps.ts';
import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import type { NodeCommands, Stores } from '../../core/ports/stores.ts';
import type { Traffic } from '../../core/traffic/traffic.ts';
import type { WorkerGroup } from '../worker-group.ts';
import { type Asked, askingAll } from './all-processes.ts';

export interface InspectionDeps {
  readonly hub: Pick<Hub, 'scopes'>;
  readonly traffic: Pick<Traffic, 'closed'>;
  readonly apps: Pick<Apps, 'get'>;
  readonly stores: Pick<Stores, 'membership' | 'history' | 'cachedEvents'>;
  readonly nodeCommands: Pick<NodeCommands, 'terminate'>;
  readonly buffers: OutboundLimits;
  readonly nodeQuestions: NodeQuestions;
}

/** Channels, users and connections of all processes: this one, the other workers of this server, and the other nodes (SPEC 17.7). */
export class Inspection implements InspectionSource {
  readonly #deps: InspectionDeps;
  readonly #view: ProcessView;
  readonly #process = randomBytes(9).toString('base64url');
  readonly #askAll: (question: ViewQuestion) => Promise<Asked<ViewAnswer>>;

  constructor(deps: InspectionDeps, workers: WorkerGroup | undefined) {
    const { hub, traffic, buffers, nodeQuestions } = deps;
    this.#deps = deps;
    traffic.closed.isKept = true;
    const frames = new FrameWatch(Date.now);
    this.#view = new ProcessView({ scopes: hub.scopes, frames, closed: traffic.closed, buffers });
    this.#askAll = askingAll<ViewQuestion, ViewAnswer>(
      { workers, nodeQuestions },
      {
        request: 'view',
        process: this.#process,
        readQuestion: readViewQuestion,
        readAnswer: () => readViewAnswer,
        answer: (question) => this.#own(question),
      },
    );
  }

  isApp(app: string): boolean {
    return this.#deps.apps.get(app) !== undefined;
  }

  async channels({ app, search: name, after }: NameQuery): Promise<object> {
    const { answers, silent } = await this.#ask({ view: 'channels', app, name, after });
    return { ...joinNames(answers), silent };
  }

  async users({ app, search: name, after }: NameQuery): Promise<object> {
    const { answers, silent } = await this.#ask({ view: 'users', app, name, after });
    return { ...joinNames(answers), silent };
  }

  async channel({ app, channel, skip, data }: ChannelQuery): Promise<object> {
    const [{ answers, silent }, stored] = await Promise.all([
      this.#ask({ view: 'channel', app, name: channel }),
      readStored(this.#deps.stores, { app, channel }, { skip, data }),
    ]);
    const kept = typeof stored === 'string' ? { problem: stored } : stored;
    return { ...joinConnections(answers), ...kept, silent };
  }

  async user({ app, user }: UserQuery): Promise<object> {
    const { answers, silent } = await this.#ask({ view: 'user', app, name: user });
    return { ...joinConnections(answers), isCut: answers.some(({ isCut }) => isCut), silent };
  }

  async connection({ app, socket }: ConnectionQuery): Promise<object> {
    const { answers, silent } = await this.#ask({ view: 'connection', app, name: socket });
    const found = answers.find(({ open }) => open) ?? answers.find(({ closed }) => closed);
    const { node, host, pid, open = null, closed = null } = found ?? {};
    return { open, closed, process: found && { node, host, pid }, silent };
  }

  async close({ app, socket }: ConnectionQuery, how: 'reconnect' | 'end'): Promise<boolean> {
    const { answers } = await this.#ask({ view: how, app, name: socket });
    return answers.some(({ isDone }) => isDone);
  }

  endUser({ app, user }: UserQuery): Promise<void> {
    return this.#deps.nodeCommands.terminate(app, user);
  }

  async #ask(question: ViewQuestion) {
    const { answers, silent = null } = await this.#askAll(question);
    return { answers, silent };
  }

  #own(question: ViewQuestion): ViewAnswer {
    return { ...this.#name(), ...this.#view.answer(question) };
  }

  #name(): ProcessName {
    const { name, isCluster } = this.#deps.nodeQuestions;
    const node = isCluster ? name : undefined;
    return { process: this.#process, node, host: hostname(), pid: process.pid };
  }
}
