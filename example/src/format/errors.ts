import { ConvexError } from "convex/values";

/** What went wrong, in the sentence the backend wrote for people. */
export function errorText(error: unknown): string {
  if (error instanceof ConvexError) {
    const data: unknown = error.data;
    if (typeof data === "string") return data;
    if (typeof data === "object" && data !== null && "message" in data) return String(data.message);
  }
  if (!(error instanceof Error)) return "Something went wrong. Try again.";
  const [first = ""] = error.message.split("\n");
  return first.replace(/^\[(CONVEX|Request)[^\]]*\]\s*/g, "") || "Something went wrong. Try again.";
}
