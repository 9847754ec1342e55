// @ts-check
import { Buffer } from 'node:buffer';
import { labError } from './namespaces.mjs';
import { packetsOfPcap } from './pcap.mjs';

/** @param {string} interfaceName @returns {string[]} argv that writes each packet to stdout at once. */
export function captureCommand(interfaceName) {
  return ['tcpdump', '--immediate-mode', '-U', '-n', '-s', '0', '-w', '-', '-i', interfaceName, 'ip6'];
}

/**
 * Resolves once tcpdump listens.
 * @param {import('node:child_process').ChildProcess} child @returns {Promise<import('./lab-types.js').Capture>}
 */
export async function captureOf(child) {
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('listening on')) resolve(undefined);
    });
    void closed.then(() => reject(labError('LAB_CAPTURE_FAILED', `tcpdump did not start: ${said.trim()}`)));
  });
  return {
    stop: async () => {
      child.kill('SIGINT');
      await closed;
      const pcap = Buffer.concat(chunks);
      return { pcap, packets: packetsOfPcap(pcap) };
    },
  };
}
