// @ts-check
import { Buffer } from 'node:buffer';

/**
 * Feeds a child process and waits for its end.
 * @param {import('node:child_process').ChildProcess} child @param {string} [input]
 * @returns {Promise<import('./lab-types.js').ExecResult>}
 */
export function collect(child, input) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const out = [];
    /** @type {Buffer[]} */
    const err = [];
    child.stdout?.on('data', (chunk) => out.push(chunk));
    child.stderr?.on('data', (chunk) => err.push(chunk));
    child.on('error', reject);
    // A command that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin?.end(input ?? '');
  });
}
