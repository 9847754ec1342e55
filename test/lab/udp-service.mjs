// @ts-check
/**
 * A UDP service that sends back what it gets. Run as a program inside the target's namespace; prints "ready" once it listens,
 * and ends when its input does, so that it never outlives the lab.
 */
import { createSocket } from 'node:dgram';
import process from 'node:process';

/** The port that is asked unless somebody says otherwise. */
const PORT = 33434;

const socket = createSocket({ type: 'udp6', ipv6Only: true });
socket.on('message', (data, from) => {
  // No way back for a moment: a network loses the packet.
  socket.send(data, from.port, from.address, () => undefined);
});
socket.bind(PORT, () => process.stdout.write('ready\n'));
process.stdin.on('end', () => process.exit(0)).resume();
