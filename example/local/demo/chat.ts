/** The app's side of the demo: sends through the public API with the official client, reads the answers. */
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";

/** The local deployment believes the claims of a token; a real one verifies its signature. */
export function localIdentity(subject: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "none" })}.${encode({ iss: "https://local", sub: subject })}.x`;
}

export const DEMO_USER = "demo-user";

/** The demo user's conversation with an agent; the example app gives everybody the ids that start like this. */
export function conversationOf(agentKey: string): string {
  return `chat:${DEMO_USER}:${agentKey}`;
}

export type Answer = { role: string; content: string; at: number };

export class Chat {
  readonly #client: ConvexHttpClient;

  constructor(cloudUrl: string, subject: string) {
    this.#client = new ConvexHttpClient(cloudUrl);
    this.#client.setAuth(localIdentity(subject));
  }

  async send(conversationId: string, agentKey: string, messageText: string): Promise<string> {
    const id: unknown = await this.#client.mutation(anyApi["agentFactory"]!["enqueue"]!, {
      conversationId,
      agentKey,
      provider: "system_push",
      providerUserId: DEMO_USER,
      messageText,
    });
    return String(id);
  }

  /** The newest entries of the conversation, oldest first. */
  async history(conversationId: string): Promise<Answer[]> {
    const page: unknown = await this.#client.query(
      anyApi["agentFactory"]!["listConversationMessages"]!,
      {
        conversationId,
      },
    );
    return (page as { entries: Answer[] }).entries;
  }
}
