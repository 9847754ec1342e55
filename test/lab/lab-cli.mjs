// @ts-check
/** `npm run lab`: runs a command inside the source of a described network. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { URL, fileURLToPath } from 'node:url';
import { readScenario, scenarioNames, trapNames } from '../scenario/description.mjs';
import { cannotBuild } from './cannot-build.mjs';
import { createLab } from './lab.mjs';
import { removeLeftovers } from './namespaces.mjs';
import { picture } from './picture.mjs';

const USAGE = `npm run lab -- list                              all scenarios
npm run lab -- <scenario>                        what the network looks like and what is true in it
npm run lab -- <scenario> -- pdm-trace <target>  runs a command inside the source; "target.lab.example" is the target
npm run lab -- <scenario> --in hop4 -- bash      the same inside another node
npm run lab -- clean                             removes what killed runs left behind`;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `pdm-trace` in the lab is this checkout's; after `npm ci` alone it is not built. @returns {boolean} */
function provideBuild() {
  if (existsSync(`${ROOT}dist/cli/main.js`)) return true;
  process.stderr.write('lab: building pdm-trace ...\n');
  return spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 2, 2] }).status === 0;
}

/** @param {string[]} argv @returns {Promise<number>} */
async function main(argv) {
  const separator = argv.indexOf('--');
  const words = separator < 0 ? argv : argv.slice(0, separator);
  const command = separator < 0 ? [] : argv.slice(separator + 1);
  const [scenario, option, node = 'source'] = words;
  if (scenario === undefined || (option !== undefined && option !== '--in')) {
    process.stderr.write(`${USAGE}\n`);
    return 64;
  }
  if (scenario === 'list') {
    for (const description of [...scenarioNames(), ...trapNames()].map(readScenario)) {
      const { name, title } = description;
      const where = cannotBuild(description).length === 0 ? '' : ' (simulator alone)';
      process.stdout.write(`${name.padEnd(30)} ${title}${where}\n`);
    }
    return 0;
  }
  if (scenario === 'clean') {
    const { namespaces, directories } = removeLeftovers();
    process.stdout.write(`removed ${namespaces.length} namespaces and ${directories.length} directories\n`);
    return 0;
  }
  const description = readScenario(scenario);
  if (command.length === 0) {
    process.stdout.write(picture(description));
    return 0;
  }
  if (!provideBuild()) return 69;
  return runIn(description, node, command);
}

/** @param {import('../scenario/description-types.js').Description} description @param {string} node @param {string[]} command */
async function runIn(description, node, command) {
  const lab = await createLab(description);
  try {
    process.stderr.write(
      `lab ${description.name}: ${description.title}; the target is ${lab.targetName} (${lab.targetAddress})\n`,
    );
    const child = lab.spawn(node, command, { stdio: 'inherit', env: { PDM_TRACE_ASN_DB: lab.asnFile } });
    // Ctrl-C reaches the command by the terminal; we wait for it and then clean up. Other signals we pass on.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    process.on('SIGHUP', () => child.kill('SIGHUP'));
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
    });
  } finally {
    await lab.destroy();
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 70;
  },
);
