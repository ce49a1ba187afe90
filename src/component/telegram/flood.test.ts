import { expect, test } from "vitest";
import { sha256Hex } from "../kit/random.js";
import { ingestUpdate } from "./ingest.js";
import { memoryCtx } from "./memoryDb.fixture.js";

const UPDATES = 10_000;

/** Mulberry32: the same run every time. */
function random(seed: number) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

test("10,000 updates, each 1 to 5 times, in any order, give exactly 10,000 messages", async () => {
  const next = random(11);
  const { ctx, all } = memoryCtx();
  const secretHash = await sha256Hex("secret");
  await ctx.db.insert("telegramBots", {
    botIdentity: "42",
    webhookSecretHash: secretHash,
    updatedAt: 0,
  });
  await ctx.db.insert("agentProfiles", {
    agentKey: "a",
    version: "1",
    secretsRef: [],
    enabled: true,
    botIdentity: "42",
  });
  const bodies = Array.from({ length: UPDATES }, (_, i) => {
    const id = 1 + Math.floor(next() * 400);
    return JSON.stringify({
      update_id: 5_000_000 + i,
      message: { message_id: i, chat: { id, type: "private" }, from: { id }, text: `text ${i}` },
    });
  });
  const deliveries = bodies
    .flatMap((body) => Array.from({ length: 1 + Math.floor(next() * 5) }, () => body))
    .map((body) => ({ body, at: next() }))
    .sort((a, b) => a.at - b.at);
  expect(deliveries.length).toBeGreaterThan(2 * UPDATES);

  let now = 1_800_000_000_000;
  for (const { body } of deliveries) {
    now += 3;
    const outcome = await ingestUpdate(
      ctx,
      {
        credentials: { botIdentity: "42", secretHash },
        body,
        tooLarge: false,
        options: {
          resolveAgentKeyFromBinding: true,
          fallbackAgentKey: "default",
          requireBinding: false,
          allowUnsigned: false,
        },
      },
      now,
    );
    expect(outcome).toEqual({ kind: "accepted" });
  }
  const texts = all("messageQueue").map(
    (row) => (row["payload"] as { messageText: string }).messageText,
  );
  expect(texts).toHaveLength(UPDATES);
  expect(new Set(texts).size).toBe(UPDATES);
}, 120_000);
