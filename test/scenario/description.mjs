// @ts-check
/**
 * Reads and checks the description files in `test/scenarios/`: one network and its truth each, for the kernel's lab and for
 * the simulator. Plain JavaScript, so that `npm run lab` and `npm run demo` need no build to load it.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { URL, fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/**
 * @typedef {import('./description-types.js').Description} Description
 * @typedef {import('./description-types.js').Truth} Truth
 */

const SCENARIOS = fileURLToPath(new URL('../scenarios/', import.meta.url));
/** Networks in which something was once said that was wrong. */
const TRAPS = fileURLToPath(new URL('../scenarios/traps/', import.meta.url));
const PROTOCOLS = ['udp', 'icmp6'];

const FEATURE_KEYS = ['filters', 'silent', 'icmp', 'quotes', 'errorsFrom', 'destinationNat', 'sysctl', 'nft', 'ip'];
/** Every key that a description may hold, by where it stands: a misspelt feature must not give a network without it. */
const KEYS = {
  top: ['title', 'routers', 'everyRouter', 'hops', 'target', 'source', 'detour', 'balance', 'links', 'asked', 'truth'],
  features: FEATURE_KEYS,
  target: [...FEATURE_KEYS, 'answersFor', 'longestHeader', 'udpService', 'echo', 'networks'],
  source: [...FEATURE_KEYS, 'route', 'unnumbered'],
  filter: [
    'at',
    'match',
    'action',
    'direction',
    'payloadOver',
    'percent',
    'spares',
    'type',
    'code',
    'pointer',
    'inTargetsName',
  ],
  spares: ['burst', 'perSecond'],
  icmp: ['rateLimitMs', 'hostRoute', 'messagesPerSecond', 'messagesBurst'],
  quotes: ['octets', 'as'],
  link: ['mtu', 'type'],
  detour: ['leaves', 'rejoins', 'routers', 'hops'],
  balance: ['hop', 'members', 'hash', 'hops'],
  truth: [
    'outcomes',
    'withoutHopLimits',
    'passPercent',
    'lostFrom',
    'lastPdmHop',
    'after',
    'upTo',
    'likelyUpTo',
    'refusal',
    'pathsDiverge',
    'cause',
    'membership',
    'optionSeenUpTo',
    'returnPath',
    'inserted',
    'says',
    'runSays',
  ],
  refusal: ['hop', 'type', 'code', 'pointer'],
  inserted: ['header', 'from'],
};
/** What a filter must say. */
const VALUES = {
  at: ['prerouting', 'forward', 'input', 'output'],
  match: [
    'destination-options',
    'pdm-option',
    'header-of-16-octets',
    'no-extension-header',
    'error-quoting-header',
    'error-quoting-pdm',
    'answer-to-header',
    'everything',
  ],
  action: [
    'drop',
    'reject',
    'reject-no-route',
    'reject-admin-prohibited',
    'reject-addr-unreachable',
    'reject-port-unreachable',
    'reject-policy-fail',
    'alter-option',
    'zero-option',
    'strip-header',
    'answer',
  ],
};
const POINTERS = ['next-header', 'upper-layer', 'option', 'header'];
const DIRECTIONS = ['to-target', 'to-source'];
const HASHES = ['ports', 'flow-label', 'flow-label-only'];

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

/** @param {string} name @param {string} where @param {unknown} value @param {readonly unknown[]} allowed */
function checkValue(name, where, value, allowed) {
  if (!allowed.includes(value)) throw faulty(name, `${where} is "${String(value)}"; use ${allowed.join(', ')}`);
}

/** @param {string} name @param {string} where @param {unknown} value @param {number} from @param {number} to */
function checkNumber(name, where, value, from, to) {
  if (!Number.isInteger(value) || Number(value) < from || Number(value) > to)
    throw faulty(name, `${where} is ${String(value)}; use ${from} to ${to}`);
}

/** @param {string} name @param {string} where @param {any} filter */
function checkFilter(name, where, filter) {
  checkKeys(name, where, filter, KEYS.filter);
  for (const [key, allowed] of Object.entries(VALUES)) {
    if (!allowed.includes(filter[key])) {
      throw faulty(name, `${where} has ${key} "${filter[key]}"; use ${allowed.join(', ')}`);
    }
  }
  if (filter.direction !== undefined) checkValue(name, `${where}.direction`, filter.direction, DIRECTIONS);
  if (filter.percent !== undefined) checkNumber(name, `${where}.percent`, filter.percent, 1, 100);
  checkKeys(name, `${where}.spares`, filter.spares, KEYS.spares);
  for (const [key, value] of Object.entries(filter.spares ?? {}))
    checkNumber(name, `${where}.spares.${key}`, value, 1, 1e6);
  if (filter.action === 'answer' && (filter.at !== 'prerouting' || filter.direction === 'to-source'))
    throw faulty(name, `${where} answers packets to the target, at prerouting`);
  if (filter.action === 'reject') {
    checkNumber(name, `${where}.type`, filter.type, 1, 127);
    checkNumber(name, `${where}.code`, filter.code, 0, 255);
    if (filter.pointer !== undefined) checkValue(name, `${where}.pointer`, filter.pointer, POINTERS);
  } else if (['type', 'code', 'pointer'].some((key) => filter[key] !== undefined)) {
    throw faulty(name, `${where} has a type, code or pointer; they belong to action "reject"`);
  }
  if (filter.inTargetsName !== undefined && !filter.action.startsWith('reject'))
    throw faulty(name, `${where}.inTargetsName belongs to an action that rejects`);
}

/**
 * @param {string} name @param {string} where @param {any} features @param {readonly string[]} keys
 * @param {readonly string[]} hooks Where this node may filter.
 */
function checkFeatures(name, where, features, keys, hooks) {
  checkKeys(name, where, features, keys);
  checkKeys(name, `${where}.icmp`, features?.icmp, KEYS.icmp);
  checkKeys(name, `${where}.quotes`, features?.quotes, KEYS.quotes);
  if (features?.quotes?.as !== undefined) checkValue(name, `${where}.quotes.as`, features.quotes.as, ['stripped']);
  if (features?.destinationNat !== undefined)
    checkValue(name, `${where}.destinationNat`, features.destinationNat, [true]);
  if (features?.quotes?.octets !== undefined)
    checkNumber(name, `${where}.quotes.octets`, features.quotes.octets, 40, 1232);
  if (features?.silent !== undefined) checkValue(name, `${where}.silent`, features.silent, ['all', 'about-header']);
  for (const filter of features?.filters ?? []) {
    checkFilter(name, `${where}.filters`, filter);
    if (!hooks.includes(filter.at))
      throw faulty(name, `${where}.filters has at "${filter.at}"; this node has ${hooks.join(', ')}`);
  }
}

/** One value for both protocols, or one for each. @template T @param {string} name @param {string} where @param {any} value @param {(value: any) => T} make */
function byProtocol(name, where, value, make) {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { udp: make(value), icmp6: make(value) };
  checkKeys(name, where, value, PROTOCOLS);
  return { udp: make(value.udp), icmp6: make(value.icmp6) };
}

/** @param {any} value @returns {any[]} */
function listOf(value) {
  return Array.isArray(value) ? value : [value];
}

/** @param {string} name @param {string} where @param {any} raw @returns {Truth['outcomes']} */
function outcomesOf(name, where, raw) {
  const outcomes = byProtocol(name, where, raw, listOf);
  for (const [protocol, list] of Object.entries(outcomes))
    if (list.some((outcome) => typeof outcome !== 'string'))
      throw faulty(name, `${where} has none for ${protocol}; use an outcome, a list, or one for udp and icmp6`);
  return outcomes;
}

/** @param {string} name @param {any} raw @returns {Truth} */
function truthOf(name, raw) {
  checkKeys(name, 'truth', raw, KEYS.truth);
  checkKeys(name, 'truth.refusal', raw?.refusal, KEYS.refusal);
  checkKeys(name, 'truth.inserted', raw?.inserted, KEYS.inserted);
  if (raw?.outcomes === undefined) throw faulty(name, 'truth.outcomes is missing');
  const outcomes = outcomesOf(name, 'truth.outcomes', raw.outcomes);
  /** @param {any} value */
  const orNull = (value) => value ?? null;
  return {
    outcomes,
    withoutHopLimits:
      raw.withoutHopLimits === undefined ? outcomes : outcomesOf(name, 'truth.withoutHopLimits', raw.withoutHopLimits),
    passPercent: orNull(raw.passPercent),
    lostFrom: orNull(raw.lostFrom),
    lastPdmHop: orNull(raw.lastPdmHop),
    after: raw.after === undefined ? null : listOf(raw.after),
    upTo: orNull(raw.upTo),
    likelyUpTo: orNull(raw.likelyUpTo),
    refusal: raw.refusal ? { pointer: null, ...raw.refusal } : null,
    pathsDiverge: orNull(raw.pathsDiverge),
    cause: orNull(raw.cause),
    membership: orNull(raw.membership),
    optionSeenUpTo: byProtocol(name, 'truth.optionSeenUpTo', raw.optionSeenUpTo, orNull),
    returnPath: byProtocol(name, 'truth.returnPath', raw.returnPath, orNull),
    inserted: orNull(raw.inserted),
    says: orNull(raw.says),
    runSays: orNull(raw.runSays),
  };
}

/** @param {any} features */
function isTranslator(features) {
  return features?.destinationNat === true;
}

/** @param {string} name @param {any} raw */
function checkNodes(name, raw) {
  const onRouters = ['prerouting', 'forward'];
  checkFeatures(name, 'everyRouter', raw.everyRouter, KEYS.features, onRouters);
  checkFeatures(name, 'target', raw.target, KEYS.target, ['input']);
  checkFeatures(name, 'source', raw.source, KEYS.source, ['output']);
  if (raw.target?.udpService !== undefined) checkValue(name, 'target.udpService', raw.target.udpService, ['echoes']);
  if (raw.target?.echo !== undefined) checkValue(name, 'target.echo', raw.target.echo, ['silent']);
  if (raw.target?.networks !== undefined) checkNumber(name, 'target.networks', raw.target.networks, 2, 80);
  for (const [where, hops, count] of [
    ['hops', raw.hops, raw.routers],
    ['detour.hops', raw.detour?.hops, raw.detour?.routers],
    ['balance.hops', raw.balance?.hops, raw.balance?.members],
  ]) {
    for (const [hop, features] of Object.entries(hops ?? {})) {
      if (!(Number(hop) >= 1 && Number(hop) <= count)) throw faulty(name, `${where} names hop ${hop} of ${count}`);
      checkFeatures(name, `${where}.${hop}`, features, KEYS.features, onRouters);
    }
  }
}

/** @param {string} name @param {any} raw */
function checkWays(name, { routers, links, detour, balance }) {
  for (const [link, features] of Object.entries(links ?? {})) {
    if (!(Number(link) >= 1 && Number(link) <= routers + 1))
      throw faulty(name, `links names link ${link} of ${routers + 1}`);
    checkKeys(name, `links.${link}`, features, KEYS.link);
    const { type } = /** @type {{type?: string}} */ (features);
    if (type !== undefined) checkValue(name, `links.${link}.type`, type, ['ethernet', 'tun']);
  }
  checkKeys(name, 'detour', detour, KEYS.detour);
  checkKeys(name, 'balance', balance, KEYS.balance);
  if (
    detour &&
    !(detour.leaves >= 1 && detour.rejoins > detour.leaves && detour.rejoins <= routers && detour.routers >= 1)
  ) {
    throw faulty(name, 'detour must leave at a router and rejoin at a later one');
  }
  if (balance && !(balance.hop >= 2 && balance.hop < routers && balance.members >= 2 && balance.members <= 4)) {
    throw faulty(name, 'balance needs a hop with a router before and behind it, and 2 to 4 members');
  }
  if (balance) checkValue(name, 'balance.hash', balance.hash, HASHES);
}

/**
 * Checks what a description file holds. Throws `LAB_BAD_SCENARIO` with the key at fault.
 * @param {string} name @param {any} raw @returns {Description}
 */
export function checkDescription(name, raw) {
  checkKeys(name, 'the file', raw, KEYS.top);
  if (typeof raw?.title !== 'string') throw faulty(name, 'title is missing; write one sentence');
  checkNumber(name, 'routers', raw.routers, 1, 60);
  checkNodes(name, raw);
  checkWays(name, raw);
  const isElsewhere = raw.target?.answersFor !== undefined || Object.values(raw.hops ?? {}).some(isTranslator);
  if ((raw.asked === undefined) === isElsewhere)
    throw faulty(
      name,
      'asked and target.answersFor go together, or a hop with destinationNat: an address, and who has it',
    );
  if ((raw.target?.networks === undefined) !== (raw.truth?.runSays === undefined))
    throw faulty(name, 'truth.runSays and target.networks go together: what is said of all of them, once');
  return {
    name,
    title: raw.title,
    routers: raw.routers,
    everyRouter: raw.everyRouter ?? {},
    hops: raw.hops ?? {},
    target: raw.target ?? {},
    source: raw.source ?? {},
    detour: raw.detour ?? null,
    balance: raw.balance ?? null,
    links: raw.links ?? {},
    asked: raw.asked ?? null,
    truth: truthOf(name, raw.truth),
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
