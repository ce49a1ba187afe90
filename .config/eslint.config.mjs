/**
 * The architecture as lint: rooms in dependency order, one door per room, pure files that know no context, clock
 * or network, and bounded reads. Every message says where the code belongs instead.
 */
import js from "@eslint/js";
import convexPlugin from "@convex-dev/eslint-plugin";
import globals from "globals";
import tseslint from "typescript-eslint";

/** A room may import only rooms above it in this list, through their `ops.js` or `validators.js`. */
export const ROOMS = [
  "settings",
  "secrets",
  "agents",
  "trail",
  "skills",
  "identity",
  "snapshots",
  "conversations",
  "workers",
  "queue",
  "hydration",
  "providers",
  "scheduler",
  "cleanup",
  "gateway",
  "telegram",
  "userAgents",
  "messageTemplates",
  "push",
  "views",
  "upgrade",
  "retention",
];

/** Vocabulary that earlier rooms may share with later ones: words only, no behaviour. */
const WORDS = "validators";
/** Doors beside `ops` that a room offers to later ones. */
const DOORS = ["ops", "validators", "control", "snapshotUploads", "machine", "protocol"];

const PURE_FILES = [
  "validators",
  "machine",
  "plan",
  "wakeups",
  "environment",
  "order",
  "retry",
  "transcript",
  "bundle",
  "policy",
  "lineage",
  "invariants",
  "manifest",
  "paths",
  "protocol",
  "schedule",
  "explanation",
].map((name) => `src/component/*/${name}.ts`);

function roomRules(room) {
  const later = ROOMS.slice(ROOMS.indexOf(room) + 1);
  const patterns = [
    {
      regex: `^\\.\\./(?!kit/|_generated/|\\.\\./)[^/]+/(?!(${DOORS.join("|")})\\.js$)`,
      message: "Enter another room through its ops.js (verbs) or validators.js (words) only.",
    },
    {
      regex: "^\\.\\./_generated/server(\\.js)?$",
      message: "Take builders and context types from ../kit/functions.js.",
    },
  ];
  if (later.length > 0)
    patterns.push({
      regex: `^\\.\\./(${later.join("|")})/(?!${WORDS}\\.js$)`,
      message: `'${room}' may not depend on a later room. Move the code there, or signal through kit/wake.`,
    });
  return {
    files: [`src/component/${room}/**/*.ts`],
    ignores: ["**/*.test.ts", "**/*.conformance.ts", "**/*.fixture.ts", "**/*.bench.ts"],
    rules: { "no-restricted-imports": ["error", { patterns }] },
  };
}

const bounded = [
  {
    selector: "CallExpression[callee.property.name='collect'][arguments.length=0]",
    message: "collect() reads without bound. Use take(n) with a named constant.",
  },
  {
    selector: "CallExpression[callee.property.name='paginate']",
    message: "paginate() does not work inside components. Read a bounded page by index.",
  },
  {
    selector:
      "CallExpression[callee.property.name='filter'] > ArrowFunctionExpression > Identifier.params[name='q']",
    message: "filter() reads what it drops. Use an index with equality on the leading fields.",
  },
  {
    selector: "CallExpression[callee.property.name='generateKey']",
    message: "generateKey throws in queries and mutations. Import random bytes as a key.",
  },
  {
    selector: "ExpressionStatement[directive='use node']",
    message: "Components cannot contain Node modules.",
  },
];

export default tseslint.config(
  {
    ignores: ["**/node_modules", "dist", "**/_generated", "coverage", ".ci/smoke", "example/dist"],
  },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { globals: { ...globals.node } },
    rules: {
      "max-lines": ["error", { max: 400 }],
      "no-console": "error",
      eqeqeq: "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/ban-ts-comment": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      "@typescript-eslint/no-dynamic-delete": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
    },
  },
  {
    files: ["src/**/*.ts", "example/**/*.{ts,tsx}"],
    ignores: ["example/convex/**"],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: new URL("..", import.meta.url).pathname,
      },
    },
    rules: { "@typescript-eslint/no-floating-promises": "error" },
  },
  {
    files: ["src/component/**/*.ts"],
    ignores: ["**/*.test.ts"],
    plugins: { "@convex-dev": convexPlugin },
    rules: {
      "@convex-dev/no-old-registered-function-syntax": "error",
      "@convex-dev/require-args-validator": "error",
      "@convex-dev/explicit-table-ids": "error",
      "@convex-dev/import-wrong-runtime": "error",
      "@convex-dev/no-filter-in-query": "error",
      "@convex-dev/no-collect-in-query": "error",
      "no-restricted-syntax": ["error", ...bounded],
      "no-restricted-globals": [
        "error",
        { name: "process", message: "Read env from kit/functions.js inside a handler." },
        { name: "Buffer", message: "There is no Buffer in the Convex runtime. Use Uint8Array." },
      ],
    },
  },
  ...ROOMS.map(roomRules),
  {
    files: PURE_FILES,
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: "(_generated|convex/server|kit/functions|/store\\.js$|/ops\\.js$)",
              allowTypeImports: true,
              message:
                "Pure files decide; they know no context and read nothing. Load in ops.ts and pass facts in.",
            },
          ],
        },
      ],
      "no-restricted-globals": [
        "error",
        { name: "Date", message: "Take `now` as an argument." },
        { name: "fetch", message: "Pure files talk to nobody. Do it in an effect." },
        { name: "setTimeout", message: "Pure files wait for nothing." },
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Take `random` as an argument." },
        {
          object: "crypto",
          property: "getRandomValues",
          message: "Take randomness as an argument.",
        },
      ],
    },
  },
  {
    files: ["src/client/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex:
                "component/(?!_generated/component\\.js$|config\\.js$|[^/]+/(validators|protocol)\\.js$)",
              message:
                "The client knows the component by its types, its words and its config only.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["src/worker/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: "(^|/)(component|client)/(?!.*validators\\.js$)",
              message: "The worker uses the component only over HTTP.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["src/component/kit/logging.ts", "src/worker/log.ts", "example/**", ".ci/**"],
    rules: { "no-console": "off" },
  },
  {
    files: ["**/*.test.ts", "**/*.conformance.ts", "**/*.fixture.ts", "**/*.bench.ts"],
    rules: {
      "max-lines": ["error", { max: 800 }],
      "@typescript-eslint/no-non-null-assertion": "off",
      "no-console": "off",
    },
  },
  { files: ["**/*.mjs"], languageOptions: { globals: { ...globals.node } } },
);
