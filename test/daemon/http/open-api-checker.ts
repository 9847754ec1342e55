import { createRequire } from 'node:module';

/** The part of Ajv that is used. It comes with fastify, so it is taken from where fastify's own compiler has it. */
interface Ajv {
  addSchema(schema: object, id: string): void;
  getSchema(reference: string): ((value: unknown) => boolean) & { readonly errors?: unknown };
}
type AjvConstructor = new (options: object) => Ajv;

const fromFastify = createRequire(createRequire(import.meta.url).resolve('fastify'));
const fromCompiler = createRequire(fromFastify.resolve('@fastify/ajv-compiler'));
const { Ajv2020 } = fromCompiler('ajv/dist/2020.js') as { readonly Ajv2020: AjvConstructor };
const addFormats = fromCompiler('ajv-formats') as (ajv: Ajv) => void;

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly security: readonly object[];
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

interface Reply {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Holds answers against the document, and knows which of them it has not seen yet. */
export class OpenApiChecker {
  readonly #document: OpenApi;
  readonly #ajv: Ajv;
  readonly #seen = new Set<string>();

  constructor(document: OpenApi) {
    this.#document = document;
    // Unknown words are an error, so that a schema cannot say less than it seems to.
    this.#ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
    addFormats(this.#ajv);
    for (const [name, schema] of Object.entries(document.components.schemas))
      this.#ajv.addSchema(schema, `#/components/schemas/${name}`);
  }

  /** Operations and their statuses, problems aside. */
  unseen(): string[] {
    return Object.values(this.#document.paths)
      .flatMap((operations) => Object.values(operations))
      .flatMap(({ operationId, responses }) => Object.keys(responses).map((status) => `${operationId} ${status}`))
      .filter((answer) => !answer.endsWith(' default') && !this.#seen.has(answer));
  }

  /** What is wrong with the answer; null: nothing. */
  problemOf(method: string, url: string, reply: Reply): string | null {
    const path = url.replace(/\?.*/, '');
    const found = Object.entries(this.#document.paths).find(([template]) =>
      new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    const operation = found?.[1][method.toLowerCase()];
    if (operation === undefined) return `${method} ${path} is not in the document`;
    const { statusCode, headers, body } = reply;
    const response = operation.responses[String(statusCode)] ?? operation.responses.default;
    const type = String(headers['content-type']).replace(/; charset=utf-8$/, '');
    const media = response?.content[type];
    if (media === undefined) return `${operation.operationId} ${statusCode}: type ${type} is not in the document`;
    this.#seen.add(`${operation.operationId} ${String(statusCode) in operation.responses ? statusCode : 'default'}`);
    if (!('$ref' in media.schema)) return null;
    const validate = this.#ajv.getSchema(String(media.schema.$ref));
    if (validate(JSON.parse(body))) return null;
    return `${operation.operationId} ${statusCode}: ${JSON.stringify(validate.errors)}`;
  }
}
