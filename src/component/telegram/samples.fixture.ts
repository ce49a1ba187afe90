/** Updates as Telegram sends them, one of every kind that reaches a bot of ours. Checked against the Bot API's types. */
import type { Update } from "@grammyjs/types";

const DATE = 1_800_000_000;
const ADA = { id: 501, is_bot: false, first_name: "Ada", username: "ada", language_code: "en" };
const PRIVATE = { id: 501, type: "private", first_name: "Ada", username: "ada" } as const;
const FORUM = {
  id: -1_001_234_567_890,
  type: "supergroup",
  title: "Makers",
  is_forum: true,
} as const;
const OLD_GROUP = { id: -4_321, type: "group", title: "Makers" } as const;
const BOT = { id: 4_242, is_bot: true, first_name: "Helper", username: "helper_bot" } as const;
const sent = { date: DATE, from: ADA };
const said = { ...sent, chat: PRIVATE };
const named = (file_id: string) => ({ file_id, file_unique_id: `u-${file_id}`, file_size: 20 });
const sized = (file_id: string) => ({ ...named(file_id), width: 90, height: 60 });

export const SAMPLES = {
  text: { update_id: 1, message: { ...said, message_id: 1, text: "hello" } },
  start: {
    update_id: 2,
    message: {
      ...said,
      message_id: 2,
      text: "/start ABCDEFGH12",
      entities: [{ type: "bot_command", offset: 0, length: 6 }],
    },
  },
  photo: {
    update_id: 3,
    message: { ...said, message_id: 3, caption: "look", photo: [sized("p-s"), sized("p")] },
  },
  album: {
    update_id: 4,
    message: { ...said, message_id: 4, media_group_id: "g", photo: [sized("a")] },
  },
  video: {
    update_id: 5,
    message: { ...said, message_id: 5, video: { ...sized("v"), duration: 1 } },
  },
  voice: {
    update_id: 6,
    message: { ...said, message_id: 6, voice: { ...named("o"), duration: 1 } },
  },
  audio: {
    update_id: 7,
    message: { ...said, message_id: 7, audio: { ...named("m"), duration: 1 } },
  },
  document: {
    update_id: 8,
    message: {
      ...said,
      message_id: 8,
      document: { ...named("d"), file_name: "plan.pdf", mime_type: "application/pdf" },
    },
  },
  animation: {
    update_id: 9,
    message: {
      ...said,
      message_id: 9,
      animation: { ...sized("g"), duration: 1 },
      document: named("g"),
    },
  },
  videoNote: {
    update_id: 10,
    message: { ...said, message_id: 10, video_note: { ...named("n"), length: 1, duration: 1 } },
  },
  sticker: {
    update_id: 11,
    message: {
      ...said,
      message_id: 11,
      sticker: {
        ...sized("s"),
        type: "regular",
        is_animated: false,
        is_video: false,
        emoji: "😀",
      },
    },
  },
  location: {
    update_id: 12,
    message: { ...said, message_id: 12, location: { latitude: 45.46, longitude: 9.19 } },
  },
  venue: {
    update_id: 13,
    message: {
      ...said,
      message_id: 13,
      location: { latitude: 45.46, longitude: 9.19 },
      venue: {
        title: "Duomo",
        address: "Piazza del Duomo",
        location: { latitude: 45.46, longitude: 9.19 },
      },
    },
  },
  contact: {
    update_id: 14,
    message: {
      ...said,
      message_id: 14,
      contact: { first_name: "Bob", last_name: "Stone", phone_number: "+39 02 1234" },
    },
  },
  dice: { update_id: 15, message: { ...said, message_id: 15, dice: { emoji: "🎲", value: 4 } } },
  topic: {
    update_id: 16,
    message: {
      ...sent,
      message_id: 16,
      chat: FORUM,
      is_topic_message: true,
      message_thread_id: 7,
      text: "in a topic",
    },
  },
  edit: {
    update_id: 17,
    edited_message: { ...said, message_id: 1, edit_date: DATE + 5, text: "hello!" },
  },
  callback: {
    update_id: 18,
    callback_query: {
      id: "99001",
      from: ADA,
      chat_instance: "1",
      data: "yes",
      message: { message_id: 40, date: DATE, chat: PRIVATE, from: BOT, text: "Shall I?" },
    },
  },
  inlineCallback: {
    update_id: 19,
    callback_query: {
      id: "99002",
      from: ADA,
      chat_instance: "1",
      data: "yes",
      inline_message_id: "x",
    },
  },
  blocked: {
    update_id: 20,
    my_chat_member: {
      chat: PRIVATE,
      from: ADA,
      date: DATE,
      old_chat_member: { status: "member", user: BOT },
      new_chat_member: { status: "kicked", user: BOT, until_date: 0 },
    },
  },
  migrateTo: {
    update_id: 21,
    message: { ...sent, message_id: 21, chat: OLD_GROUP, migrate_to_chat_id: FORUM.id },
  },
  migrateFrom: {
    update_id: 22,
    message: { ...sent, message_id: 1, chat: FORUM, migrate_from_chat_id: OLD_GROUP.id },
  },
  channelPost: {
    update_id: 23,
    channel_post: {
      message_id: 23,
      date: DATE,
      chat: { id: -1_009, type: "channel", title: "News" },
      sender_chat: { id: -1_009, type: "channel", title: "News" },
      text: "news",
    },
  },
} satisfies Record<string, Update>;
