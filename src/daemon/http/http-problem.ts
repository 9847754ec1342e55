/** Errors as clients get them: RFC 9457, without a stack. */

/** The status of each `code`, a problem's stable name. */
const STATUS = {
  'bad-request': 400,
  unauthorized: 401,
  'no-token': 403,
  'foreign-origin': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  timeout: 408,
  'too-large': 413,
  'unsupported-media-type': 415,
  'foreign-host': 421,
  'forbidden-target': 422,
  'too-many-requests': 429,
  'queue-full': 429,
  'headers-too-large': 431,
  internal: 500,
  'not-ready': 503,
  'store-unavailable': 503,
} as const;
/** Stable words, for programs: the member `code` of a problem. */
export type ProblemCode = keyof typeof STATUS;

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Where in the request something is wrong. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** Thrown by whatever answers a request. `detail` is for the client: one sentence with the remedy, nothing secret. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[];

  constructor(
    code: ProblemCode,
    detail: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly errors?: readonly FieldError[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = STATUS[code];
    this.headers = more.headers ?? {};
    this.errors = more.errors ?? [];
  }

  /** RFC 9457 §3.1; `code` and `errors` are extension members. */
  get body(): ProblemBody {
    return {
      type: 'about:blank',
      title: TITLES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.errors.length === 0 ? {} : { errors: this.errors }),
    };
  }
}

/** RFC 9457 §3.1, with `code`, and `errors` where fields of the request are wrong. */
export interface ProblemBody {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly errors?: readonly FieldError[];
}

/** Every code that a problem may have, for the OpenAPI document. */
export const PROBLEM_CODES = Object.keys(STATUS).filter((code): code is ProblemCode => code in STATUS);

/** RFC 9457 §3. */
export const PROBLEM_TYPE = 'application/problem+json';

/** A problem to answer with before there is a request: the octets of a whole response. */
export function rawProblem(problem: HttpProblem): string {
  const body = JSON.stringify(problem.body);
  return [
    `HTTP/1.1 ${problem.status} ${problem.body.title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** Of requests, or of traces. */
export function tooMany(what: string, waitMs: number): HttpProblem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new HttpProblem('too-many-requests', `too many ${what}; try again in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
