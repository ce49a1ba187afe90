import { useState } from "react";
import { timeText } from "../../format/format.js";
import { messageWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Guarded } from "../../parts/Guarded.js";
import type { ChatLine } from "./lines.js";
import { Why } from "./Why.js";

export function Line({ line }: { line: ChatLine }) {
  const [asked, setAsked] = useState(false);
  const { open } = line;
  return (
    <li className={`line ${line.from}`}>
      <span className="unseen">{line.from === "user" ? "You" : "Agent"}: </span>
      <p className="bubble">{line.text}</p>
      <p className="meta">
        <time dateTime={new Date(line.at).toISOString()}>{timeText(line.at)}</time>
        {open !== null && <Badge word={messageWord(open.status)} />}
        {open !== null && open.status !== "failed" && (
          <button
            type="button"
            className="link"
            aria-expanded={asked}
            onClick={() => setAsked(!asked)}
          >
            Why is it not answered?
          </button>
        )}
      </p>
      {open !== null && asked && (
        <Guarded what="The reason">
          <Why messageId={open._id} />
        </Guarded>
      )}
    </li>
  );
}
