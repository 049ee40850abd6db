import * as z from 'zod';
import { documented, text } from './schema-fields.ts';
import { isHostName } from './units.ts';

const fieldName = text('a header name', value => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(value), {
  description: 'A header name, in any case.',
  remedy: 'letters, digits and hyphens, for example x-env; the host is matched with "host"',
});

const pathValue = documented(
  z
    .string()
    .regex(/^\/[^\s?#]*$/, { abort: true, error: ({ input }) => `${JSON.stringify(input)} is not a path` })
    .refine(canMatch, {
      error: ({ input }) =>
        `${JSON.stringify(input)} matches no request: they are compared with dot segments and // resolved, letters and digits not escaped, other escapes in upper case`,
    }),
  {
    description: 'A path without query, in its plain form.',
    remedy: 'a path that starts with /, without query, //, dot segments and needless escapes',
    examples: ['/api/'],
  },
);

/** Requests are matched in their normal form: a path in any other would wait forever. */
function canMatch(path: string): boolean {
  const escapesFit = path.split('%').every((text, index) => {
    if (index === 0) return true;
    const digits = /^[0-9A-F]{2}/.exec(text)?.[0];
    return digits !== undefined && !/[\w.~-]/.test(String.fromCharCode(Number.parseInt(digits, 16)));
  });
  return escapesFit && /^[!-~]*$/.test(path) && !/\/\/|\\|\/\.\.?\//.test(path);
}

/** Why the text isn't a regular expression; empty when it is one. */
function regexFault(value: unknown): string {
  try {
    new RegExp(String(value), 'u');
    return '';
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: /, '');
  }
}

const pathRegex = documented(
  z
    .string()
    .min(1, { abort: true, error: () => 'is empty' })
    .max(1000, { abort: true, error: () => 'is longer than 1000 characters' })
    .refine(value => regexFault(value) === '', {
      error: issue => `invalid regular expression: ${regexFault(issue.input)}`,
    }),
  {
    description: 'A JavaScript regular expression (flag u), unanchored: write ^ for the start.',
    remedy: "a JavaScript regular expression, for example '^/v[0-9]+/'",
    examples: ['^/v[0-9]+/'],
  },
);

const pathMatch = documented(
  z.union([
    pathValue,
    z
      .strictObject({
        prefix: pathValue.optional(),
        exact: pathValue.optional(),
        regex: pathRegex.optional(),
      })
      .refine(value => Object.keys(value).length === 1, { error: () => 'needs exactly one kind of match' })
      .meta({ minProperties: 1, maxProperties: 1 }),
  ]),
  {
    description: 'Path without query: a prefix (/api/), {exact: /login} or {regex: ^/v[0-9]+/}.',
    remedy: 'write a prefix such as /api/, or one of {exact: /login}, {regex: ^/v[0-9]+/}',
    examples: ['/api/', { exact: '/login' }, { regex: '^/v[0-9]+/' }],
  },
);

/** What a request must have to take a route. */
export const match = documented(
  z.strictObject({
    host: text('a host name', value => isHostName(value.replace(/^\*\./, '')), {
      description: 'Host without port, in any case; *.example.com is every name below example.com.',
      remedy: 'a host without port, for example api.example.com or "*.example.com"',
      examples: ['api.example.com', '*.example.com'],
    }).optional(),
    path: pathMatch.optional(),
    methods: documented(
      z
        .array(
          text('a method', value => /^[A-Za-z][A-Za-z-]{0,31}$/.test(value), {
            description: 'An HTTP method.',
            remedy: 'an HTTP method, for example GET',
            examples: ['GET'],
          }),
        )
        .min(1, { error: () => 'is empty: no method would match' }),
      {
        description: 'Methods, any of which matches.',
        remedy: 'list methods, for example [GET, POST], or leave the key out for all',
        examples: [['GET', 'POST']],
      },
    ).optional(),
    headers: documented(
      z.record(
        fieldName,
        documented(z.union([z.string(), z.literal(true)]), {
          description: 'The exact value, or true: the header is there with any value.',
          remedy: 'a string (quote numbers), or true for any value',
        }),
      ),
      {
        description: 'Headers that all have to be there: name to value, or to true for any value.',
        remedy: 'map names to values, for example {x-env: canary}',
        examples: [{ 'x-env': 'canary' }],
      },
    ).optional(),
  }),
  {
    description: 'What a request must have to take this route; without it: every request.',
    remedy: 'give at least one of host, path, methods, headers, or leave match out',
  },
);
