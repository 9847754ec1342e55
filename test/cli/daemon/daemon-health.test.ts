import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { daemonConfigFile, healthAddress, isAlive } from '../../../src/cli/daemon/daemon-health.js';

describe('the command line of the container', () => {
  it('names the settings of a daemon, in either form of the flag', () => {
    expect(daemonConfigFile(['tini', '-s', '--', 'pdm-trace', 'daemon', '--config', '/etc/x.yaml'])).toBe(
      '/etc/x.yaml',
    );
    expect(daemonConfigFile(['tini', '--', 'pdm-trace', 'daemon', '--debug', '--config=/etc/x.yaml', ''])).toBe(
      '/etc/x.yaml',
    );
  });

  it('names none where something else than the daemon runs', () => {
    expect(
      daemonConfigFile(['tini', '--', 'pdm-trace', 'trace', '--config', '/etc/x.yaml', 'host.example']),
    ).toBeNull();
    expect(daemonConfigFile(['tini', '--', 'pdm-trace', 'run', '--targets', 'list.csv'])).toBeNull();
    expect(daemonConfigFile(['sh'])).toBeNull();
    expect(daemonConfigFile(['tini', '--', 'pdm-trace', 'daemon'])).toBeNull();
  });
});

describe('where the daemon is asked', () => {
  it('is what the settings say, and their default where they say nothing', () => {
    expect(healthAddress('http: { listen: "::1", port: 9000 }')).toEqual({ secure: false, host: '::1', port: 9000 });
    expect(healthAddress('jobs: []')).toEqual({ secure: false, host: '127.0.0.1', port: 8250 });
    expect(healthAddress('')).toEqual({ secure: false, host: '127.0.0.1', port: 8250 });
  });

  it('is loopback where the daemon listens on every address', () => {
    const rest = 'tokenFile: /t, tls: { certificate: /c, key: /k }';
    expect(healthAddress(`http: { listen: "::", ${rest} }`)).toEqual({ secure: true, host: '::1', port: 8250 });
    expect(healthAddress(`http: { listen: 0.0.0.0, ${rest} }`)).toMatchObject({ secure: true, host: '127.0.0.1' });
  });

  it('is nowhere where HTTP is switched off', () => {
    expect(healthAddress('http: null')).toBeNull();
  });

  it('is refused where nobody knows it', () => {
    expect(() => healthAddress('http: { port: 0 }')).toThrow(/port/);
    expect(() => healthAddress('http: { port: many }')).toThrow(/port/);
  });
});

describe('asking', () => {
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });

  async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  it('is content with 200 from /healthz alone', async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/healthz' ? 200 : 404).end('{"status":"ok"}');
    });
    expect(await isAlive({ secure: false, host: '127.0.0.1', port: await listening(server) })).toBeNull();
  });

  it('says what was answered instead', async () => {
    const server = createServer((_, response) => response.writeHead(503).end());
    const port = await listening(server);
    expect(await isAlive({ secure: false, host: '127.0.0.1', port })).toBe(`/healthz at 127.0.0.1:${port} answers 503`);
  });

  it('says that nobody listens', async () => {
    const server = createTcpServer();
    const port = await listening(server);
    server.close();
    await once(server, 'close');
    expect(await isAlive({ secure: false, host: '127.0.0.1', port })).toMatch(/ECONNREFUSED/);
  });

  it('gives up on a daemon that accepts and says nothing', async () => {
    const held: Socket[] = [];
    const server = createTcpServer((socket) => void held.push(socket));
    const port = await listening(server);
    open.push(() => {
      for (const socket of held) socket.destroy();
    });
    expect(await isAlive({ secure: false, host: '127.0.0.1', port }, 50)).toMatch(/no answer within 50 ms/);
  });
});
