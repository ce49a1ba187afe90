/** The shape of updates as far as we read them. Tolerant: unknown fields are dropped, a field of a wrong type is absent. */
import { z } from "zod";

// The isolate may refuse code generation from strings, which zod would otherwise try.
z.config({ jitless: true });

const lenient = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);
const text = lenient(z.string());
const flag = lenient(z.boolean());
const size = lenient(z.number().nonnegative());
/** Its content is of no interest, only that it is there. */
const anything = lenient(z.custom<object>((value) => typeof value === "object" && value !== null));

const vUser = z.object({ id: z.int(), is_bot: flag });
const vChat = z.object({ id: z.int(), type: text });

export const vFile = z.object({
  file_id: z.string().min(1),
  file_size: size,
  file_name: text,
  mime_type: text,
});
export const vPhoto = vFile.extend({ width: size, height: size });
export const vSticker = vFile.extend({ emoji: text, is_animated: flag, is_video: flag });

const vLocation = z.object({ latitude: z.number(), longitude: z.number() });
const vTexts = z.array(z.object({ text: z.string() }));

/** What a message may hold beside text and files and can be told in words. */
const told = {
  location: lenient(vLocation),
  venue: lenient(z.object({ title: z.string(), address: text, location: lenient(vLocation) })),
  contact: lenient(z.object({ first_name: z.string(), last_name: text, phone_number: z.string() })),
  poll: lenient(z.object({ question: z.string(), options: lenient(vTexts) })),
  checklist: lenient(z.object({ title: z.string(), tasks: lenient(vTexts) })),
  dice: lenient(z.object({ emoji: z.string(), value: z.number() })),
  rich_message: lenient(z.object({ blocks: z.array(z.unknown()) })),
};

/** What people send on purpose and we can do nothing with. */
export const UNREADABLE = [
  "story",
  "game",
  "invoice",
  "paid_media",
  "giveaway",
  "giveaway_winners",
  "gift",
  "unique_gift",
] as const;
const unreadable = {
  story: anything,
  game: anything,
  invoice: anything,
  paid_media: anything,
  giveaway: anything,
  giveaway_winners: anything,
  gift: anything,
  unique_gift: anything,
} satisfies Record<(typeof UNREADABLE)[number], typeof anything>;

export const vMessage = z.object({
  message_id: lenient(z.int()),
  chat: lenient(vChat),
  from: lenient(vUser),
  sender_chat: anything,
  via_bot: anything,
  forward_origin: anything,
  /** What servers before 7.0 say of a forwarded message. */
  forward_date: lenient(z.number()),
  edit_date: lenient(z.number()),
  message_thread_id: lenient(z.int()),
  is_topic_message: flag,
  is_automatic_forward: flag,
  media_group_id: text,
  migrate_to_chat_id: lenient(z.int()),
  migrate_from_chat_id: lenient(z.int()),
  text,
  caption: text,
  photo: lenient(z.array(vPhoto)),
  video: lenient(vFile),
  audio: lenient(vFile),
  voice: lenient(vFile),
  document: lenient(vFile),
  animation: lenient(vFile),
  video_note: lenient(vFile),
  sticker: lenient(vSticker),
  ...told,
  ...unreadable,
});
export type WireMessage = z.output<typeof vMessage>;

const vCallback = z.object({
  id: z.string().min(1).max(256),
  from: vUser,
  message: lenient(vMessage),
  data: text,
});
export type WireCallback = z.output<typeof vCallback>;

const vMember = z.object({
  chat: vChat,
  new_chat_member: z.object({ status: z.string() }),
});

export const vUpdate = z.object({
  update_id: lenient(z.int().nonnegative()),
  message: lenient(vMessage),
  edited_message: lenient(vMessage),
  callback_query: lenient(vCallback),
  my_chat_member: lenient(vMember),
});
