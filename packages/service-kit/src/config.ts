import type { Static, TObject, TSchema } from 'typebox';
import Type from 'typebox';
import { Compile } from 'typebox/compile';

/** Environment as `process.env` gives it. */
export type Environment = Record<string, string | undefined>;

/** A rule over several variables. @returns one line per problem, each with its fix */
export type ConfigCheck<C> = (config: C) => string[];

/** Everything that is wrong with the environment, in one error: its message is one line per variable. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the variables that `schema` names; others are ignored, and an empty string counts as absent.
 * Text becomes what the schema says: number, boolean (`true/false/1/0/yes/no`), list (separated by commas).
 * @param schema an object of variables, each with `description` (a noun phrase), and where they make sense `default` and `examples`. Where one is
 * `writeOnly`, which is JSON Schema's word for a secret, its examples are refused: they are published.
 * @param checks rules over several variables, run once each variable for itself is valid
 * @throws ConfigError that lists every bad variable with its fix; values are not repeated, they may be secrets
 */
export function loadConfig<T extends TObject>(
  schema: T,
  env: Environment,
  checks: readonly ConfigCheck<Static<T>>[] = [],
): Static<T> {
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, variable] of Object.entries<TSchema>(schema.properties)) {
    const problem = readVariable(name, variable, env[name], config);
    if (problem) problems.push(problem);
  }
  if (problems.length === 0) problems.push(...checks.flatMap((check) => check(config as Static<T>)));
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Static<T>;
}

function readVariable(name: string, schema: TSchema, text: string | undefined, config: Record<string, unknown>) {
  if (text === undefined || text.trim() === '') {
    const fallback = defaultOf(schema);
    if (fallback !== undefined) config[name] = structuredClone(fallback);
    else if (!Type.IsOptional(schema)) return `${name} is missing: ${fixOf(schema)}`;
    return;
  }
  const value = coerce(schema, text);
  if (!Compile(schema).Check(value)) return `${name} is not valid: ${fixOf(schema)}`;
  if (isSecret(schema) && text.trim() === exampleOf(schema)) {
    return `${name} is not valid: it is an example that is published, so that anyone may know it; ${fixOf(schema)}`;
  }
  config[name] = value;
}

const BOOLEANS: Record<string, boolean> = { true: true, yes: true, '1': true, false: false, no: false, '0': false };

/** The value that the text means under the schema; text that means none comes back as it is, and fails the check. */
function coerce(schema: TSchema, text: string): unknown {
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return Number(text.trim());
  if (Type.IsBoolean(schema)) return BOOLEANS[text.trim().toLowerCase()] ?? text;
  if (!Type.IsArray(schema)) return text;
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '').map((part) => coerce(schema.items as TSchema, part));
}

const field = (schema: TSchema, name: string) => (schema as unknown as Record<string, unknown>)[name];
const defaultOf = (schema: TSchema) => field(schema, 'default');
const isSecret = (schema: TSchema) => field(schema, 'writeOnly') === true;

function exampleOf(schema: TSchema): string | undefined {
  const examples = field(schema, 'examples');
  const first = Array.isArray(examples) ? examples[0] : undefined;
  return first === undefined ? undefined : toText(first);
}

const toText = (value: unknown) => (Array.isArray(value) ? value.join(',') : String(value));

function fixOf(schema: TSchema): string {
  const constraint = constraintOf(schema);
  const example = isSecret(schema) ? undefined : exampleOf(schema);
  const parts = [
    `set it to ${field(schema, 'description') ?? 'a value'}`,
    constraint && ` (${constraint})`,
    example && `, for example ${example}`,
  ];
  return parts.filter(Boolean).join('');
}

/** What values are legal, in words. */
function constraintOf(schema: TSchema): string {
  if (Type.IsBoolean(schema)) return 'true or false';
  if (Type.IsArray(schema)) return 'a list separated by commas';
  if (Type.IsEnum(schema)) return `one of ${schema.enum.join(', ')}`;
  const whole = Type.IsInteger(schema) ? 'a whole number' : 'a number';
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return whole + boundsOf(schema, 'minimum', 'maximum');
  const minLength = field(schema, 'minLength');
  const parts = [
    typeof minLength === 'number' && minLength > 1 && `at least ${minLength} characters`,
    isSecret(schema) && 'for example from "openssl rand -hex 32"',
  ];
  return parts.filter(Boolean).join(', ');
}

function boundsOf(schema: TSchema, low: string, high: string): string {
  const [from, to] = [field(schema, low), field(schema, high)];
  if (from !== undefined && to !== undefined) return ` from ${from} to ${to}`;
  if (from !== undefined) return `, at least ${from}`;
  return to === undefined ? '' : `, at most ${to}`;
}

/** One variable as documentation shows it. */
export interface ConfigVariable {
  name: string;
  description: string;
  constraint: string;
  required: boolean;
  /** Whether knowing the value gives rights: no document shows one, not even an example that someone would take as it is. */
  secret: boolean;
  /** As text for the environment; undefined if there is none. */
  default: string | undefined;
  example: string | undefined;
}

/** The variables of a schema in its order, for documentation. */
export function describeConfig(schema: TObject): ConfigVariable[] {
  return Object.entries<TSchema>(schema.properties).map(([name, variable]) => {
    const fallback = defaultOf(variable);
    return {
      name,
      description: String(field(variable, 'description') ?? ''),
      constraint: constraintOf(variable),
      required: fallback === undefined && !Type.IsOptional(variable),
      secret: isSecret(variable),
      default: fallback === undefined ? undefined : toText(fallback),
      example: exampleOf(variable),
    };
  });
}

/** `.env.example`: required variables with their example, the others as comments with their default; secrets without a value. */
export function envExample(variables: readonly ConfigVariable[]): string {
  const blocks = variables.map((variable) => {
    const about = [variable.description, variable.constraint && `(${variable.constraint})`].filter(Boolean).join(' ');
    const value = variable.secret ? '' : (variable.default ?? variable.example ?? '');
    return `# ${about}\n${variable.required ? '' : '# '}${variable.name}=${value}\n`;
  });
  return blocks.join('\n');
}

/** The same as a Markdown table. */
export function configTable(variables: readonly ConfigVariable[]): string {
  const cell = (text: string | undefined) => (text ? `\`${text.replaceAll('|', '\\|')}\`` : '');
  const rows = variables.map(
    (v) =>
      `| \`${v.name}\` | ${[v.description, v.constraint && `(${v.constraint})`].filter(Boolean).join(' ')} | ${v.required ? '**required**' : cell(v.default)} | ${v.secret ? '' : cell(v.example)} |`,
  );
  return ['| Variable | What it is | Default | Example |', '|---|---|---|---|', ...rows].join('\n');
}
