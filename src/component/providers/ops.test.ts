import { expect, test } from "vitest";
import { createFlyServer } from "./fly/server.fixture.js";
import { providerFor } from "./ops.js";

test("makes a Fly provider for the app, with the given token and address", async () => {
  const server = createFlyServer({ app: "workers", now: () => 0 });
  const credentials = { token: "abc", baseUrl: "http://localhost:9" };
  const provider = providerFor({ kind: "fly", appName: "workers" }, credentials, {
    fetch: server.fetch,
  });
  expect(provider.kind).toBe("fly");
  expect(await provider.listMachines()).toEqual([]);
  expect(server.requests[0]).toMatchObject({ path: "/v1/apps/workers/machines" });
  expect(server.requests[0]?.headers.get("authorization")).toBe("Bearer abc");
});

test.each(["runpod", "ecs", ""])("the kind %j is not supported", (kind) => {
  expect(() => providerFor({ kind, appName: "workers" }, { token: "abc" })).toThrow(
    expect.objectContaining({
      data: { code: "PROVIDER_UNSUPPORTED", message: `Unsupported provider '${kind}'` },
    }),
  );
});
