import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

const KEPT_MESSAGES = 20;

const memorySchema = z.object({
  turns: z.number(),
  messages: z.array(z.object({ messageId: z.string(), turn: z.number(), text: z.string() })),
});
export type EchoMemory = z.infer<typeof memorySchema>;

export const EMPTY_MEMORY: EchoMemory = { turns: 0, messages: [] };

/** The memory with this message in it, and how many came before it. A message counts once. */
export function remember(
  memory: EchoMemory,
  messageId: string,
  text: string,
): { memory: EchoMemory; earlier: number; previous: string | null } {
  const known = memory.messages.find((message) => message.messageId === messageId);
  const turn = known?.turn ?? memory.turns + 1;
  const previous = memory.messages.findLast((message) => message.turn < turn)?.text ?? null;
  if (known) return { memory, earlier: turn - 1, previous };
  const messages = [...memory.messages, { messageId, turn, text }].slice(-KEPT_MESSAGES);
  return { memory: { turns: turn, messages }, earlier: turn - 1, previous };
}

/** What the file holds; empty when there is none. A damaged file is an error, not a fresh start. */
export async function readMemory(file: string): Promise<EchoMemory> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return EMPTY_MEMORY;
    throw error;
  }
  return memorySchema.parse(JSON.parse(text));
}

/** Replaces the file in one step: a crash leaves the old or the new one. */
export async function writeMemory(file: string, memory: EchoMemory): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(memory, null, 2));
  await rename(`${file}.new`, file);
}
