import { defineSchema } from "convex/server";

/** This app has no tables of its own: messages, workers and secrets live in the component. */
export default defineSchema({});
