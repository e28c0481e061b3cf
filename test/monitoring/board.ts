/** The Grafana board of examples/deploy, as Grafana reads it. */
import { readFileSync } from 'node:fs';
import { FILES } from './files.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly allValue?: string;
}

export const board = JSON.parse(readFileSync(FILES.board, 'utf8')) as {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
};

export const rows = board.panels.filter(({ type }) => type === 'row');
export const panels = board.panels.filter(({ type }) => type !== 'row');

/** Each query of the board, as Grafana sends it when all apps and nodes are selected. */
export const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat, refId }) => ({
    panel: `${title} ${refId}`,
    legend: legendFormat,
    expression: expr
      .replaceAll('$__rate_interval', '15s')
      .replaceAll('$__range', '1m')
      .replaceAll(/\$(app|instance)\b/g, '.*'),
  })),
);
