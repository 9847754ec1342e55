import type { ProbeTransport, Route } from '../../transport/probe-transport.js';
import {
  checkAddress,
  checkAsData,
  checkClock,
  checkFirstHops,
  checkOtherTransport,
  checkPrivilege,
  checkRoute,
  checkTransport,
  type Finding,
} from './doctor-checks.js';
import type { DoctorPorts, DoctorRequest } from './doctor-ports.js';
import { EXIT } from '../exit-codes.js';
import { createResultOutput } from '../result-output.js';
import { createStyle, wantsColour, wantsUnicode, type Style } from '../terminal/style.js';
import type { Terminal } from '../terminal/terminal.js';
import { padEnd, sanitizeForTerminal } from '../../text/terminal-text.js';

/**
 * Runs the checks and prints a line for each as it ends. Exit code 77 when the privilege is missing, else 69 when a check
 * failed that measuring needs, else 0: warnings do not count.
 */
export async function runDoctor(request: DoctorRequest, terminal: Terminal, ports: DoctorPorts): Promise<number> {
  const { stdout, environment } = terminal;
  const isTerminal = stdout.isTTY === true;
  const style = createStyle(wantsColour(environment, isTerminal), !isTerminal || wantsUnicode(environment));
  const output = createResultOutput(stdout);
  const findings: Finding[] = [];
  const report = (finding: Finding): Finding => {
    findings.push(finding);
    output.write(`${findingLine(finding, style)}\n`);
    return finding;
  };
  let transport: ProbeTransport | null = null;
  try {
    report(checkPrivilege(ports));
    report(checkAddress(ports));
    const opened = await checkTransport(request.settings, ports);
    transport = opened.transport;
    report(opened.finding);
    const other = transport === null ? null : await checkOtherTransport(request.settings, transport, ports);
    if (other !== null) report(other);
    let route: (Route & { readonly target: Uint8Array }) | null = null;
    if (transport !== null) {
      const checked = await checkRoute(request, transport, ports);
      route = checked.route;
      report(checked.finding);
    }
    report(checkClock(ports));
    if (transport !== null && route !== null && !request.offline)
      report(await checkFirstHops({ transport, ports, target: route.target, source: route.source }));
    report(await checkAsData(request.settings, ports));
    await output.flushed();
  } finally {
    await transport?.close();
  }
  const failed = findings.filter((finding) => finding.state === 'fail');
  if (failed.some((finding) => finding.check === 'privilege')) return EXIT.noPermission;
  return failed.length > 0 ? EXIT.unavailable : EXIT.ok;
}

function findingLine(finding: Finding, style: Style): string {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[finding.state];
  const remedy = finding.remedy === null ? '' : `; ${finding.remedy}`;
  return `${paint(padEnd(finding.state, 5))}${padEnd(finding.check, 11)}${sanitizeForTerminal(`${finding.found}${remedy}`)}`;
}
