import { describe, expect, it } from "vitest";
import type { ProviderConfig } from "../config.js";
import { assertProviderConfig, findProviderConfigProblem } from "./providerConfig.js";

const CONFIG: ProviderConfig = {
  kind: "fly",
  appName: "agent-workers",
  organizationSlug: "personal",
  image: "registry.fly.io/agent-workers:v1",
  region: "iad",
  volumeName: "openclaw_data",
  volumePath: "/data",
  volumeSizeGb: 10,
};
const problemOf = (changes: Partial<ProviderConfig>) =>
  findProviderConfigProblem({ ...CONFIG, ...changes });

describe("findProviderConfigProblem", () => {
  it.each<[string, Partial<ProviderConfig>]>([
    ["the eight fields of 3.x", {}],
    ["an image by digest", { image: `ghcr.io/o/i@sha256:${"a".repeat(64)}` }],
    ["a volume prefix with dashes, as 3.x took it", { volumeName: "openclaw-data" }],
    ["https", { apiBaseUrl: "https://api.machines.dev/v1" }],
    ["http on localhost", { apiBaseUrl: "http://localhost:4280" }],
    ["http on 127.0.0.1", { apiBaseUrl: "http://127.0.0.1:4280/v1" }],
    ["http on ::1", { apiBaseUrl: "http://[::1]:4280" }],
    ["the shortest and longest grace", { stopTimeoutSeconds: 300 }],
    ["a small guest", { guest: { cpuKind: "shared", cpus: 1, memoryMb: 256 } }],
    ["a large guest", { guest: { cpuKind: "performance", cpus: 16, memoryMb: 131_072 } }],
  ])("accepts %s", (_name, changes) => {
    expect(problemOf(changes)).toBeNull();
  });

  it.each(["runpod", "ecs"] as const)("refuses kind %s before anything else", (kind) => {
    expect(problemOf({ kind, appName: "" })).toEqual({
      code: "PROVIDER_UNSUPPORTED",
      field: "kind",
      message: `Unsupported provider '${kind}'`,
    });
  });

  it.each<[string, Partial<ProviderConfig>]>([
    ["appName", { appName: "" }],
    ["organizationSlug", { organizationSlug: "  " }],
    ["image", { image: "" }],
    ["region", { region: "" }],
    ["volumeName", { volumeName: "" }],
    ["volumePath", { volumePath: "" }],
    ["volumeSizeGb", { volumeSizeGb: 0 }],
    ["volumeSizeGb", { volumeSizeGb: NaN }],
    ["volumeSizeGb", { volumeSizeGb: Infinity }],
  ])("names the missing field %s", (field, changes) => {
    expect(problemOf(changes)).toEqual({
      code: "CONFIG_INCOMPLETE",
      field,
      message: `Missing providerConfig.${field}. Pass providerConfig explicitly when starting/reconciling workers.`,
    });
  });

  it.each<[string, Partial<ProviderConfig>]>([
    ["appName", { appName: "../machines" }],
    ["appName", { appName: "Upper" }],
    ["appName", { appName: "a/b" }],
    ["appName", { appName: "a".repeat(64) }],
    ["region", { region: "iad,eu" }],
    ["region", { region: "IAD" }],
    ["image", { image: "an image" }],
    ["volumeName", { volumeName: "my data" }],
    ["volumePath", { volumePath: "data" }],
    ["volumePath", { volumePath: "/" }],
    ["volumePath", { volumePath: "/data/../etc" }],
    ["volumeSizeGb", { volumeSizeGb: 1.5 }],
    ["volumeSizeGb", { volumeSizeGb: 501 }],
    ["stopTimeoutSeconds", { stopTimeoutSeconds: 0 }],
    ["stopTimeoutSeconds", { stopTimeoutSeconds: 301 }],
    ["apiBaseUrl", { apiBaseUrl: "http://api.machines.dev" }],
    ["apiBaseUrl", { apiBaseUrl: "http://localhost.evil.test" }],
    ["apiBaseUrl", { apiBaseUrl: "http://localhost@evil.test" }],
    ["apiBaseUrl", { apiBaseUrl: "https://user:pass@api.test" }],
    ["apiBaseUrl", { apiBaseUrl: "ftp://127.0.0.1" }],
    ["apiBaseUrl", { apiBaseUrl: "api.machines.dev" }],
    ["restartMaxRetries", { restartMaxRetries: 0 }],
    ["fallbackRegions", { fallbackRegions: ["ams", "x/y"] }],
    ["fallbackRegions", { fallbackRegions: Array.from({ length: 11 }, () => "ams") }],
    ["prices.volumeGbUsd", { prices: { volumeGbUsd: -1 } }],
    ["prices.rootfsGb", { prices: { rootfsGb: Number.NaN } }],
    ["guest.cpus", { guest: { cpuKind: "shared", cpus: 3, memoryMb: 768 } }],
    ["guest.cpus", { guest: { cpuKind: "shared", cpus: 16, memoryMb: 4_096 } }],
    ["guest.memoryMb", { guest: { cpuKind: "shared", cpus: 1, memoryMb: 300 } }],
    ["guest.memoryMb", { guest: { cpuKind: "shared", cpus: 1, memoryMb: 2_304 } }],
    ["guest.memoryMb", { guest: { cpuKind: "performance", cpus: 1, memoryMb: 2_560 } }],
    ["guest.memoryMb", { guest: { cpuKind: "performance", cpus: 2, memoryMb: 2_048 } }],
  ])("refuses a bad %s: %j", (field, changes) => {
    const problem = problemOf(changes);
    expect(problem).toMatchObject({ code: "INVALID_ARGUMENT", field });
    expect(problem?.message).toContain(`providerConfig.${field} must be`);
  });
});

it("assertProviderConfig throws the problem as an error with code and field", () => {
  expect(() => assertProviderConfig({ ...CONFIG, region: "" })).toThrow(
    expect.objectContaining({
      data: expect.objectContaining({ code: "CONFIG_INCOMPLETE", field: "region" }),
    }),
  );
});
