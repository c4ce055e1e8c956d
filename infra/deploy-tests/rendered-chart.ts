import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findOnPath } from '@confab/testkit';
import { parseAllDocuments } from 'yaml';
import { root, runTool } from './tools.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  // biome-ignore lint/suspicious/noExplicitAny: manifests are looked at from outside; their schemas are checked for themselves
  spec: any;
}

const chart = join(root, 'infra/k8s/confab');
let renderer: string | undefined;

/**
 * The manifests of the chart: by `helm template` where there is Helm, else by the renderer beside this file.
 * @param values names of value files of the chart
 * @throws Error with what the template engine says
 */
export function renderChart(values: string[] = []): Manifest[] {
  const files = values.map((name) => join(chart, name));
  const helm = ['template', 'confab', chart, ...files.flatMap((file) => ['-f', file])];
  const outcome = findOnPath('helm')
    ? runTool('helm', helm)
    : runTool('sh', ['-c', '"$0" "$@"', binary(), chart, 'confab', ...files]);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return parseAllDocuments(outcome.stdout)
    .map((document) => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJSON() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

/** Removes what was built for rendering. */
export function removeRenderer(): void {
  if (renderer) rmSync(dirname(renderer), { recursive: true, force: true });
  renderer = undefined;
}

/** Built once per process. */
function binary(): string {
  renderer ??= buildRenderer();
  return renderer;
}

/** Debian's Go libraries are found by GOPATH; nothing is fetched. */
function buildRenderer(): string {
  const folder = mkdtempSync(join(tmpdir(), 'confab-helm-'));
  const binary = join(folder, 'helm-render');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };
  const cwd = join(root, 'infra/deploy-tests/helm-render');
  const { status, stderr } = runTool('go', ['build', '-o', binary, 'main.go'], { cwd, env });
  if (status !== 0) throw new Error(stderr);
  return binary;
}
