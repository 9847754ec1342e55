import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// The inner rooms are pure: the same input gives the same output, so that a measurement can be replayed in a test.
const impure = [
  { name: 'process', message: 'The inner rooms know no process.' },
  { name: 'setTimeout', message: 'The inner rooms know no timers.' },
  { name: 'setInterval', message: 'The inner rooms know no timers.' },
  { name: 'setImmediate', message: 'The inner rooms know no timers.' },
  { name: 'performance', message: 'The inner rooms know no clock.' },
];

/** What plain JavaScript files (lab, bench, test runner) use of Node's globals. */
const NODE_GLOBALS = ['process', 'console', 'performance', 'setImmediate', 'setTimeout', 'clearTimeout', 'Buffer'];

/** A docstring belongs to what stands right below it; overloads share that of the first. */
const docstrings = {
  rules: {
    exported: {
      meta: {
        messages: {
          missing: 'Say above `{{name}}` what it gives back, in what unit, what it throws and why it is so.',
        },
      },
      create: (context) => ({
        'ExportNamedDeclaration > :matches(FunctionDeclaration, ClassDeclaration, TSDeclareFunction)'({ parent, id }) {
          const statements = parent.parent.body;
          const before = statements[statements.indexOf(parent) - 1]?.declaration;
          if (before?.type === 'TSDeclareFunction' && before.id.name === id.name) return;
          const above = context.sourceCode.getCommentsBefore(parent).at(-1);
          const isDocstring = above?.type === 'Block' && above.value.startsWith('*');
          if (isDocstring && above.loc.end.line + 1 === parent.loc.start.line) return;
          context.report({ node: id, messageId: 'missing', data: { name: id.name } });
        },
      }),
    },
  },
};

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'native-shim/build', '**/node_modules', '**/*.cjs'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': ['error', { selector: 'TSEnumDeclaration', message: 'Use an `as const` object.' }],
    },
  },
  {
    files: ['src/address/**', 'src/wire/**', 'src/text/**', 'src/record/**', 'src/trace/**'],
    rules: {
      'no-restricted-globals': ['error', ...impure],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time comes in as an argument.' },
        { object: 'Math', property: 'random', message: 'Randomness comes in as an argument.' },
      ],
    },
  },
  {
    // A file of the measurement is read in one sitting: comments and blank lines are read too.
    files: ['src/record/**', 'src/trace/**'],
    rules: { 'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }] },
  },
  {
    files: ['src/**'],
    plugins: { docstrings },
    rules: { 'docstrings/exported': 'error' },
  },
  {
    files: ['test/**', 'bench/**', '*.config.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-restricted-exports': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
  },
);
