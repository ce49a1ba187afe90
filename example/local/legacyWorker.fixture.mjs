/**
 * A worker that makes the calls of the 3.x image and nothing else: CONVEX_URL + /api/…, no header, no call that 3.x
 * does not know. It answers "Processed: <text>" and keeps its turns in <data>/workspace/turns.txt.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const { CONVEX_URL, WORKER_ID, WORKSPACE_ID, OPENCLAW_CONVERSATION_ID, OPENCLAW_AGENT_KEY } =
  process.env;
const data = process.env.AGENT_FACTORY_DATA_DIR;
const turnsFile = join(data, "workspace/turns.txt");
let shuttingDown = false;
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => (shuttingDown = true));

async function convex(kind, name, args) {
  const response = await fetch(`${CONVEX_URL}/api/${kind}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ path: `agentFactory:${name}`, args }),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`Convex ${kind} ${name} failed [${response.status}]: ${body}`);
  const parsed = JSON.parse(body);
  if (parsed.status === "error") throw new Error(parsed.errorMessage);
  return parsed.value;
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function bootstrap() {
  mkdirSync(join(data, "workspace"), { recursive: true });
  mkdirSync(join(data, ".clawdbot"), { recursive: true });
  const snapshot = await convex("query", "workerLatestSnapshotForRestore", {
    workspaceId: WORKSPACE_ID,
    agentKey: OPENCLAW_AGENT_KEY ?? "default",
    conversationId: OPENCLAW_CONVERSATION_ID,
  });
  if (snapshot !== null) {
    const bytes = Buffer.from(await (await fetch(snapshot.downloadUrl)).arrayBuffer());
    if (createHash("sha256").update(bytes).digest("hex") !== snapshot.sha256)
      throw new Error("checksum");
    const archive = join(data, "restore.tar.gz");
    writeFileSync(archive, bytes);
    execFileSync("tar", ["-xzf", archive, "-C", data]);
    rmSync(archive);
  }
  const manifest = await convex("query", "workerGlobalSkillsManifest", {
    workspaceId: WORKSPACE_ID,
    workerId: WORKER_ID,
    releaseChannel: "stable",
  });
  if (!Array.isArray(manifest.skills)) throw new Error("no skills manifest");
}

function turns() {
  try {
    return readFileSync(turnsFile, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

async function work(job) {
  const bundle = await convex("query", "workerHydrationBundle", {
    messageId: job.messageId,
    workspaceId: WORKSPACE_ID,
  });
  if (bundle === null) throw new Error("hydration failed");
  const lease = { workerId: WORKER_ID, messageId: job.messageId, leaseId: job.leaseId };
  await convex("mutation", "workerHeartbeat", lease);
  const text = bundle.payload.messageText;
  const earlier = turns();
  writeFileSync(turnsFile, [...earlier, text].join("\n"));
  await convex("mutation", "workerAppendConversationMessages", {
    conversationId: job.conversationId,
    workspaceId: WORKSPACE_ID,
    messages: [
      { role: "user", content: text, at: Date.now() },
      {
        role: "assistant",
        content: `Processed: ${text} (${earlier.length} earlier)`,
        at: Date.now(),
      },
    ],
  });
  await convex("mutation", "workerComplete", lease);
}

async function snapshot(reason) {
  const { snapshotId, uploadUrl } = await convex("mutation", "workerPrepareSnapshotUpload", {
    workerId: WORKER_ID,
    workspaceId: WORKSPACE_ID,
    agentKey: OPENCLAW_AGENT_KEY ?? "default",
    conversationId: OPENCLAW_CONVERSATION_ID,
    reason,
  });
  const archive = join(data, "snapshot.tar.gz");
  execFileSync("tar", ["-czf", archive, "-C", data, ".clawdbot", "workspace"]);
  const bytes = readFileSync(archive);
  const response = await fetch(uploadUrl, {
    method: "POST",
    headers: { "Content-Type": "application/gzip" },
    body: bytes,
  });
  const { storageId } = await response.json();
  await convex("mutation", "workerFinalizeSnapshotUpload", {
    workerId: WORKER_ID,
    snapshotId,
    storageId,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.length,
  });
}

await bootstrap();
while (!shuttingDown) {
  try {
    if ((await convex("query", "workerControlState", { workerId: WORKER_ID })).shouldStop) break;
    const job = await convex("mutation", "workerClaim", {
      workerId: WORKER_ID,
      conversationId: OPENCLAW_CONVERSATION_ID,
    });
    if (job === null) {
      await convex("query", "workerConversationHasQueued", {
        conversationId: OPENCLAW_CONVERSATION_ID,
      });
      await sleep(200);
    } else await work(job);
  } catch (error) {
    console.error(String(error));
    await sleep(500);
  }
}
await snapshot("signal");
process.exit(0);
