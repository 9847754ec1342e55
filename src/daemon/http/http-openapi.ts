import { z } from 'zod';
import { SCHEMAS } from './http-api-schemas.js';
import { PROBLEM_TYPE } from './http-problem.js';
import type { Access, Answer, Route } from './http-route.js';

/** OpenAPI 3.1 of the routes. `protectsReads`: reading needs the token too. */
export function openApiDocument(routes: readonly Route[], toolVersion: string, protectsReads: boolean): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const one of routes) {
    const path = (paths[one.path] ??= {});
    path[one.method.toLowerCase()] = operation(one, protectsReads);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'pdm-trace',
      version: toolVersion,
      description: 'Do packets with the RFC 8250 PDM option arrive, and if not, where do they stop?',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [
          name,
          jsonSchema(schema, name === 'TraceRequest' ? 'input' : 'output'),
        ]),
      ),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The token in the file tokenFile.' } },
    },
  };
}

function operation(one: Route, protectsReads: boolean): object {
  const { name, summary, access, body, answers } = one;
  return {
    operationId: name,
    summary,
    parameters: [...parameters(one.parameters, 'path'), ...parameters(one.query, 'query')],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: reference(body.name) } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)])),
      default: {
        description: 'What went wrong (RFC 9457).',
        content: { [PROBLEM_TYPE]: { schema: reference('Problem') } },
      },
    },
    security: securityOf(access, protectsReads),
  };
}

/** One of these is needed; `{}` is none. */
function securityOf(access: Access, protectsReads: boolean): readonly object[] {
  const token = { token: [] };
  if (access === 'write') return [token];
  if (access === 'open' || !protectsReads) return [];
  // Of health who asks from this machine learns without it.
  return access === 'health' ? [{}, token] : [token];
}

function response({ description, type, schema }: Answer): object {
  const content = schema === undefined ? { schema: { type: 'string' } } : { schema: reference(schema) };
  return { description, content: { [type.replace(/; charset=utf-8$/, '')]: content } };
}

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query'): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input');
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly required?: readonly string[];
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): ObjectSchema {
  // What a query gives is text: a coerced number has no JSON Schema of its own input.
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest as ObjectSchema;
}

function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}
