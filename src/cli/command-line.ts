import type { Settings } from '../config/settings.js';
import { errorText, exitCodeOf, usageError } from './cli-error.js';
import type { DaemonProcess } from './daemon/daemon-command.js';
import type { DoctorPorts } from './doctor/doctor-ports.js';
import { EXIT } from './exit-codes.js';
import { reportKey } from './arguments/flags.js';
import { createDebugLog } from './log.js';
import { SILENT_LOG, type Log } from '../measure/event-log.js';
import type { StorePorts } from '../runs/store-ports.js';
import type { OpenMeasuring } from '../measure/measuring.js';
import { parseArguments, type ParsedArguments } from './arguments/parse-arguments.js';
import { createResultOutput } from './result-output.js';
import { columnsOf, type Terminal } from './terminal/terminal.js';

/** What the commands are given; each is only loaded by the command that uses it. */
export interface CommandLinePorts {
  readonly openMeasuring: () => Promise<OpenMeasuring>;
  readonly storePorts: () => Promise<StorePorts>;
  readonly daemonProcess: () => Promise<DaemonProcess>;
  readonly doctorPorts: () => Promise<DoctorPorts>;
  readonly toolVersion: string;
}

/** Runs the command that the arguments name and resolves with the exit code. Never rejects. */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal,
  ports: CommandLinePorts,
): Promise<number> {
  let debug = argv.includes('--debug');
  try {
    const parsed = parseArguments(argv);
    if (parsed.version) {
      return await show(`${ports.toolVersion}\n`, terminal);
    }
    if (parsed.help) {
      const { helpText } = await import('./arguments/help-text.js');
      return await show(helpText(parsed.command, columnsOf(terminal.stdout)), terminal);
    }
    if (parsed.command === 'trace' && parsed.operands.length === 0)
      throw usageError('no host given; name one, for example pdm-trace www.example.com (pdm-trace --help says more)');
    if (parsed.command === 'run' && parsed.operands.length > 0)
      throw usageError(`run takes no "${parsed.operands.join(' ')}"; name the list with --targets`);
    if (parsed.command === 'daemon') {
      if (parsed.operands.length > 0)
        throw usageError(`daemon takes no "${parsed.operands.join(' ')}"; name the settings file with --config`);
      const { runDaemon } = await import('./daemon/daemon-command.js');
      const { toolVersion } = ports;
      return await runDaemon({ ...(await ports.daemonProcess()), terminal, toolVersion, flags: parsed.flags });
    }
    if (parsed.command === 'report' && parsed.operands.length > 0)
      throw usageError(
        `report takes no "${parsed.operands.join(' ')}"; name a host with --target, a store with --store`,
      );
    if (parsed.command === 'doctor' && parsed.operands.length > 0)
      throw usageError(`doctor takes no "${parsed.operands.join(' ')}"; name a host with --target`);
    const settings = await settingsOf(parsed, terminal);
    debug = settings.debug;
    const log = debug ? await createDebugLog() : SILENT_LOG;
    return await runCommand({ ...parsed, command: parsed.command }, settings, log, terminal, ports);
  } catch (error) {
    terminal.stderr.write(errorText(error, debug));
    return exitCodeOf(error);
  }
}

async function show(text: string, terminal: Terminal): Promise<number> {
  const output = createResultOutput(terminal.stdout);
  output.write(text);
  await output.flushed();
  return EXIT.ok;
}

async function runCommand(
  parsed: ParsedArguments & { readonly command: Exclude<ParsedArguments['command'], 'daemon'> },
  settings: Settings,
  log: Log,
  terminal: Terminal,
  ports: CommandLinePorts,
): Promise<number> {
  switch (parsed.command) {
    case 'trace': {
      const { runTrace } = await import('./trace/trace-command.js');
      const openMeasuring = await ports.openMeasuring();
      const { storePorts, toolVersion } = ports;
      return runTrace(parsed.operands, settings, { terminal, openMeasuring, storePorts, toolVersion, log });
    }
    case 'run': {
      const { runTargets } = await import('./run/run-command.js');
      const openMeasuring = await ports.openMeasuring();
      const storePorts = await ports.storePorts();
      const { loadSettings } = await import('../config/load-settings.js');
      const settingsOfRun = (stored: Readonly<Record<string, unknown>>): Settings =>
        loadSettings({ command: 'run', env: terminal.environment, flags: { ...stored, ...parsed.flags } }).settings;
      return runTargets(settings, {
        terminal,
        openMeasuring,
        ...storePorts,
        toolVersion: ports.toolVersion,
        log,
        settingsOfRun,
      });
    }
    case 'report': {
      const { runReport } = await import('./report/report-command.js');
      return runReport(reportFlags(parsed), settings, terminal);
    }
    case 'doctor': {
      const { runDoctor } = await import('./doctor/doctor-command.js');
      const { target } = parsed.flags;
      const { badHost } = await import('../annotate/names/target-resolution.js');
      const bad = typeof target === 'string' ? badHost(target) : null;
      if (bad !== null) throw usageError(`--target: ${bad}`);
      const request = {
        settings,
        target: typeof target === 'string' ? target : null,
        offline: parsed.flags.offline === true,
      };
      return runDoctor(request, terminal, await ports.doctorPorts());
    }
  }
}

function reportFlags({ flags }: ParsedArguments): Record<string, unknown> {
  const start = reportKey('');
  const own = Object.entries(flags).filter(([key]) => key.startsWith(start));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(start.length), value]));
}

async function settingsOf(parsed: ParsedArguments, terminal: Terminal): Promise<Settings> {
  const { loadSettings } = await import('../config/load-settings.js');
  const command = parsed.command === 'run' ? 'run' : 'trace';
  return loadSettings({ command, env: terminal.environment, flags: parsed.flags }).settings;
}
