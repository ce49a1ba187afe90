import { defineConfig } from "vitest/config";

/** Needs Chromium (`CHROMIUM_PATH`, /usr/bin/chromium by default) and a build, so it is no part of `npm test`. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
