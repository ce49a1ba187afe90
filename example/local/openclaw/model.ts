/**
 * A model on this machine that speaks OpenAI's chat completions. What the user says decides what it does: `TOOL`, `USE`,
 * `HANG`, `SLOW <ms>`, `STATUS <code>`; otherwise it repeats the message and counts the ones before it.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";

/** How OpenClaw goes on with a turn by itself, after a model's error: the text of the turn stands before it. */
const RESUMED = /^Continue the current task from/;

const requestSchema = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.unknown().optional() })),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).default([]),
});
type Message = z.infer<typeof requestSchema>["messages"][number];

export type LocalModel = {
  /** Ends with `/v1`. */
  url: string;
  /** The user's texts, one for each call. */
  calls: string[];
  /** Everything of the last call. */
  lastPrompt(): string;
  /** The names of the tools that the last call offered. */
  lastTools(): string[];
  /** The keys that callers came with. */
  keys: Set<string>;
  close(): Promise<void>;
};

export async function startLocalModel(): Promise<LocalModel> {
  const calls: string[] = [];
  let lastPrompt = "";
  let lastTools: string[] = [];
  const keys = new Set<string>();
  const server = createServer((request, response) => {
    keys.add(request.headers.authorization ?? "");
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const parsed = requestSchema.safeParse(JSON.parse(body || "null"));
      if (!parsed.success) return void response.writeHead(400).end("{}");
      const said = userTexts(parsed.data.messages);
      calls.push(said.at(-1) ?? "");
      lastPrompt = body;
      lastTools = parsed.data.tools.map((tool) => tool.function.name);
      void answer(parsed.data.messages, said, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}/v1`, calls, keys },
    lastPrompt: () => lastPrompt,
    lastTools: () => lastTools,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  messages: Message[],
  said: string[],
  response: ServerResponse,
): Promise<void> {
  const text = said.at(-1) ?? "";
  // OpenClaw puts the text of a turn that was aborted in front of the next one.
  const asked = text.split("\n").findLast((line) => line !== "" && !RESUMED.test(line)) ?? "";
  if (asked.includes("HANG")) return;
  const status = /STATUS (\d{3})/.exec(asked)?.[1];
  if (status !== undefined) {
    const wait = Number(status) < 500 ? { "retry-after": "90" } : {};
    const headers = { "content-type": "application/json", ...wait };
    const body = { error: { message: `local model says ${status}`, type: "local" } };
    return void response.writeHead(Number(status), headers).end(JSON.stringify(body));
  }
  const slow = /slow (\d+)/i.exec(text)?.[1];
  if (slow !== undefined) await new Promise((resolve) => setTimeout(resolve, Number(slow)));
  const result = toolResult(messages);
  const call = toolCallOf(text);
  if (call !== null && result === null)
    return stream(response, {
      tool_calls: [
        { ...{ index: 0, id: `call_${messages.length}`, type: "function" }, function: call },
      ],
    });
  const earlier = said.slice(0, -1);
  const last = earlier.at(-1);
  stream(response, {
    content:
      result === null
        ? `You said: "${text}". I remember ${earlier.length} earlier${last === undefined ? "" : `; the last one was: "${last}"`}.`
        : `The tool said: ${result}`,
  });
}

/** `TOOL <command>` is a call of `exec`, `USE <tool> <arguments>` one of any tool. */
function toolCallOf(text: string): { name: string; arguments: string } | null {
  const command = /TOOL (.+)$/m.exec(text)?.[1];
  if (command !== undefined) return { name: "exec", arguments: JSON.stringify({ command }) };
  const [, name, args] = /USE (\w+) (\{.*\})$/m.exec(text) ?? [];
  return name === undefined || args === undefined ? null : { name, arguments: args };
}

/** Of the tool that was called for the last text; OpenClaw may add context behind it. */
function toolResult(messages: Message[]): string | null {
  const asked = messages.findLastIndex((message) => userTexts([message]).length > 0);
  const result = messages.slice(asked).findLast(({ role }) => role === "tool");
  return result === undefined ? null : plain(result.content);
}

/** What the person said, without what OpenClaw adds around it. */
function userTexts(messages: Message[]): string[] {
  return messages
    .filter(({ role }) => role === "user")
    .map(({ content }) => plain(content))
    .filter((text) => !text.includes("OPENCLAW_INTERNAL_CONTEXT") && !/<turn_aborted>/.test(text))
    .map((text) =>
      text.replace(/^\[[A-Z][a-z]{2} [^\]]*\]\s*/, "").replace(/\n\nRuntime: .*$/s, ""),
    )
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

function plain(content: unknown): string {
  if (typeof content === "string") return content;
  const blocks = z.array(z.object({ text: z.string().optional() })).safeParse(content).data ?? [];
  return blocks.map(({ text }) => text ?? "").join("");
}

function stream(response: ServerResponse, delta: object): void {
  const chunk = (part: object, finish: string | null) =>
    `data: ${JSON.stringify({
      ...{ id: "local", object: "chat.completion.chunk", created: 1, model: "local-1" },
      choices: [{ index: 0, delta: part, finish_reason: finish }],
    })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk({ role: "assistant", ...delta }, null));
  response.end(`${chunk({}, "tool_calls" in delta ? "tool_calls" : "stop")}data: [DONE]\n\n`);
}
