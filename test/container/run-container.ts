/** Runs the image as a container engine would: an OCI runtime, with the privileges that the options of `docker run` stand for. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type { BuiltImage } from './build-image.js';
import { defaultSeccomp, type Seccomp } from './seccomp.js';
import { run, type CommandResult } from './storage.js';

export interface ContainerOptions {
  /** After the entry point; default: the image's own command. */
  readonly command?: readonly string[];
  /** Instead of the image's. */
  readonly entrypoint?: readonly string[];
  readonly user?: string;
  /** All that the container may have, e.g. `NET_RAW`: `--cap-drop ALL --cap-add …`. */
  readonly capabilities: readonly string[];
  /** Given to the process itself whoever it is, as systemd does and container engines do not. */
  readonly ambient?: boolean;
  readonly noNewPrivileges?: boolean;
  readonly readOnly: boolean;
  /** Name of a network namespace. */
  readonly network: string;
  /** Host path → container path, read-only unless it is a volume's. */
  readonly binds?: Readonly<Record<string, string>>;
  /** Host folder for the image's volume. */
  readonly volume: string;
  readonly temporary?: readonly string[];
  readonly seccomp?: Seccomp;
}

let count = 0;

/** A container that was made ready; `start` runs it to its end. */
export class Container {
  readonly #image: BuiltImage;
  readonly #id = `pdm-trace-test-${process.pid}-${(count += 1)}`;
  readonly #bundle: string;

  constructor(image: BuiltImage, options: ContainerOptions) {
    this.#image = image;
    this.#bundle = image.storage.path('bundles', this.#id);
    mkdirSync(this.#bundle, { recursive: true });
    writeFileSync(`${this.#bundle}/config.json`, JSON.stringify(specification(image, options)));
  }

  start(): Promise<CommandResult> {
    return this.#runc('run', '--bundle', this.#bundle, this.#id);
  }

  /** A second process inside, as `docker exec` starts it. */
  exec(...argv: readonly string[]): Promise<CommandResult> {
    return this.#runc('exec', this.#id, ...argv);
  }

  /** To the first process alone. */
  async signal(name: string): Promise<void> {
    await this.#runc('kill', this.#id, name);
  }

  /** `/proc/<pid>/task/<tid>/status` of every thread of every process inside, by the host's pid. */
  async threadStatuses(): Promise<ReadonlyMap<number, readonly string[]>> {
    const { stdout, code } = await this.#runc('ps', '--format', 'json', this.#id);
    const found = new Map<number, readonly string[]>();
    if (code !== 0) return found;
    for (const pid of (JSON.parse(stdout) as readonly number[] | null) ?? []) found.set(pid, statuses(pid));
    return found;
  }

  #runc(...args: readonly string[]): Promise<CommandResult> {
    return run(['runc', '--root', this.#image.storage.path('runc'), ...args]);
  }
}

/** Of what has ended meanwhile, nothing. */
function statuses(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'));
  } catch {
    return [];
  }
}

function specification(image: BuiltImage, options: ContainerOptions): object {
  const { config } = image;
  const [uid = NaN, gid = NaN] = (options.user ?? config.User).split(':').map(Number);
  const capabilities = options.capabilities.map((name) => `CAP_${name}`);
  // Engines give root the container's capabilities; other users have them in their bounding set only.
  const own = uid === 0 || options.ambient === true ? capabilities : [];
  const volumes = Object.keys(config.Volumes).map((destination) => bind(options.volume, destination, 'rw'));
  return {
    ociVersion: '1.0.2',
    hostname: 'pdm-trace',
    root: { path: image.rootDirectory, readonly: options.readOnly },
    process: {
      user: { uid, gid },
      cwd: config.WorkingDir,
      // The lab's addresses are documentation addresses.
      env: [...config.Env, 'PDM_TRACE_ALLOW_SPECIAL=1'],
      args: [...(options.entrypoint ?? config.Entrypoint), ...(options.command ?? config.Cmd)],
      noNewPrivileges: options.noNewPrivileges ?? false,
      capabilities: {
        bounding: capabilities,
        permitted: own,
        effective: own,
        inheritable: options.ambient === true ? own : [],
        ambient: options.ambient === true ? own : [],
      },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      temporary('/dev', 'dev', 'mode=755', 'size=65536k'),
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance'] },
      temporary('/dev/shm', 'mode=1777', 'size=65536k'),
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ...(options.temporary ?? []).map((destination) => temporary(destination, 'mode=1777')),
      ...volumes,
      ...Object.entries(options.binds ?? {}).map(([source, destination]) => bind(source, destination, 'ro')),
    ],
    linux: {
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
        { type: 'network', path: `/run/netns/${options.network}` },
      ],
      seccomp: options.seccomp ?? defaultSeccomp(options.capabilities),
      maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}

function temporary(destination: string, ...more: readonly string[]): object {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', ...more] };
}

function bind(source: string, destination: string, mode: 'ro' | 'rw'): object {
  return { destination, type: 'bind', source, options: ['rbind', mode] };
}
