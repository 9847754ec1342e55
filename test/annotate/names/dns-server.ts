import { createSocket, type Socket } from 'node:dgram';

/** A name server on ::1 that says what a test tells it to (RFC 1035 §4.1), honest or not. */
export interface DnsServer {
  /** `[::1]:port`, as for `--resolver`. */
  readonly address: string;
  /** Questions received, as `name type`. */
  readonly questions: string[];
  close(): Promise<void>;
}

export interface Question {
  /** In lower case, without trailing dot. */
  readonly name: string;
  /** `A`, `AAAA`, `CNAME`, `PTR`, or the number of another one. */
  readonly type: string;
}

/** Labels as octets, so that a name can hold anything. */
type WireName = string | readonly Uint8Array[];

export type Answer =
  | { readonly type: 'A' | 'AAAA'; readonly octets: Uint8Array; readonly owner?: WireName }
  | { readonly type: 'CNAME' | 'PTR'; readonly name: WireName; readonly owner?: WireName };

/** Answers, `nothing` for no such name, `silence` for no reply at all, `refused` for an error, or a whole reply as octets. */
export type Reply =
  readonly Answer[] | 'nothing' | 'silence' | 'refused' | { readonly raw: (query: Buffer) => Uint8Array };

const TYPES: Readonly<Record<string, number>> = { A: 1, CNAME: 5, PTR: 12, AAAA: 28 };

export async function startDnsServer(
  answer: (question: Question) => Reply | Promise<Reply>,
  delayMs = 0,
): Promise<DnsServer> {
  const questions: string[] = [];
  const socket: Socket = createSocket('udp6');
  socket.on('message', (query, peer) => {
    void (async () => {
      const question = readQuestion(query);
      questions.push(`${question.name} ${question.type}`);
      const reply = await answer(question);
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      const bytes = encodeReply(query, question, reply);
      if (bytes !== null) socket.send(bytes, peer.port, peer.address, () => undefined);
    })();
  });
  await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
  return {
    address: `[::1]:${socket.address().port}`,
    questions,
    close: () =>
      new Promise((resolve) =>
        socket.close(() => {
          resolve();
        }),
      ),
  };
}

function readQuestion(query: Buffer): Question & { end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = query.readUInt16BE(at + 1);
  const type = Object.keys(TYPES).find((name) => TYPES[name] === code) ?? String(code);
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 };
}

function encodeReply(query: Buffer, question: Question, reply: Reply): Uint8Array | null {
  if (reply === 'silence') return null;
  if (typeof reply === 'object' && 'raw' in reply) return reply.raw(query);
  const answers = typeof reply === 'string' ? [] : reply;
  const code = reply === 'nothing' ? 3 : reply === 'refused' ? 5 : 0;
  const { end } = readQuestion(query);
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...answers.map((entry) => encodeAnswer(entry, question.name))]);
}

function encodeAnswer(answer: Answer, asked: string): Buffer {
  const data = 'octets' in answer ? Buffer.from(answer.octets) : encodeName(answer.name);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[answer.type]!, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(answer.owner ?? asked), fixed, data]);
}

function encodeName(name: WireName): Buffer {
  const labels = typeof name === 'string' ? name.split('.').map((label) => Buffer.from(label, 'utf8')) : name;
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
}
