/**
 * Builds the image of the Dockerfile. No image can be pulled in a test, so the base is made here with the layout of the
 * official ones: a minimal Debian, Node of the Dockerfile's default version in /usr/local, and npm.
 */
import { mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Storage, mustRun } from './storage.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const DOCKERFILE = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
const BASE = 'localhost/pdm-trace-base';
const IMAGE = 'localhost/pdm-trace';

/** Of Docker's image format, what is used here. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface BuiltImage {
  readonly storage: Storage;
  readonly config: ImageConfig;
  /** All that is said about the image, its history included. */
  readonly inspection: string;
  /** The image's files, mounted. */
  readonly rootDirectory: string;
  /** Bytes beyond the base image, as stored. */
  readonly addedBytes: number;
  /** Stood in the npm settings that the build was given. */
  readonly secret: string;
}

/** Takes two minutes and more. Needs root, Debian's mirror and the npm registry. */
export async function buildImage(): Promise<BuiltImage> {
  const storage = new Storage();
  try {
    await buildBase(storage);
    const baseBytes = layerBytes(storage);
    const secret = `secret-of-${path.basename(storage.directory)}`;
    writeFileSync(storage.path('npmrc'), await npmSettings(secret), { mode: 0o600 });
    const certificates = process.env['NODE_EXTRA_CA_CERTS'];
    await storage.buildah(
      ...['bud', '--isolation=chroot', '--format=docker', '--pull-never', '--jobs=2', '--quiet', '--network=host'],
      ...['--build-arg', `BASE_IMAGE=${BASE}`, '--secret', `id=npmrc,src=${storage.path('npmrc')}`],
      ...(certificates === undefined ? [] : ['--secret', `id=npm-ca,src=${certificates}`]),
      ...['--tag', IMAGE, ROOT],
    );
    const addedBytes = layerBytes(storage) - baseBytes;
    const inspection = await storage.buildah('inspect', '--type', 'image', IMAGE);
    const { Docker } = JSON.parse(inspection) as { readonly Docker: { readonly config: ImageConfig } };
    const container = await storage.buildah('from', '--isolation=chroot', '--pull-never', IMAGE);
    const rootDirectory = await storage.buildah('mount', container);
    return { storage, config: Docker.config, inspection, rootDirectory, addedBytes, secret };
  } catch (error) {
    storage.destroy();
    throw error;
  }
}

async function buildBase(storage: Storage): Promise<void> {
  const container = await storage.buildah('from', '--isolation=chroot', 'scratch');
  const root = await storage.buildah('mount', container);
  const { mirror, suite } = await debianMirror();
  // A power cut would cost the test anyway: dpkg need not wait for the disk after each file.
  writeFileSync(path.join(mkdir(path.join(root, 'etc/dpkg/dpkg.cfg.d')), 'unsafe-io'), 'force-unsafe-io\n');
  await Promise.all([
    mustRun(['debootstrap', '--variant=minbase', suite, root, mirror]),
    mustRun(['npm', 'pack', '--silent', nodePackage()], { cwd: mkdir(storage.path('node')) }),
  ]);
  const archive = path.join(storage.path('node'), readdirSync(storage.path('node'))[0]!);
  const local = path.join(root, 'usr/local');
  await mustRun(['tar', '-xzf', archive, '-C', local, '--strip-components=1', '--no-same-owner']);
  const modules = mkdir(path.join(local, 'lib/node_modules'));
  const npm = path.dirname(path.dirname(realpathSync(await mustRun(['sh', '-c', 'command -v npm']))));
  await mustRun(['cp', '-r', npm, path.join(modules, 'npm')]);
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(local, 'bin/npm'));
  // A mirror that is frozen here is one there.
  const checks = (await mustRun(['apt-config', 'dump'])).match(/^Acquire::Check-.*$/gm) ?? [];
  writeFileSync(path.join(root, 'etc/apt/apt.conf.d/99mirror'), `${checks.join('\n')}\n`);
  await mustRun(['sh', '-c', 'rm -f "$1"/var/cache/apt/archives/*.deb', 'sh', root]);
  await storage.buildah('commit', '--quiet', '--rm', container, BASE);
}

/** The first mirror of this machine's own release. */
async function debianMirror(): Promise<{ readonly mirror: string; readonly suite: string }> {
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI) $(CODENAME)';
  const targets = await mustRun(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const mirror = targets.split('\n').find((line) => line.endsWith(` ${suite ?? ''}`));
  if (suite === undefined || mirror === undefined) throw new Error(`no Debian mirror is configured:\n${targets}`);
  return { mirror: mirror.split(' ')[0]!, suite };
}

/** The official builds of Node, as npm has them. */
function nodePackage(): string {
  const version = /^ARG BASE_IMAGE=\S*\bnode:(\d+)/m.exec(DOCKERFILE)?.[1];
  if (version === undefined) throw new Error('the Dockerfile names no version of Node in BASE_IMAGE');
  return `node-linux-${process.arch}@${version}`;
}

/** This user's registry, and a token that must be found nowhere afterwards. */
async function npmSettings(secret: string): Promise<string> {
  const lines = [`registry=${await mustRun(['npm', 'config', 'get', 'registry'])}`];
  lines.push(`//registry.invalid/:_authToken=${secret}`);
  const own = await mustRun(['npm', 'config', 'get', 'userconfig']);
  const settings = await mustRun(['sh', '-c', 'cat "$1" 2>/dev/null || true', 'sh', own]);
  return `${settings}\n${lines.join('\n')}\n`;
}

/** Of all layers of all images. */
function layerBytes(storage: Storage): number {
  const text = readFileSync(storage.path('images/overlay-layers/layers.json'), 'utf8');
  const layers = JSON.parse(text) as readonly { readonly 'diff-size'?: number }[];
  return layers.reduce((sum, layer) => sum + (layer['diff-size'] ?? 0), 0);
}

function mkdir(directory: string): string {
  mkdirSync(directory, { recursive: true });
  return directory;
}
