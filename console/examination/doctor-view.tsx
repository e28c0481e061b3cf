import { useContext } from 'preact/hooks';
import { act } from '../api.ts';
import { plural } from '../format.ts';
import { ReadOnly } from '../shell/table.tsx';
import { useAction } from '../shell/use-action.ts';
import { ModeContext } from '../shell/mode.ts';
import type { ViewProps } from '../shell/view-props.ts';

interface Finding {
  readonly name: string;
  readonly severity: 'error' | 'warning' | 'ok' | 'skipped';
  readonly message: string;
  readonly means?: string;
  readonly fix?: {
    readonly file?: string;
    readonly lineNumber?: number;
    readonly line?: string;
    readonly run?: string;
  };
}

interface Report {
  readonly publishUrl: string | null;
  readonly publicUrl: string | null;
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly Finding[];
}

const ORDER = ['error', 'warning', 'ok', 'skipped'];

/** Runs the doctor on the machine of the server, and shows what it found. */
export function DoctorView({ onLoggedOut }: ViewProps) {
  const mode = useContext(ModeContext);
  const { isBusy, result, failure, run } = useAction<Report>(onLoggedOut);
  return (
    <>
      <h1>Doctor</h1>
      <ReadOnly />
      <p class="hint">
        Runs <code>wavehall doctor</code> on the machine of this server, with the settings of this server: it
        connects, publishes a test event and looks at the certificate, Redis, the clock and the open files. If
        the server was started in the folder of a Laravel app, it looks at that, too. No secret is shown.
      </p>
      <div class="bar">
        <button
          type="button"
          class="primary"
          disabled={isBusy || mode === 'read'}
          onClick={() => run(async () => (await act('/doctor')) as Report)}
        >
          Run the doctor
        </button>
        <span role="status" class={failure === undefined ? 'hint' : 'bad'}>
          {isBusy ? 'It looks around, for some seconds…' : (failure?.message ?? summaryOf(result))}
        </span>
      </div>
      {result !== undefined && !isBusy && <Findings report={result} />}
    </>
  );
}

const summaryOf = (report: Report | undefined): string =>
  report === undefined ? '' : `${plural(report.errors, 'error')}, ${plural(report.warnings, 'warning')}.`;

function Findings({ report }: { readonly report: Report }) {
  const findings = [...report.findings].sort(
    (one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity),
  );
  return (
    <>
      {report.publishUrl !== null && (
        <p>
          Events are published to <bdi>{report.publishUrl}</bdi>
        </p>
      )}
      {report.publicUrl !== null && (
        <p>
          Browsers connect to <bdi>{report.publicUrl}</bdi>
        </p>
      )}
      <ul class="findings" aria-label="Findings">
        {findings.map((finding, at) => (
          <li key={at} class="panel">
            <span class={`kind ${finding.severity}`}>{finding.severity}</span>
            <div>
              <b>{finding.name}</b> <bdi>{finding.message}</bdi>
              {finding.means !== undefined && <p>{finding.means}</p>}
              {finding.fix !== undefined && <Fix {...finding.fix} />}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

const Fix = ({ file, lineNumber, line, run }: NonNullable<Finding['fix']>) => (
  <dl>
    {(file !== undefined || line !== undefined) && [
      <dt key="name">change</dt>,
      <dd key="change">
        {file !== undefined && `${file}${lineNumber === undefined ? '' : `:${lineNumber}`} `}
        <code>{line}</code>
      </dd>,
    ]}
    {run !== undefined && [
      <dt key="run-name">run</dt>,
      <dd key="run">
        <code>{run}</code>
      </dd>,
    ]}
  </dl>
);
