// @ts-check
/** A described network out of real kernel routers in network namespaces: built, used, and taken away again. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { cannotBuild } from './cannot-build.mjs';
import { captureCommand, captureOf } from './capture.mjs';
import { collect } from './collect.mjs';
import { readScenario } from '../scenario/description.mjs';
import { build } from './lab-build.mjs';
import {
  acquirePrivilege,
  deleteNamespaces,
  labError,
  removeLeftovers,
  searchPath,
  uniqueLabName,
} from './namespaces.mjs';
import { buildTopology } from './topology.mjs';

/**
 * @typedef {import('node:child_process').ChildProcess} ChildProcess
 * @typedef {import('node:child_process').SpawnOptions} SpawnOptions
 * @typedef {import('../scenario/description-types.js').Description} Description
 * @typedef {import('./lab-types.js').ExecOptions} ExecOptions
 * @typedef {import('./lab-types.js').Lab} Lab
 * @typedef {import('../scenario/description-types.js').LayoutNode} LayoutNode
 */

/** Names of the lab's nodes without a name server: a hosts file in the command's own mount namespace. */
const ENTER_WITH_HOSTS =
  'd=$1; shift; mount --bind "$d/hosts" /etc/hosts && { mount --bind "$d/resolv.conf" /etc/resolv.conf 2>/dev/null || :; } && exec "$@"';

/** The lab's addresses are documentation addresses, which the tool does not trace unless it is told to. */
const TOOL_ENV = { PDM_TRACE_ALLOW_SPECIAL: '1' };

/** Labs that stand, for the case that the process ends without destroying them. @type {Set<StandingLab>} */
const standing = new Set();
process.on('exit', () => {
  for (const lab of standing) lab.remove();
});

/** @implements {Lab} */
class StandingLab {
  /** Processes that run in the lab, and whether each leads a process group. @type {Map<ChildProcess, boolean>} */
  #running = new Map();
  /** @type {LayoutNode} */
  #target;

  /** @param {Description} description @param {import('./namespaces.mjs').Privilege} privilege */
  constructor(description, privilege) {
    const name = uniqueLabName();
    this.privilege = privilege;
    this.description = description;
    this.topology = buildTopology(description);
    /** @type {Record<string, string>} */
    this.namespaces = Object.fromEntries(this.topology.nodes.map(({ key }) => [key, `${name}-${key}`]));
    this.directory = join(tmpdir(), name);
    this.asnFile = join(this.directory, 'asn.csv');
    this.#target = this.#node('target');
    this.sourceNamespace = this.#namespace('source');
    this.sourceAddress = this.#node('source').address;
    this.targetAddress = this.#target.address;
    this.targetName = this.#target.hostName;
    standing.add(this);
  }

  /** @param {string} key @returns {LayoutNode} */
  #node(key) {
    const node = this.topology.nodes.find((candidate) => candidate.key === key);
    if (node) return node;
    throw labError(
      'LAB_NO_SUCH_NODE',
      `there is no node "${key}"; this lab has ${Object.keys(this.namespaces).join(', ')}`,
    );
  }

  /** @param {string} keyOrName */
  #namespace(keyOrName) {
    const known = Object.values(this.namespaces).includes(keyOrName);
    return known ? keyOrName : /** @type {string} */ (this.namespaces[this.#node(keyOrName).key]);
  }

  /** @param {readonly string[]} argv @param {SpawnOptions} options @returns {ChildProcess} */
  #start(argv, options) {
    const [command, ...rest] = [...this.privilege.enter, ...argv];
    const child = spawn(/** @type {string} */ (command), rest, {
      env: { ...process.env, PATH: searchPath() },
      ...options,
    });
    this.#running.set(child, options.detached === true);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  build() {
    return build(this.topology, this.namespaces, this.directory, (argv, options) => this.#start(argv, options));
  }

  /** @type {Lab['spawn']} */
  spawn(namespace, argv, options) {
    const command = [
      'ip',
      'netns',
      'exec',
      this.#namespace(namespace),
      'sh',
      '-c',
      ENTER_WITH_HOSTS,
      'sh',
      this.directory,
    ];
    return this.#start([...command, ...argv], {
      stdio: options.stdio,
      // On a terminal the command must stay in the foreground group, else it cannot read.
      detached: options.stdio === 'pipe',
      cwd: options.cwd ?? process.cwd(),
      env: { ...process.env, ...TOOL_ENV, PATH: `${this.directory}/bin:${searchPath()}`, ...options.env },
    });
  }

  /** @type {Lab['exec']} */
  async exec(namespace, argv, options = {}) {
    const child = this.spawn(namespace, argv, { ...options, stdio: 'pipe' });
    const { timeoutMs } = options;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#kill(child, true), timeoutMs);
    try {
      return await collect(child, options.input);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @type {Lab['capture']} */
  async capture(namespace, interfaceName) {
    return captureOf(this.spawn(namespace, captureCommand(interfaceName), { stdio: 'pipe' }));
  }

  /** @type {Lab['hopAddress']} */
  hopAddress(hop) {
    return hop === this.#target.hop ? this.targetAddress : this.#node(`hop${hop}`).address;
  }

  /** @type {Lab['hopAddresses']} */
  hopAddresses(hop) {
    return this.topology.nodes.filter((node) => node.hop === hop).map((node) => node.address);
  }

  /** @param {ChildProcess} child @param {boolean} leadsGroup */
  #kill(child, leadsGroup) {
    if (child.pid === undefined) return;
    try {
      process.kill(leadsGroup ? -child.pid : child.pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }

  /** Synchronous, so that it also works while the process ends. */
  remove() {
    standing.delete(this);
    for (const [child, leadsGroup] of this.#running) this.#kill(child, leadsGroup);
    deleteNamespaces(this.privilege.enter, Object.values(this.namespaces));
    rmSync(this.directory, { recursive: true, force: true });
    this.privilege.release();
  }

  /** @type {Lab['destroy']} */
  async destroy() {
    this.remove();
  }
}

/**
 * @param {Description | string} descriptionOrName A description, the name of a scenario, or the path of a description file.
 * @param {{privilege?: 'root' | 'user-namespace'}} [options]
 * @returns {Promise<Lab>}
 */
export async function createLab(descriptionOrName, options = {}) {
  const description = typeof descriptionOrName === 'string' ? readScenario(descriptionOrName) : descriptionOrName;
  const [reason] = cannotBuild(description);
  if (reason !== undefined)
    throw labError('LAB_CANNOT_BUILD', `${description.name} is for the simulator alone: ${reason}`);
  removeLeftovers();
  const lab = new StandingLab(description, await acquirePrivilege(options.privilege));
  try {
    await lab.build();
    return lab;
  } catch (error) {
    lab.remove();
    throw error;
  }
}
