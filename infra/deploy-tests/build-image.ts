import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { assignmentsOf, expand, type Instruction, parseDockerfile, type Stage } from './dockerfile.ts';
import { root } from './tools.ts';

/** What a Dockerfile describes, made without a container engine: its last stage as a folder, and how it is to be run. */
export interface BuiltImage {
  /** Stands for `/` of the image, without its base image. */
  folder: string;
  workdir: string;
  env: Record<string, string>;
  labels: Record<string, string>;
  user: { uid: number; gid: number } | undefined;
  cmd: string[];
  /** Folders that the image says are written to. */
  volumes: string[];
  healthcheck: string[];
}

export interface BuildOptions {
  service: string;
  /** A checkout of the project. */
  source: string;
  /** An empty folder for the stages. */
  target: string;
  buildArgs?: Record<string, string>;
}

interface StageState extends BuiltImage {
  args: Record<string, string>;
}

/**
 * Runs the steps of `services/<service>/Dockerfile` as a shell script, each stage in a folder of its own in place of a file system
 * of its own. What it proves: the context has all that is needed, the commands work, and the last stage is enough to start the
 * service. What it cannot: base images, and what the engine itself does (layers, users in files, namespaces).
 * @throws Error with the output of the step that failed
 */
export function buildImage(options: BuildOptions): BuiltImage {
  const { stages } = parseDockerfile(
    readFileSync(join(options.source, `services/${options.service}/Dockerfile`), 'utf8'),
  );
  const built = new Map<string, StageState>();
  let last: StageState | undefined;
  stages.forEach((stage, index) => {
    last = buildStage(stage, join(options.target, `stage-${index}`), built, options);
    if (stage.alias) built.set(stage.alias, last);
  });
  if (!last) throw new Error('the Dockerfile has no stage');
  return last;
}

function buildStage(stage: Stage, folder: string, built: Map<string, StageState>, options: BuildOptions): StageState {
  const state: StageState = {
    folder,
    workdir: '/',
    env: {},
    args: {},
    labels: {},
    user: undefined,
    cmd: [],
    volumes: [],
    healthcheck: [],
  };
  mkdirSync(folder, { recursive: true });
  for (const instruction of stage.instructions) step(instruction, state, built, options);
  return state;
}

/** `1000:1000` @throws Error for names, and for root */
function ownerOf(text: string): { uid: number; gid: number } {
  const [uid, gid] = text.split(':').map(Number);
  if (!uid || !gid) throw new Error(`the user ${text} is not a number other than 0`);
  return { uid, gid };
}

type Step = (text: string, state: StageState, built: Map<string, StageState>, options: BuildOptions) => void;

const steps: Record<string, Step> = {
  ARG(text, state, _, { buildArgs = {} }) {
    for (const [name, value] of Object.entries(assignmentsOf(text))) state.args[name] = buildArgs[name] ?? value;
  },
  ENV: (text, state) => void Object.assign(state.env, assignmentsOf(expand(text, { ...state.args, ...state.env }))),
  LABEL: (text, state) =>
    void Object.assign(state.labels, assignmentsOf(expand(text, { ...state.args, ...state.env }))),
  WORKDIR(text, state) {
    state.workdir = text;
    mkdirSync(join(state.folder, text), { recursive: true });
  },
  COPY: copy,
  RUN: (text, state) => runStep(text, state),
  USER(text, state) {
    state.user = ownerOf(text);
  },
  HEALTHCHECK(text, state) {
    state.healthcheck = JSON.parse(text.slice(text.indexOf('CMD') + 3)) as string[];
  },
  CMD(text, state) {
    state.cmd = JSON.parse(text) as string[];
  },
  VOLUME: (text, state) => void state.volumes.push(text),
  EXPOSE: () => {},
  STOPSIGNAL: () => {},
};

function step(
  { name, text }: Instruction,
  state: StageState,
  built: Map<string, StageState>,
  options: BuildOptions,
): void {
  const run = steps[name];
  if (!run) throw new Error(`the instruction ${name} is not known here`);
  run(text, state, built, options);
}

function copy(text: string, state: StageState, built: Map<string, StageState>, { source }: BuildOptions): void {
  const given = text.split(/\s+/);
  const flag = (name: string) => given.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  const [from, owner] = [flag('from'), flag('chown')];
  const words = given.filter((word) => !word.startsWith('--'));
  const target = words.pop() ?? '';
  const into = join(state.folder, target.startsWith('/') ? target : join(state.workdir, target));
  if (from !== undefined) {
    const stage = built.get(from);
    if (!stage) throw new Error(`COPY --from=${from}: there is no such stage`);
    // symbolic links stay as they are: pnpm's are relative
    for (const word of words) cpSync(join(stage.folder, word), into, { recursive: true, verbatimSymlinks: true });
    if (owner !== undefined) giveTo(owner, into);
    return;
  }
  for (const word of words) copyFromContext(source, word, into, target.endsWith('/') || words.length > 1);
}

/** The folder and all that is in it. */
function giveTo(owner: string, folder: string): void {
  const { uid, gid } = ownerOf(owner);
  for (const entry of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chownSync(join(folder, entry), uid, gid);
}

function copyFromContext(source: string, word: string, into: string, intoFolder: boolean): void {
  const wanted = word.replace(/\/$/, '');
  const files = contextFiles(source).filter(
    (file) => wanted === '.' || file === wanted || file.startsWith(`${wanted}/`),
  );
  if (files.length === 0) throw new Error(`COPY ${word}: the context has no such file`);
  for (const file of files) {
    const below = wanted === '.' ? file : file.slice(wanted.length + 1);
    const target = below === '' ? (intoFolder ? join(into, file) : into) : join(into, below);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(source, file), target);
  }
}

/** What git would give to whoever clones, with what is not committed yet, less what `.dockerignore` names. */
export function contextFiles(source: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: source,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  const ignored = ignorePatterns(source);
  return listed
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(source, file)))
    .filter((file) => !ignored.some((pattern) => matchesGlob(file, pattern) || matchesGlob(file, `${pattern}/**`)));
}

function ignorePatterns(source: string): string[] {
  const file = join(source, '.dockerignore');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

/** Milliseconds that one step may take. */
const STEP_MS = 240_000;

/** Build tools find Node where the base image has it; what they install globally goes into the stage. */
function runStep(command: string, state: StageState): void {
  const prefix = join(state.folder, 'usr/local');
  mkdirSync(prefix, { recursive: true });
  const env = {
    // how this machine reaches its package registry, which an image build is told by its engine
    ...process.env,
    PATH: `${prefix}/bin:${dirname(process.execPath)}:${process.env.PATH ?? ''}`.replaceAll(
      `${root}/node_modules/.bin:`,
      '',
    ),
    npm_config_prefix: prefix,
    ...state.env,
    ...state.args,
  };
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], {
    cwd: join(state.folder, state.workdir),
    env,
    encoding: 'utf8',
    maxBuffer: 1e8,
    timeout: STEP_MS,
  });
  if (status !== 0)
    throw new Error(`RUN ${command} ended with ${status}\n${stdout.slice(-4_000)}${stderr.slice(-4_000)}`);
}
