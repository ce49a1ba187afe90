/** The receiving end: what users really got, in the order in which they got it; in Telegram's chats and in those of the app. */
import type { World } from "./world.js";

export type Reply = { chat: string; messageId: string; part: number; text: string; at: number };
export type SendResult = "sent" | "lost" | "limited";

const TELEGRAM_CHAT = /^telegram:(\d+):(-?\d+)$/;

export class Chats {
  readonly replies: Reply[] = [];

  constructor(readonly world: World) {}

  /**
   * `lost`: the user has it, the sender does not know. `limited`: refused, the user does not have it. `token`: the bot's,
   * as the worker was given it.
   */
  async send(reply: Omit<Reply, "at">, token: string | null, key: string): Promise<SendResult> {
    const { world } = this;
    if (world.strike("send429", key)) return "limited";
    const [, bot, chatId] = TELEGRAM_CHAT.exec(reply.chat) ?? [];
    if (chatId !== undefined) {
      const { status } = await world.telegram.handle({
        ...{ method: "POST", url: `https://api.telegram.org/bot${token}/sendMessage` },
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ chat_id: Number(chatId), text: reply.text }),
      });
      if (status !== 200 || token?.startsWith(`${bot}:`) !== true)
        world.violate(
          "replies leave from the bot of their chat",
          `${reply.chat} of bot ${bot}: ${status}`,
        );
    }
    this.replies.push({ ...reply, at: world.clock.now() });
    return world.strike("sendLost", key) ? "lost" : "sent";
  }

  countOf(messageId: string, part: number): number {
    return this.replies.filter((r) => r.messageId === messageId && r.part === part).length;
  }

  /** What the people in Telegram's chats see is what was sent there. */
  checkShown(botIdentity: string): void {
    const { world } = this;
    const sent = this.replies.filter(({ chat }) => chat.startsWith(`telegram:${botIdentity}:`));
    const shown = world.telegram.control.sent(Number(botIdentity));
    const same = sent.every(({ text, chat }, n) => {
      const there = shown[n];
      return there?.text === text && chat.endsWith(`:${there.chatId}`);
    });
    if (!same || sent.length !== shown.length)
      world.violate("the chats show what was sent", `${shown.length} messages of ${sent.length}`);
  }
}
