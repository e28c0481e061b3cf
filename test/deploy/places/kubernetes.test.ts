/** The Kubernetes files against the types of Kubernetes, and against a server. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../../src/config/index.ts';
import { findProgram, program, withPrograms } from '../../support/programs.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { readStages, theOnly } from '../dockerfile.ts';
import { DEPLOY, deployFile, longestStopSeconds } from './files.ts';

const FOLDER = 'kubernetes';
const files = readdirSync(DEPLOY + FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => `${FOLDER}/${name}`);
const read = (name: string): unknown => parse(deployFile(`${FOLDER}/${name}`));

interface Model {
  validate(): void;
}
const MODELS: Readonly<Record<string, new (data: never) => Model>> = {
  Deployment,
  Service,
  ConfigMap,
  Secret,
  PodDisruptionBudget,
  HorizontalPodAutoscaler,
};
/** Kinds that Kubernetes itself does not have. */
const OTHERS = ['Kustomization', 'Component', 'ServiceMonitor'];

interface Manifest {
  readonly kind: string;
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}
interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly envFrom: readonly object[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly startupProbe: Probe;
  readonly securityContext: object;
}
interface DeploymentManifest {
  readonly spec: {
    readonly replicas: number;
    readonly strategy: { readonly rollingUpdate: object };
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: object;
        readonly containers: readonly [Container];
      };
    };
  };
}

const { spec } = read('base/deployment.yaml') as DeploymentManifest;
const pod = spec.template.spec;
const [container] = pod.containers;
const { data: variables } = read('base/configmap.yaml') as { data: Record<string, string> };
const { stringData: secrets } = read('base/secret.example.yaml') as { stringData: Record<string, string> };

const validate = (manifest: Manifest): void => {
  const Kind = MODELS[manifest.kind];
  if (Kind === undefined) expect(OTHERS).toContain(manifest.kind);
  else new Kind(manifest as never).validate();
};

describe('types', () => {
  test.each(files)('%s has the types of Kubernetes', (name) => {
    validate(parse(deployFile(name)) as Manifest);
  });

  test('a wrong type is found', () => {
    const wrong = structuredClone(read('base/deployment.yaml') as Manifest & DeploymentManifest);
    Object.assign(wrong.spec, { replicas: 'two' });
    expect(() => validate(wrong)).toThrow('replicas');
  });
});

describe('what the pods promise', () => {
  test('2.13 a pod has more time to end than its delay and its longest drain together', () => {
    const config = readConfig({ ...secrets, ...variables });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(longestStopSeconds(config) + 5);
  });

  test('2.13 its delay is longer than the readiness probe needs to notice', () => {
    const { periodSeconds, failureThreshold } = container.readinessProbe;
    const config = readConfig({ ...secrets, ...variables });
    expect(config.drainDelaySeconds).toBeGreaterThan(periodSeconds * failureThreshold);
  });

  test('2.13 one pod at a time is replaced, and only when another one is ready', () => {
    expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(spec.replicas).toBeGreaterThan(1);
  });

  test('2.5 the variables are valid, the secrets are not in the ConfigMap, and the port is that of the image', () => {
    const config = readConfig({ ...secrets, ...variables, NODE_ENV: 'production' });
    expect([config.scaling, config.redisHost]).toEqual([true, 'redis']);
    expect(Object.keys(variables).filter((name) => /SECRET|PASSWORD|TOKEN/.test(name))).toEqual([]);
    expect(container.envFrom).toEqual([
      { configMapRef: { name: 'wavehall' } },
      { secretRef: { name: 'wavehall' } },
    ]);
    const exposed = Number(theOnly(readStages().at(-1)!, 'EXPOSE'));
    expect([config.port, container.ports[0]?.containerPort]).toEqual([exposed, exposed]);
    expect((read('base/kustomization.yaml') as { resources: string[] }).resources).not.toContain(
      'secret.example.yaml',
    );
  });

  test('2.1 the container may neither be root nor write to its file system', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  describe('probes', () => {
    let server: TestServer;
    beforeAll(async () => void (server = await startServer()));
    afterAll(() => server.close());

    test.each(['readinessProbe', 'livenessProbe', 'startupProbe'] as const)(
      '8.11 the path of the %s is served',
      async (name) => {
        const { path, port } = container[name].httpGet;
        expect(container.ports.map((each) => each.name)).toContain(port);
        expect((await fetch(`http://127.0.0.1:${server.port}${path}`)).status).toBe(200);
      },
    );

    test('8.11 readiness looks at Redis too, liveness only at the process', () => {
      expect(container.readinessProbe.httpGet.path).toBe('/ready');
      expect(container.livenessProbe.httpGet.path).toBe('/live');
    });
  });
});

withPrograms('YAML', ['yamllint'], () => {
  test('all YAML files are well-formed for yamllint', () => {
    const rules = '{extends: relaxed, rules: {line-length: disable}}';
    const { status, stdout } = spawnSync(program('yamllint'), ['-s', '-d', rules, DEPLOY], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, '']);
  });
});

const kubectl = findProgram('kubectl');
test.runIf(kubectl !== undefined)('kustomize builds the base', () => {
  const built = execFileSync(kubectl ?? '', ['kustomize', `${DEPLOY}${FOLDER}/base`], { encoding: 'utf8' });
  expect(built).toContain('image: registry.example.com/wavehall:0.1.0');
});
