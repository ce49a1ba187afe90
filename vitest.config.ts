import { defineConfig } from "vitest/config";

const alias = {
  "@okrlinkhub/agent-factory/test": new URL("./src/test.ts", import.meta.url).pathname,
  "@okrlinkhub/agent-factory/worker": new URL("./src/worker/index.ts", import.meta.url).pathname,
  "@okrlinkhub/agent-factory/convex.config.js": new URL(
    "./src/component/convex.config.ts",
    import.meta.url,
  ).pathname,
  "@okrlinkhub/agent-factory": new URL("./src/client/index.ts", import.meta.url).pathname,
};

export default defineConfig({
  test: {
    // Vitest keeps one core free for its watcher; a run has none.
    maxWorkers: "100%",
    projects: [
      {
        resolve: { alias },
        test: {
          name: "convex",
          environment: "edge-runtime",
          include: [
            "src/{component,client,shared,scenarios}/**/*.test.ts",
            "example/convex/**/*.test.ts",
          ],
          // Shared fixtures: the name keeps them out of Convex's bundle, they hold no tests.
          exclude: ["**/setup.test.ts", "**/node_modules/**"],
          server: { deps: { inline: ["convex-test"] } },
          testTimeout: 30_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "node",
          benchmark: { include: [] },
          environment: "node",
          include: [
            "src/*.test.ts",
            "src/worker/**/*.test.ts",
            "src/cli/**/*.test.ts",
            "example/{local,bench}/**/*.test.ts",
            ".ci/**/*.test.ts",
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
