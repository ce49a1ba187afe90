import { defineSchema } from "convex/server";
import { agentsTables } from "./agents/schema.js";
import { cleanupTables } from "./cleanup/schema.js";
import { conversationsTables } from "./conversations/schema.js";
import { identityTables } from "./identity/schema.js";
import { messageTemplatesTables } from "./messageTemplates/schema.js";
import { providersTables } from "./providers/schema.js";
import { pushTables } from "./push/schema.js";
import { queueTables } from "./queue/schema.js";
import { schedulerTables } from "./scheduler/schema.js";
import { secretsTables } from "./secrets/schema.js";
import { settingsTables } from "./settings/schema.js";
import { skillsTables } from "./skills/schema.js";
import { snapshotsTables } from "./snapshots/schema.js";
import { spendTables } from "./spend/schema.js";
import { telegramTables } from "./telegram/schema.js";
import { trailTables } from "./trail/schema.js";
import { workersTables } from "./workers/schema.js";

/** Every table of 3.x with its fields and indexes, plus ours; each room declares its own. */
export default defineSchema({
  ...settingsTables,
  ...secretsTables,
  ...agentsTables,
  ...trailTables,
  ...spendTables,
  ...snapshotsTables,
  ...conversationsTables,
  ...workersTables,
  ...queueTables,
  ...providersTables,
  ...schedulerTables,
  ...cleanupTables,
  ...skillsTables,
  ...identityTables,
  ...messageTemplatesTables,
  ...telegramTables,
  ...pushTables,
});
