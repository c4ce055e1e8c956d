import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Service } from 'kubernetes-models/v1';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { namesFromAdapter } from './metric-names.ts';
import { type Manifest, removeRenderer, renderChart } from './rendered-chart.ts';
import { root } from './tools.ts';

afterAll(removeRenderer);

type Model = new (data: never) => { validate(): void };
const models: Record<string, Model> = {
  Deployment: Deployment as Model,
  HorizontalPodAutoscaler: HorizontalPodAutoscaler as Model,
  Ingress: Ingress as Model,
  NetworkPolicy: NetworkPolicy as Model,
  PodDisruptionBudget: PodDisruptionBudget as Model,
  Service: Service as Model,
};
/** Not of Kubernetes itself: its schema comes with the operator. */
const OF_OPERATORS = new Set(['ServiceMonitor']);
const SERVICES = ['api', 'gateway', 'receipts', 'web'];
const variants: [string, string[]][] = [
  ['defaults', []],
  ['MongoDB Atlas and Redis Cluster', ['values-atlas.yaml']],
  ['MongoDB operator', ['values-operator.yaml']],
];

const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind);

describe.each(variants)('the chart with %s', (_name, files) => {
  const manifests = renderChart(files);
  const deployments = ofKind(manifests, 'Deployment');

  it('renders what Kubernetes takes', () => {
    for (const manifest of manifests) {
      if (OF_OPERATORS.has(manifest.kind)) continue;
      const Kind = models[manifest.kind];
      if (!Kind) throw new Error(`no schema for ${manifest.kind}`);
      expect(() => new Kind(manifest as never).validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow();
    }
  });

  it.each(['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])('has a %s for every service', (kind) => {
    expect(
      ofKind(manifests, kind)
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(SERVICES.map((name) => `confab-${name}`));
  });

  it('gives every container probes, limits, a version, and no right that it does not need', () => {
    for (const { spec } of deployments) {
      const pod = spec.template.spec;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(pod.automountServiceAccountToken).toBe(false);
      for (const container of pod.containers) {
        expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
        expect(container.resources).toMatchObject({
          requests: { cpu: expect.anything(), memory: expect.anything() },
          limits: { cpu: expect.anything(), memory: expect.anything() },
        });
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          expect(container[probe].httpGet.port).toBe('http');
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('has drained before the grace period ends', () => {
    const values = parse(readFileSync(join(root, 'infra/k8s/confab/values.yaml'), 'utf8'));
    const closingSeconds = 10;
    for (const { spec } of deployments) {
      expect(spec.template.spec.containers[0].lifecycle.preStop.exec.command).toBeDefined();
      const needed = values.preStopSeconds + values.gateway.drainMs / 1_000 + closingSeconds;
      expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(needed);
    }
  });

  it('has no secret in it, only references', () => {
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    for (const { spec } of deployments) {
      for (const variable of spec.template.spec.containers[0].env ?? []) {
        if (/URL$/.test(variable.name) && /REDIS|MONGODB/.test(variable.name))
          expect(variable.valueFrom.secretKeyRef.name).toBeTruthy();
      }
    }
  });

  it('keeps polling sessions with their gateway, and sends nothing else there', () => {
    const [http, sockets] = ofKind(manifests, 'Ingress').sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
    expect(sockets?.metadata).toMatchObject({
      annotations: {
        'nginx.ingress.kubernetes.io/affinity': 'cookie',
      },
    });
    expect(sockets?.spec.rules[0].http.paths.map((path: { path: string }) => path.path)).toEqual(['/socket.io/']);
    expect(http?.spec.rules[0].http.paths.map((path: { path: string }) => path.path)).toEqual([
      '/api/chat/messages/batch',
      '/api/',
      '/docs',
      '/',
    ]);
  });

  it('lets nobody from outside to the route of gateways', () => {
    const http = ofKind(manifests, 'Ingress').find(({ metadata }) => metadata.name.endsWith('-http'));
    expect(http?.spec.rules[0].http.paths[0]).toMatchObject({
      ...{ path: '/api/chat/messages/batch', pathType: 'Exact' },
      backend: { service: { name: 'confab-gateway' } },
    });
  });

  it('has the services watched under the job names that alerts and dashboard go by', () => {
    const jobs = ofKind(manifests, 'ServiceMonitor').map(({ spec }) => spec.endpoints[0].relabelings);
    expect(jobs).toEqual(
      ['api', 'gateway', 'receipts'].map((name) => [{ targetLabel: 'job', replacement: `confab-${name}` }]),
    );
  });

  it('scales each service by what it runs out of', () => {
    const scalers = ofKind(manifests, 'HorizontalPodAutoscaler');
    const metrics = (name: string) => {
      const scaler = scalers.find(({ metadata }) => metadata.name === `confab-${name}`);
      return scaler?.spec.metrics.map(
        (metric: {
          resource?: { name: string };
          pods?: { metric: { name: string } };
          object?: { metric: { name: string } };
        }) => metric.resource?.name ?? metric.pods?.metric.name ?? metric.object?.metric.name,
      );
    };
    expect(metrics('api')).toEqual(['cpu', 'confab_api_send_duration_p99_seconds']);
    expect(metrics('gateway')).toEqual(['confab_gateway_sockets', 'confab_gateway_event_loop_lag_seconds']);
    expect(metrics('receipts')).toEqual(['confab_receipts_backlog_max']);
    const ours = ['api', 'gateway', 'receipts'].flatMap(metrics).filter((name) => name !== 'cpu');
    expect(ours.filter((name) => !namesFromAdapter().includes(name))).toEqual([]);
  });
});

describe('what the chart lets a deployment choose', () => {
  const variable = (manifests: Manifest[], service: string, name: string) =>
    ofKind(manifests, 'Deployment')
      .find(({ metadata }) => metadata.name === `confab-${service}`)
      ?.spec.template.spec.containers[0].env.find((candidate: { name: string }) => candidate.name === name);

  it('MongoDB Atlas with a Redis Cluster, or the MongoDB operator', () => {
    const atlas = renderChart(['values-atlas.yaml']);
    expect(variable(atlas, 'api', 'MONGODB_URL').valueFrom.secretKeyRef.name).toBe('confab-atlas');
    expect(variable(atlas, 'gateway', 'REDIS_CLUSTER').value).toBe('true');
    const operator = renderChart(['values-operator.yaml']);
    expect(variable(operator, 'receipts', 'MONGODB_URL').valueFrom.secretKeyRef.key).toBe(
      'connectionString.standardSrv',
    );
  });

  it('gives each service the secrets that it needs, and no other', () => {
    const secrets = ofKind(renderChart(), 'Deployment').map(({ spec }) =>
      (spec.template.spec.containers[0].envFrom ?? []).map(
        (from: { secretRef: { name: string } }) => from.secretRef.name,
      ),
    );
    expect(secrets).toEqual([['confab-jwt'], ['confab-jwt'], [], []]);
  });

  it('gives the gateway no way to MongoDB', () => {
    expect(variable(renderChart(), 'gateway', 'MONGODB_URL')).toBeUndefined();
  });
});
