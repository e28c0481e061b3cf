import type { FastifyInstance } from 'fastify';
import type { AppsControl } from '../admin/routes/apps.ts';
import type { CutoverControl, MoveOptions } from '../admin/routes/cutover.ts';
import type { AuthControl } from '../admin/routes/auth.ts';
import type { Examiner } from '../admin/routes/examination.ts';
import type { RestartControl } from '../admin/routes/restart.ts';
import type { WebhookControl } from '../admin/routes/webhooks.ts';
import { Conflict } from '../admin/requests.ts';
import type { Config } from '../config/index.ts';
import type { Traffic } from '../core/traffic/traffic.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Metric } from '../core/ports/metric.ts';
import type { StatusSection } from '../core/ports/status.ts';
import { cutoverMetrics } from '../cutover/status/metrics.ts';
import { mergeStatus } from '../cutover/status/merge-status.ts';
import type { Cutover } from '../cutover/plugin.ts';
import type { CutoverStatus } from '../cutover/status/status-report.ts';
import type { Metrics, WorkerMetrics } from '../observability/metrics.ts';
import { shownApps } from './status/app-list.ts';
import type { ConsoleSource } from './access/console.ts';
import { ownPublisher } from './access/own-publisher.ts';
import { liveUpgrades } from './entrances/upgrades.ts';
import { Inspection, type InspectionDeps } from './live/inspection.ts';
import { LiveSource } from './live/live-source.ts';
import type { TraceSource } from './live/trace-source.ts';
import { workerMetrics } from './metrics.ts';
import { openHistory } from './status/history.ts';
import { statusReader } from './status/status.ts';
import type { Processes } from './handover/processes.ts';
import type { WorkerGroup } from './worker-group.ts';

export interface AdminDeps {
  readonly cutover: Cutover | undefined;
  /** `undefined`: nothing serves them. */
  readonly metrics: Metrics | undefined;
  /** Parts of `GET /admin/status`. */
  readonly status: readonly StatusSection[];
  readonly apps: Pick<Apps, 'all' | 'byId'>;
  /** `undefined`: the apps are in no database. */
  readonly appsControl: AppsControl | undefined;
  readonly traffic: Traffic;
  readonly trace: TraceSource;
  /** False when this process stops. */
  readonly isOpen: () => boolean;
  /** `undefined`: this process serves alone. */
  readonly workers: WorkerGroup | undefined;
  /** `undefined`: nobody can replace this process. */
  readonly processes: Processes | undefined;
  /** `undefined`: no app has an endpoint. */
  readonly webhooks: WebhookControl | undefined;
  /** `undefined`: there is no auth gateway. */
  readonly inspection: InspectionDeps;
  readonly auth: AuthControl | undefined;
  /** `undefined`: nobody can start another process. */
  readonly examine: Examiner | undefined;
  /** `undefined`: there is no console. */
  readonly console: ConsoleSource | undefined;
}

/** Serves the admin API if it has a token (SPEC 11.5); without one, its code is not loaded. */
export async function openAdmin(
  http: FastifyInstance,
  token: string | undefined,
  deps: AdminDeps,
): Promise<void> {
  const { cutover, metrics, status, apps, traffic, isOpen, workers, processes } = deps;
  const { appsControl, webhooks, auth, trace, examine } = deps;
  if (token === undefined || metrics === undefined) return;
  const { registerAdmin } = await import('../admin/plugin.ts');
  await registerAdmin(http, {
    token,
    metrics,
    status: statusReader(status, workers),
    apps: () => shownApps(apps.all),
    appsControl,
    live: new LiveSource(traffic.live, workers, isOpen),
    liveUpgrades: liveUpgrades(http.server),
    history: openHistory({ traffic, workers, isOpen, nodeQuestions: deps.inspection.nodeQuestions }),
    inspection: new Inspection(deps.inspection, workers),
    console: await deps.console?.open(workers),
    trace,
    webhooks,
    auth,
    examine,
    events: ownPublisher(http, apps),
    restart: processes && restartOf(processes),
    cutover: cutover && controlOf(cutover, workers),
  });
}

/** Opens the metrics if the admin API or a port of their own serves them; otherwise their code is not loaded. */
export async function openServedMetrics(
  { adminToken, metricsPort }: Pick<Config, 'adminToken' | 'metricsPort'>,
  metrics: readonly Metric[],
  { cutover, workers }: Pick<AdminDeps, 'cutover' | 'workers'>,
): Promise<Metrics | undefined> {
  if (adminToken === undefined && metricsPort === undefined) return undefined;
  const { openMetrics } = await import('../observability/metrics.ts');
  const all = [
    ...metrics,
    ...(cutover === undefined ? [] : cutoverMetrics(() => cutover.status())),
    ...(workers === undefined ? [] : workerMetrics(workers)),
  ];
  return openMetrics(all, workers && metricsOf(workers));
}

const metricsOf = (workers: WorkerGroup): WorkerMetrics => ({
  onCollect: (snapshot) => workers.onRequest('metrics', snapshot),
  collectAll: () => workers.requestAll('metrics'),
});

const restartOf = (processes: Processes): RestartControl => ({
  begin: (by) => processes.restart(by),
  state: async () => (await processes.restartState()).state,
});

function statusOf(cutover: Cutover, workers: WorkerGroup | undefined): CutoverControl['status'] {
  if (workers === undefined) return () => cutover.status();
  workers.onRequest('cutover', () => cutover.status());
  return async () => mergeStatus(cutover.status(), (await workers.requestAll('cutover')) as CutoverStatus[]);
}

const controlOf = (cutover: Cutover, workers: WorkerGroup | undefined): CutoverControl => ({
  status: statusOf(cutover, workers),
  set: async (percent, by, how) => {
    if (how.move) await refuseUnreachable(cutover, percent, how);
    await cutover.percentage.set(percent, by, how.move);
  },
  rollBack: async (to, by, how) => {
    const { lastGood, percent: present } = cutover.percentage;
    const percent = to === 'last-good' ? Math.min(lastGood, present) : 0;
    await refuseUnreachable(cutover, percent, how);
    await cutover.percentage.set(percent, by, how.move);
  },
});

/** Throws if a lower percentage would move clients to an upstream that cannot be reached (SPEC 11.5). */
async function refuseUnreachable(
  { percentage, whyUpstreamIsAway }: Cutover,
  percent: number,
  { force }: MoveOptions,
): Promise<void> {
  if (force || !(percent < percentage.percent)) return;
  const reason = await whyUpstreamIsAway();
  if (reason === undefined) return;
  throw new Conflict(
    `The upstream cannot be reached (${reason}): no browser is moved there, and the percentage stays at ${percentage.percent} %. Add --force (admin API: "force":true) to lower it anyway.`,
  );
}
