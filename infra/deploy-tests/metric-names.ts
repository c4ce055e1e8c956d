import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from './tools.ts';

/** Names of Prometheus itself, which no service exports. */
const OF_PROMETHEUS = new Set(['up']);

/** Words of PromQL that stand where names may. */
const WORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'or',
  'and',
  'unless',
  'bool',
  'offset',
  'inf',
  'nan',
]);

/** The series that `/metrics` gives: also those of histograms, as queries name them. */
export function metricNamesOf(text: string): Set<string> {
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name);
    if (type === 'histogram') for (const part of ['_bucket', '_sum', '_count']) names.add(name + part);
  }
  return names;
}

export interface Alert {
  name: string;
  expr: string;
  runbook: string;
}

export function alerts(): Alert[] {
  const file = parse(readFileSync(join(root, 'infra/prometheus/alerts.yml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: { runbook_url: string } }[] }[];
  };
  return file.groups
    .flatMap(({ rules }) => rules)
    .map(({ alert, expr, annotations }) => ({ name: alert, expr, runbook: annotations.runbook_url }));
}

export const namesInAlerts = (): string[] => namesIn(alerts().map(({ expr }) => expr));

export function namesInDashboard(): string[] {
  const text = readFileSync(join(root, 'infra/grafana/dashboards/confab.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
  return namesIn(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
}

interface AdapterRule {
  seriesQuery: string;
  name?: { as: string };
}

function adapterRules(): AdapterRule[] {
  const { rules } = parse(readFileSync(join(root, 'infra/k8s/prometheus-adapter-values.yaml'), 'utf8')) as {
    rules: Record<string, AdapterRule[]>;
  };
  return Object.values(rules).flat();
}

/** The series that prometheus-adapter reads. */
export const namesInAdapter = (): string[] => namesIn(adapterRules().map(({ seriesQuery }) => seriesQuery));

/** The metrics that prometheus-adapter offers to autoscalers. */
export const namesFromAdapter = (): string[] =>
  adapterRules().flatMap(({ seriesQuery, name }) => name?.as ?? namesIn([seriesQuery]));

/** Metric names of PromQL expressions: what is no function, no label and no keyword. */
export function namesIn(expressions: string[]): string[] {
  const names = expressions.flatMap((expression) => {
    const bare = expression
      .replace(/\{[^}]*\}/g, '')
      .replace(/\[[^\]]*\]/g, '')
      .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
    return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name);
  });
  return [...new Set(names)].filter((name) => !WORDS.has(name) && !OF_PROMETHEUS.has(name));
}
