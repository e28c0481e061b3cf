import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { minuteOf } from '../format.ts';
import { lastOf, type Values } from './history.ts';

const HEIGHT = 160;
/** Room for the times below a chart. */
const TIMES_HEIGHT = 32;

export interface Series {
  readonly name: string;
  readonly values: Values;
}

interface ChartProps {
  readonly title: string;
  readonly fromMs: number;
  readonly stepMs: number;
  readonly series: readonly Series[];
  readonly show: (value: number) => string;
  /** Steps that are shown, the newest ones. */
  readonly steps: number;
}

/** Lines over the last minutes or hours. A screen reader gets the newest and the highest values. */
export function Chart({ title, fromMs, stepMs, steps, show, ...given }: ChartProps) {
  const series = given.series.map(({ name, values }) => ({ name, values: values.slice(-steps) }));
  const firstStep = Math.max(0, (given.series[0]?.values.length ?? 0) - steps);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const names = series.map(({ name }) => name).join();
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(optionsFor(element.clientWidth, names.split(','), show), [[]], element);
    };
    draw();
    const size = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    size.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      size.disconnect();
      scheme.removeEventListener('change', draw);
      plot.current?.destroy();
    };
  }, [names, show]);
  useEffect(() => {
    const times = (series[0]?.values ?? []).map(
      (_, step) => (fromMs + (firstStep + step + 1) * stepMs) / 1000,
    );
    plot.current?.setData([times, ...series.map(({ values }) => [...values])]);
  });
  return (
    <figure>
      <figcaption>
        {title}
        {series.map(({ name, values }, at) => (
          <span key={name} class={`series series-${at}`}>
            {name} <b>{shown(lastOf(values), show)}</b>
          </span>
        ))}
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${title}: ${series.map((each) => spoken(each, show)).join('; ')}`}
      />
    </figure>
  );
}

const shown = (value: number | undefined, show: (value: number) => string): string =>
  value === undefined ? '–' : show(value);

function spoken({ name, values }: Series, show: (value: number) => string): string {
  const most = Math.max(...values.map((value) => value ?? 0));
  return `${name} ${shown(lastOf(values), show)} now, at most ${show(most)} in the time shown`;
}

function optionsFor(width: number, names: readonly string[], show: (value: number) => string): UPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(`--${name}`);
  const axis = {
    stroke: color('quiet'),
    grid: { stroke: color('border'), width: 1 },
    ticks: { show: false },
  };
  return {
    ...{ width, height: HEIGHT, legend: { show: false }, cursor: { y: false, drag: { x: false } } },
    series: [
      {},
      ...names.map((label, at) => ({
        label,
        stroke: color(`series-${at}`),
        width: 1.5,
        points: { show: false },
      })),
    ],
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: TIMES_HEIGHT,
        values: (_plot, times) => times.map((seconds) => minuteOf(seconds * 1000)),
      },
      { ...axis, size: 64, values: (_plot, marks) => marks.map(show) },
    ],
  };
}
