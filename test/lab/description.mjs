// @ts-check
/** Reads and checks the description files in `scenarios/`: one network and its truth each. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { URL, fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** @typedef {import('./lab-types.js').Description} Description */

const SCENARIOS = fileURLToPath(new URL('./scenarios/', import.meta.url));
/** Networks in which something was once said that was wrong. */
const TRAPS = fileURLToPath(new URL('./traps/', import.meta.url));

const FEATURE_KEYS = ['filters', 'silent', 'icmp', 'sysctl', 'nft', 'ip'];
/** Every key that a description may hold, by where it stands: a misspelt feature must not give a network without it. */
const KEYS = {
  top: ['title', 'routers', 'everyRouter', 'hops', 'target', 'source', 'detour', 'balance', 'links', 'asked', 'truth'],
  features: FEATURE_KEYS,
  source: [...FEATURE_KEYS, 'route', 'unnumbered'],
  filter: ['at', 'match', 'action', 'direction', 'payloadOver', 'percent'],
  icmp: ['rateLimitMs', 'hostRoute', 'messagesPerSecond', 'messagesBurst'],
  link: ['mtu', 'type', 'quotes'],
  detour: ['leaves', 'rejoins', 'routers', 'hops'],
  balance: ['hop', 'members', 'hash', 'hops'],
  truth: ['outcomes', 'lostFrom', 'lastPdmHop', 'refusal', 'pathsDiverge', 'cause', 'membership', 'says'],
  refusal: ['hop', 'type', 'code'],
};
const VALUES = {
  at: ['prerouting', 'forward', 'input'],
  match: [
    'destination-options',
    'pdm-option',
    'header-of-16-octets',
    'error-quoting-header',
    'error-quoting-pdm',
    'everything',
  ],
  action: [
    'drop',
    'reject-no-route',
    'reject-admin-prohibited',
    'reject-addr-unreachable',
    'reject-port-unreachable',
    'reject-policy-fail',
    'alter-option',
  ],
};

/** @param {string} name @param {string} message @returns {Error} */
function faulty(name, message) {
  return Object.assign(new Error(`scenario ${name}: ${message}`), { code: 'LAB_BAD_SCENARIO' });
}

/** @param {string} name @param {string} where @param {unknown} value @param {readonly string[]} keys */
function checkKeys(name, where, value, keys) {
  if (value === undefined || value === null) return;
  if (typeof value !== 'object') throw faulty(name, `${where} must be a mapping`);
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw faulty(name, `${where} has unknown key "${key}"; known: ${keys.join(', ')}`);
  }
}

/** @param {string} name @param {string} where @param {any} features @param {readonly string[]} keys */
function checkFeatures(name, where, features, keys) {
  checkKeys(name, where, features, keys);
  checkKeys(name, `${where}.icmp`, features?.icmp, KEYS.icmp);
  if (features?.silent !== undefined && !['all', 'about-header'].includes(features.silent)) {
    throw faulty(name, `${where}.silent is "${features.silent}"; use all or about-header`);
  }
  for (const filter of features?.filters ?? []) {
    checkKeys(name, `${where}.filters`, filter, KEYS.filter);
    for (const [key, allowed] of Object.entries(VALUES)) {
      if (!allowed.includes(filter[key])) {
        throw faulty(name, `${where}.filters has ${key} "${filter[key]}"; use ${allowed.join(', ')}`);
      }
    }
  }
}

/** @param {string} name @param {any} outcomes @returns {Description['truth']['outcomes']} */
function outcomesByProtocol(name, outcomes) {
  /** @param {unknown} value */
  const list = (value) => (Array.isArray(value) ? value : [value]);
  if (outcomes === undefined) throw faulty(name, 'truth.outcomes is missing');
  if (typeof outcomes === 'string' || Array.isArray(outcomes)) {
    return { udp: list(outcomes), icmp6: list(outcomes) };
  }
  checkKeys(name, 'truth.outcomes', outcomes, ['udp', 'icmp6']);
  return { udp: list(outcomes.udp), icmp6: list(outcomes.icmp6) };
}

/**
 * Checks what a description file holds. Throws `LAB_BAD_SCENARIO` with the key at fault.
 * @param {string} name @param {any} raw @returns {Description}
 */
export function checkDescription(name, raw) {
  checkKeys(name, 'the file', raw, KEYS.top);
  if (typeof raw?.title !== 'string') throw faulty(name, 'title is missing; write one sentence');
  if (!Number.isInteger(raw.routers) || raw.routers < 1 || raw.routers > 60) {
    throw faulty(name, `routers is ${raw.routers}; use 1 to 60`);
  }
  checkFeatures(name, 'everyRouter', raw.everyRouter, KEYS.features);
  checkFeatures(name, 'target', raw.target, KEYS.features);
  checkFeatures(name, 'source', raw.source, KEYS.source);
  for (const [where, hops, count] of [
    ['hops', raw.hops, raw.routers],
    ['detour.hops', raw.detour?.hops, raw.detour?.routers],
    ['balance.hops', raw.balance?.hops, raw.balance?.members],
  ]) {
    for (const [hop, features] of Object.entries(hops ?? {})) {
      if (!(Number(hop) >= 1 && Number(hop) <= count)) throw faulty(name, `${where} names hop ${hop} of ${count}`);
      checkFeatures(name, `${where}.${hop}`, features, KEYS.features);
    }
  }
  for (const [link, features] of Object.entries(raw.links ?? {})) {
    if (!(Number(link) >= 1 && Number(link) <= raw.routers + 1))
      throw faulty(name, `links names link ${link} of ${raw.routers + 1}`);
    checkKeys(name, `links.${link}`, features, KEYS.link);
    if (!['ethernet', 'tun'].includes(/** @type {any} */ (features).type ?? 'ethernet')) {
      throw faulty(name, `links.${link}.type is "${/** @type {any} */ (features).type}"; use ethernet or tun`);
    }
  }
  checkKeys(name, 'detour', raw.detour, KEYS.detour);
  checkKeys(name, 'balance', raw.balance, KEYS.balance);
  checkKeys(name, 'truth', raw.truth, KEYS.truth);
  checkKeys(name, 'truth.refusal', raw.truth?.refusal, KEYS.refusal);
  const { detour, balance } = raw;
  if (
    detour &&
    !(detour.leaves >= 1 && detour.rejoins > detour.leaves && detour.rejoins <= raw.routers && detour.routers >= 1)
  ) {
    throw faulty(name, 'detour must leave at a router and rejoin at a later one');
  }
  if (balance && !(balance.hop >= 2 && balance.hop < raw.routers && balance.members >= 2 && balance.members <= 4)) {
    throw faulty(name, 'balance needs a hop with a router before and behind it, and 2 to 4 members');
  }
  return {
    name,
    title: raw.title,
    routers: raw.routers,
    everyRouter: raw.everyRouter ?? {},
    hops: raw.hops ?? {},
    target: raw.target ?? {},
    source: raw.source ?? {},
    detour: detour ?? null,
    balance: balance ?? null,
    links: raw.links ?? {},
    asked: raw.asked ?? null,
    truth: {
      outcomes: outcomesByProtocol(name, raw.truth?.outcomes),
      lostFrom: raw.truth.lostFrom ?? null,
      lastPdmHop: raw.truth.lastPdmHop ?? null,
      refusal: raw.truth.refusal ?? null,
      pathsDiverge: raw.truth.pathsDiverge ?? null,
      cause: raw.truth.cause ?? null,
      membership: raw.truth.membership ?? null,
      says: raw.truth.says ?? null,
    },
  };
}

/** @param {string} folder @returns {string[]} */
function namesIn(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/** Names of all scenarios, sorted. @returns {string[]} */
export function scenarioNames() {
  return namesIn(SCENARIOS);
}

/** Names of all traps, sorted: scenarios whose truth is a list of outcomes that do not wrong anybody. @returns {string[]} */
export function trapNames() {
  return namesIn(TRAPS);
}

/**
 * @param {string} nameOrFile A scenario's name, or the path of a description file.
 * @returns {Description}
 */
export function readScenario(nameOrFile) {
  const isFile = nameOrFile.endsWith('.yaml');
  const name = basename(nameOrFile, '.yaml');
  const folder = trapNames().includes(name) ? TRAPS : SCENARIOS;
  if (!isFile && folder === SCENARIOS && !scenarioNames().includes(name)) {
    throw faulty(nameOrFile, `there is no such scenario; "npm run lab -- list" names them`);
  }
  return checkDescription(name, parse(readFileSync(isFile ? nameOrFile : `${folder}${name}.yaml`, 'utf8')));
}
