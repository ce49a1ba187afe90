/**
 * Stands between the functions and convex-test: notes what is read and written (by table), and does
 * what convex-test leaves out or gets wrong about files and scheduling.
 */
import { convexToJson } from "convex/values";
import { currentExecution, whileScheduling, type Host } from "./hooks.js";
import type { Files } from "./files.js";
import type { JwtSigner, SignRequest } from "./jwt.js";
import type { FunctionPath, Runtime } from "./runtime.js";

export interface TapOptions {
  runtime: Runtime;
  files: Files;
  signer: JwtSigner;
  /** A function has written to `table`; its transaction may not have ended yet. */
  onWrite: (table: string) => void;
}

interface QuerySource {
  source: { type: "FullTableScan"; tableName: string } | { type: "other"; indexName: string };
}

const WRITES = new Set(["1.0/insert", "1.0/shallowMerge", "1.0/replace", "1.0/remove"]);
const SCHEDULING = new Set(["1.0/schedule", "1.0/actions/schedule"]);
const CANCELING = new Set(["1.0/cancel_job", "1.0/actions/cancel_job"]);

export function tapSyscalls({ runtime, files, signer, onWrite }: TapOptions): Host {
  const real = runtime.host;

  const current = async (): Promise<FunctionPath> => {
    const json = await real.asyncSyscall("1.0/getFunctionMetadata", "{}");
    const { name, componentPath } = JSON.parse(json) as { name: string; componentPath: string };
    return { componentPath, udfPath: name };
  };

  /**
   * In an action, convex-test lets a file operation join whatever transaction is running elsewhere
   * at that moment, and undoes it with that transaction: it gets one of its own instead.
   */
  const ownTransaction = async (): Promise<string | undefined> => {
    const path = await current();
    return (await runtime.isAction(path)) ? path.componentPath : undefined;
  };

  const noteQuery = (query: QuerySource) => {
    const { source } = query;
    const table =
      source.type === "FullTableScan" ? source.tableName : source.indexName.split(".", 1)[0];
    currentExecution()?.trace?.tables.add(table ?? "");
  };

  const queryPage = async (op: string, json: string): Promise<string> => {
    const args = JSON.parse(json) as { query: QuerySource; endCursor?: string | null };
    noteQuery(args.query);
    const trace = currentExecution()?.trace;
    if (trace === undefined) return real.asyncSyscall(op, json);
    if (trace.journal !== null) args.endCursor = trace.journal;
    const page = await real.asyncSyscall(op, JSON.stringify(args));
    trace.newJournal = (JSON.parse(page) as { continueCursor: string }).continueCursor;
    return page;
  };

  const getDocument = async (op: string, json: string): Promise<string> => {
    const args = JSON.parse(json) as { table?: string; id: string };
    const table = tableOf(args);
    currentExecution()?.trace?.tables.add(table);
    const found = await real.asyncSyscall(op, json);
    if (table !== "_storage" || found === "null") return found;
    const { type } = (await real.jsSyscall("storage/getBlob", { storageId: args.id })) as Blob;
    return type === ""
      ? found
      : JSON.stringify({ ...(JSON.parse(found) as object), contentType: type });
  };

  const storeBlob = async (args: Record<string, unknown>): Promise<unknown> => {
    onWrite("_storage");
    const componentPath = await ownTransaction();
    if (componentPath === undefined) return real.jsSyscall("storage/storeBlob", args);
    return runtime.transaction(componentPath, (ctx) => ctx.storage.store(args.blob as Blob));
  };

  const storage = async (op: string, json: string): Promise<string | undefined> => {
    const args = JSON.parse(json) as { storageId: string; blob: string; contentType: string };
    const { storageId } = args;
    switch (op) {
      case "1.0/storageGenerateUploadUrl":
        return JSON.stringify(files.uploadUrl((await current()).componentPath));
      case "1.0/storageGetUrl": {
        currentExecution()?.trace?.tables.add("_storage");
        if ((await real.asyncSyscall(op, json)) === "null") return "null";
        return JSON.stringify(files.downloadUrl((await current()).componentPath, storageId));
      }
      case "1.0/storageGetMetadata": {
        const found = await getDocument("1.0/get", JSON.stringify({ id: storageId }));
        if (found === "null") return found;
        const { sha256, size, contentType } = JSON.parse(found) as Record<string, unknown>;
        return JSON.stringify({ storageId, sha256, size, contentType: contentType ?? null });
      }
      case "1.0/storageStore": {
        const blob = new Blob([Buffer.from(args.blob, "base64")], { type: args.contentType });
        return JSON.stringify(convexToJson((await storeBlob({ blob })) as string));
      }
      case "1.0/storageGet": {
        const blob = (await real.jsSyscall("storage/getBlob", { storageId })) as Blob | null;
        if (blob === null) return "null";
        const bytes = Buffer.from(await blob.arrayBuffer()).toString("base64");
        return JSON.stringify({ blob: bytes, contentType: blob.type || null });
      }
      case "1.0/storageDelete": {
        onWrite("_storage");
        const componentPath = await ownTransaction();
        if (componentPath === undefined) return undefined;
        await runtime.transaction(componentPath, (ctx) => ctx.storage.delete(storageId));
        return "{}";
      }
      default:
        return undefined;
    }
  };

  return {
    syscall: (op, json) => {
      if (op === "1.0/queryStream") noteQuery((JSON.parse(json) as { query: QuerySource }).query);
      return real.syscall(op, json);
    },
    asyncSyscall: async (op, json) => {
      const execution = currentExecution();
      if (op === "1.0/get") return getDocument(op, json);
      if (op === "1.0/signJwt") return JSON.stringify(signer.sign(JSON.parse(json) as SignRequest));
      if (op === "1.0/queryPage") return queryPage(op, json);
      if (op.startsWith("1.0/storage")) {
        return (await storage(op, json)) ?? real.asyncSyscall(op, json);
      }
      if (WRITES.has(op)) onWrite(tableOf(JSON.parse(json) as { table?: string; id: string }));
      if (SCHEDULING.has(op) || CANCELING.has(op)) onWrite("_scheduled_functions");
      if (SCHEDULING.has(op) && execution !== undefined) {
        return whileScheduling(execution, () => real.asyncSyscall(op, json));
      }
      return real.asyncSyscall(op, json);
    },
    jsSyscall: (op, args) =>
      op === "storage/storeBlob" ? storeBlob(args) : real.jsSyscall(op, args),
  };
}

/** convex-test's ids are a counter followed by the name of the table. */
function tableOf(args: { table?: string; id: string }): string {
  return args.table ?? args.id.replace(/^[0-9]+/, "");
}
