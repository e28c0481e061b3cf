import { useContext } from 'preact/hooks';
import { act } from '../api.ts';
import { bytesOf, numberOf } from '../format.ts';
import { ReadOnly, Table } from '../shell/table.tsx';
import { useAction } from '../shell/use-action.ts';
import { ModeContext } from '../shell/mode.ts';
import type { ViewProps } from '../shell/view-props.ts';

interface Capacity {
  readonly machine: {
    readonly cores: number;
    readonly availableKib: number;
    readonly openFiles?: number;
    readonly processes: number;
    readonly node: string;
  };
  readonly measured: Readonly<Record<'triggerUs' | 'fanOutUs' | 'handshakeUs' | 'socketKib', number>>;
  readonly ratios: Readonly<Record<'trigger' | 'delivery' | 'handshake' | 'socket', number>>;
  readonly limits: readonly { readonly of: string; readonly sockets: number }[];
  readonly events: readonly {
    readonly subscribers: number;
    readonly onOneProcess: number;
    readonly onAll: number;
  }[];
  readonly reconnectSeconds: number;
}

/** Ratio above which the measurement rather shows other work on this machine. */
const DISTURBED = 3;

/** Measures the machine of the server, and shows what it holds. */
export function CapacityView({ onLoggedOut }: ViewProps) {
  const mode = useContext(ModeContext);
  const { isBusy, result, failure, run } = useAction<Capacity>(onLoggedOut);
  const measure = (): void => run(async () => (await act('/capacity')) as Capacity);
  return (
    <>
      <h1>Capacity</h1>
      <ReadOnly />
      <p class="hint">
        Runs <code>wavehall capacity</code> on the machine of this server: a server of its own is measured for
        some seconds. It takes up to two cores behind all other work, so the clients of this server do not
        wait for it, and on a busy machine the figures are too low.
      </p>
      <div class="bar">
        <button type="button" class="primary" disabled={isBusy || mode === 'read'} onClick={measure}>
          Measure
        </button>
        <span role="status" class={failure === undefined ? 'hint' : 'bad'}>
          {isBusy ? 'It measures…' : (failure?.message ?? '')}
        </span>
      </div>
      {result !== undefined && !isBusy && <Result found={result} />}
    </>
  );
}

function Result({
  found: { machine, measured, ratios, limits, events, reconnectSeconds },
}: {
  readonly found: Capacity;
}) {
  const isDisturbed = Math.max(ratios.trigger, ratios.delivery, ratios.handshake) > DISTURBED;
  return (
    <>
      <p>
        {machine.cores} cores, {bytesOf(machine.availableKib * 1024)} of memory available,{' '}
        {machine.openFiles === undefined ? 'an unknown number of' : numberOf(machine.openFiles)} open files a
        process, Node {machine.node}. The model counts{' '}
        {machine.processes === 1 ? 'one process' : `${machine.processes} processes`}.
      </p>
      {isDisturbed && (
        <p class="problem">
          The machine was busy: these figures are too low. Measure again when it is quiet.
        </p>
      )}
      <h2>Sockets</h2>
      <Table
        label="Limits of this machine"
        head={['limit', 'sockets', '']}
        rows={limits.map(({ of, sockets }, at) => [of, numberOf(sockets), at === 0 ? 'gives out first' : ''])}
        none="No limit is known."
      />
      <p class="hint">
        After a restart all of them are connected again in about {numberOf(Math.ceil(reconnectSeconds))} s.
      </p>
      <h2>Events a second</h2>
      <Table
        label="Events a second"
        head={['subscribers of an event', 'one process', `${machine.processes} processes`]}
        rows={events.map((each) => [each.subscribers, each.onOneProcess, each.onAll].map(numberOf))}
        none=""
      />
      <h2>Costs</h2>
      <Table
        label="Costs"
        head={['cost', 'measured here', 'ratio to the benchmark']}
        rows={[
          ['signed request', `${numberOf(measured.triggerUs)} µs`, ratio(ratios.trigger)],
          ['delivery', `${numberOf(measured.fanOutUs)} µs`, ratio(ratios.delivery)],
          ['connect and subscribe', `${numberOf(measured.handshakeUs)} µs`, ratio(ratios.handshake)],
          ['memory of a socket', bytesOf(measured.socketKib * 1024), ratio(ratios.socket)],
        ]}
        none=""
      />
    </>
  );
}

const ratio = (value: number): string => `${value.toFixed(2)} ×`;
