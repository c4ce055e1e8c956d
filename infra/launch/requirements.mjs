// Programs that tests need and npm cannot bring: found, or installed where that is possible without asking.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What may be needed: how to tell that it is there, and its Debian package. */
const REQUIREMENTS = {
  redis: {
    there: () => Boolean(process.env.REDIS_URL) || onPath('redis-server') || dockerRuns(),
    debian: ['redis-server'],
  },
  chromium: { there: () => existsSync(process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'), debian: ['chromium'] },
  nginx: { there: () => onPath('nginx') || existsSync('/usr/sbin/nginx'), debian: ['nginx'] },
  deployment: {
    there: () =>
      ['promtool', 'docker-compose', 'go'].every(onPath) && existsSync('/usr/share/gocode/src/sigs.k8s.io/yaml'),
    debian: [
      'prometheus',
      'docker-compose',
      'golang-go',
      'golang-github-masterminds-sprig-dev',
      'golang-k8s-sigs-yaml-dev',
    ],
  },
  ceph: {
    there: () => ['radosgw', 'ceph-mon', 'ceph-osd'].every(onPath),
    debian: ['radosgw', 'ceph-mon', 'ceph-osd'],
  },
};

/**
 * Makes the named programs available.
 * @returns those that are still missing, each with what to do
 */
export function provide(names) {
  const missing = names.filter((name) => !REQUIREMENTS[name].there());
  if (missing.length > 0 && canInstall()) install(missing.flatMap((name) => REQUIREMENTS[name].debian));
  return names
    .filter((name) => !REQUIREMENTS[name].there())
    .map((name) => ({ name, advice: advice(REQUIREMENTS[name].debian) }));
}

/** Packages that Homebrew calls otherwise. */
const HOMEBREW = { 'redis-server': 'redis' };

function advice(debian) {
  const homebrew = debian.map((name) => HOMEBREW[name] ?? name).join(' ');
  return `Debian and Ubuntu: apt-get install ${debian.join(' ')}; macOS: brew install ${homebrew}`;
}

function onPath(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function dockerRuns() {
  return onPath('docker') && spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 }).status === 0;
}

function canInstall() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

function install(packages) {
  process.stderr.write(`Installing ${packages.join(', ')} with apt-get ...\n`);
  const options = { stdio: ['ignore', 'ignore', 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  try {
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  } catch (error) {
    process.stderr.write(`apt-get failed: ${error.message}\n`);
  }
}
