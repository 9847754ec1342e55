// @ts-check
/**
 * `npm run demo`: builds the tool if it is not built, then traces two networks of real kernel routers: one where packets with
 * the option arrive and one where hop 4 drops them. Shows the tool's own output. Touches nothing outside of the lab's namespaces.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { URL, fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');
/** @type {Record<string, string>} */
const PACKAGE_OF = { ip: 'iproute2', nft: 'nftables', sysctl: 'procps', unshare: 'util-linux', nsenter: 'util-linux' };
/** Exit codes of the tool that the two networks must give: delivered, dropped. */
const RUNS = [
  { scenario: 'delivered-8', exitCode: 0 },
  { scenario: 'drop-at-4', exitCode: 11 },
];

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

/** @param {string} tool */
function isInstalled(tool) {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return path.split(':').some((directory) => directory !== '' && existsSync(join(directory, tool)));
}

/** Installs what is missing when root, else names it. @returns {boolean} Whether all is there. */
function providePackages() {
  const missing = () => Object.keys(PACKAGE_OF).filter((tool) => !isInstalled(tool));
  const packages = [...new Set(missing().map((tool) => PACKAGE_OF[tool] ?? tool))];
  if (packages.length === 0) return true;
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    say(`The lab needs ${packages.join(', ')}; installing.`);
    const options = /** @type {const} */ ({
      stdio: 'ignore',
      shell: true,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    // Fresh machines have no package lists yet.
    if (spawnSync(install, options).status !== 0) spawnSync(`apt-get update && ${install}`, options);
    if (missing().length === 0) return true;
  }
  process.stderr.write(`demo: these Debian packages are missing: ${packages.join(' ')}; run as root: ${install}\n`);
  return false;
}

/** Newest modification below a directory, ms. @param {string} directory @returns {number} */
function newest(directory) {
  return Math.max(
    ...readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}

/** @returns {boolean} */
function build() {
  if (existsSync(MAIN) && statSync(MAIN).mtimeMs >= newest(join(ROOT, 'src'))) return true;
  say('Building pdm-trace …');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  if (status === 0) return true;
  process.stderr.write('demo: the build failed; run "npm ci" first, then "npm run build" to see why\n');
  return false;
}

/** @param {import('./lab-types.js').Lab} lab @returns {Promise<number | null>} The tool's exit code. */
function trace(lab) {
  const argv = ['pdm-trace', lab.targetName, '--asn-db', lab.asnFile];
  say(`$ ${argv.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = lab.spawn('source', argv, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** @returns {Promise<number>} */
async function main() {
  if (!providePackages() || !build()) return 69;
  // Loaded late: they use packages of node_modules and tools that may have been missing above.
  const { createLab } = await import('./lab.mjs');
  const { picture } = await import('./picture.mjs');
  let wrong = 0;
  for (const { scenario, exitCode } of RUNS) {
    const startedAt = Date.now();
    const lab = await createLab(scenario);
    try {
      say(`\n── ${picture(lab.description, { truth: false })}`);
      const code = await trace(lab);
      say(`\n   exit code ${code}, ${((Date.now() - startedAt) / 1000).toFixed(1)} s with the network's building`);
      if (code !== exitCode) {
        wrong += 1;
        process.stderr.write(`demo: expected exit code ${exitCode} in ${scenario}, got ${code}\n`);
      }
    } finally {
      await lab.destroy();
    }
  }
  return wrong === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 70;
  },
);
