/** The files of examples/deploy that belong to monitoring. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export const FILES = {
  prometheus: `${ROOT}examples/deploy/prometheus/prometheus.yml`,
  compose: `${ROOT}examples/deploy/prometheus/compose.yml`,
  alerts: `${ROOT}examples/deploy/prometheus/alerts.yml`,
  alertmanager: `${ROOT}examples/deploy/alertmanager/alertmanager.yml`,
  board: `${ROOT}examples/deploy/grafana/wavehall.json`,
} as const;

export interface Alert {
  readonly name: string;
  readonly group: string;
  readonly severity: string;
  /** Its part of the file. */
  readonly text: string;
}

/** The alerts of alerts.yml in their order. `promtool` checks the file; here only its form is relied on. */
export function readAlerts(): Alert[] {
  const [, ...groups] = readFileSync(FILES.alerts, 'utf8').split('\n  - name: ');
  return groups.flatMap((group) => {
    const [, ...rules] = group.split('\n      - alert: ');
    return rules.map((text) => ({
      name: /^\w+/.exec(text)?.[0] ?? '',
      group: /^[\w-]+/.exec(group)?.[0] ?? '',
      severity: /severity: (\w+)/.exec(text)?.[1] ?? '',
      text,
    }));
  });
}

/** Replaces each text once; throws if one is not there, so that a changed file does not go unnoticed. */
export function rewrite(
  text: string,
  replacements: readonly (readonly [from: string, to: string])[],
): string {
  return replacements.reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`${from} is not in the file`);
    return all.replace(from, () => to);
  }, text);
}
