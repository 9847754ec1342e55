import { describe, expect, it } from 'vitest';
import { KernelDrops, parseRawSocketTable, type ProcessFiles } from '../../../src/transport/raw-socket/drops.js';

const HEADER =
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops';
const ANY = '00000000000000000000000000000000';

function row(protocol: number, inode: number, drops: number): string {
  const hex = protocol.toString(16).toUpperCase().padStart(4, '0');
  return `  125: ${ANY}:${hex} ${ANY}:0000 07 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 00000000d524176e ${drops}`;
}

describe('the table of raw sockets', () => {
  it('gives inode, protocol and drops of each row', () => {
    const text = `${HEADER}\n${row(255, 14566, 0)}\n${row(58, 14568, 4_000_000_000)}\n`;
    expect(parseRawSocketTable(text)).toEqual([
      { inode: '14566', protocol: 255, drops: 0 },
      { inode: '14568', protocol: 58, drops: 4_000_000_000 },
    ]);
  });

  it('is read without its odd rows: cut, empty, of another format', () => {
    const cut = row(58, 1, 2).slice(0, 120);
    expect(parseRawSocketTable(`${HEADER}\n${cut}\n\nnonsense\n${row(17, 3, 4)}`)).toEqual([
      { inode: '3', protocol: 17, drops: 4 },
    ]);
    expect(parseRawSocketTable('')).toEqual([]);
  });
});

describe('the count of kernel drops', () => {
  function makeHost(): {
    readonly files: ProcessFiles;
    readonly clock: { nowNs(): number };
    readonly rows: Map<number, { readonly protocol: number; drops: number; readonly ours: boolean }>;
    nowNs: number;
    readings: number;
    broken: boolean;
  } {
    const host = {
      rows: new Map<number, { readonly protocol: number; drops: number; readonly ours: boolean }>(),
      nowNs: 0,
      readings: 0,
      broken: false,
      clock: { nowNs: () => host.nowNs },
      files: {
        rawSocketTable: () => {
          if (host.broken) throw new Error('EACCES');
          host.readings += 1;
          return [HEADER, ...[...host.rows].map(([inode, { protocol, drops }]) => row(protocol, inode, drops))].join(
            '\n',
          );
        },
        socketInodes: () => [...host.rows].filter(([, { ours }]) => ours).map(([inode]) => String(inode)),
      },
    };
    return host;
  }

  const opened = (host: ReturnType<typeof makeHost>, drops: KernelDrops, protocol: number, inode: number): void => {
    drops.opening(protocol, () => host.rows.set(inode, { protocol, drops: 0, ours: true }));
  };

  it('is the sum over our receiving sockets, and not of other sockets of the protocol', () => {
    const host = makeHost();
    host.rows.set(1, { protocol: 58, drops: 100, ours: false }).set(2, { protocol: 58, drops: 1000, ours: true });
    const drops = new KernelDrops(host.clock, host.files);
    opened(host, drops, 58, 3);
    opened(host, drops, 17, 4);
    host.rows.get(3)!.drops = 5;
    host.rows.get(4)!.drops = 7;
    expect(drops.count()).toBe(12);
  });

  it('keeps what closed sockets had dropped', () => {
    const host = makeHost();
    const drops = new KernelDrops(host.clock, host.files);
    opened(host, drops, 58, 3);
    opened(host, drops, 17, 4);
    host.rows.get(4)!.drops = 7;
    drops.closing(17);
    host.rows.delete(4);
    expect(drops.count()).toBe(7);
    opened(host, drops, 17, 5);
    host.rows.get(5)!.drops = 2;
    expect(drops.count()).toBe(9);
  });

  it('reads the table at most every 100 ms', () => {
    const host = makeHost();
    const drops = new KernelDrops(host.clock, host.files);
    opened(host, drops, 58, 3);
    expect(drops.count()).toBe(0);
    const { readings } = host;
    host.rows.get(3)!.drops = 1;
    host.nowNs = 99e6;
    expect(drops.count()).toBe(0);
    expect(host.readings).toBe(readings);
    host.nowNs = 100e6;
    expect(drops.count()).toBe(1);
  });

  it('is null, not 0, where the socket cannot be told from others or its row is gone', () => {
    const host = makeHost();
    const ambiguous = new KernelDrops(host.clock, host.files);
    ambiguous.opening(58, () => {
      host.rows.set(3, { protocol: 58, drops: 0, ours: true }).set(4, { protocol: 58, drops: 0, ours: true });
    });
    expect(ambiguous.count()).toBeNull();

    const gone = new KernelDrops(host.clock, host.files);
    opened(host, gone, 58, 5);
    host.rows.delete(5);
    expect(gone.count()).toBeNull();
  });

  it('is null where the table cannot be read, and opening works all the same', () => {
    const host = makeHost();
    host.broken = true;
    const drops = new KernelDrops(host.clock, host.files);
    expect(drops.opening(58, () => 'the socket')).toBe('the socket');
    expect(drops.count()).toBeNull();
  });
});
