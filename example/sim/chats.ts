/** The receiving end: what users really got, in the order in which they got it. */
import type { World } from "./world.js";

export type Reply = { chat: string; messageId: string; part: number; text: string; at: number };
export type SendResult = "sent" | "lost" | "limited";

export class Chats {
  readonly replies: Reply[] = [];

  constructor(readonly world: World) {}

  /** `lost`: the user has it, the sender does not know. `limited`: refused, the user does not have it. */
  send(reply: Omit<Reply, "at">, key: string): SendResult {
    const { world } = this;
    if (world.strike("send429", key)) return "limited";
    this.replies.push({ ...reply, at: world.clock.now() });
    return world.strike("sendLost", key) ? "lost" : "sent";
  }

  countOf(messageId: string, part: number): number {
    return this.replies.filter((r) => r.messageId === messageId && r.part === part).length;
  }
}
